"""The one place that knows the library `mixedlm`: numbers in, estimates out.

Only the simplest part of its formula language is used (`y ~ 0 + x0 + x1 + (0 + z0 + z1 | g0)` over columns made here),
so that coding of factors, names and grids are this package's own and cannot drift with the library's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A random effect whose s.d. is this small beside the residual one counts as zero (lme4's own tolerance).
BOUNDARY = 1e-4


@dataclass(frozen=True)
class Block:
    """Random effects with one common covariance matrix: `Z` (n, k) varies over the groups in `codes` (n,)."""

    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    Z: Floats
    names: tuple[str, ...]
    group: str

    @property
    def size(self) -> int:
        """Number of relative covariance parameters: the lower triangle of the factor."""
        return len(self.names) * (len(self.names) + 1) // 2


@dataclass(frozen=True)
class Fit:
    """Estimates. `theta` holds the lower triangles, row by row, of the blocks' factors relative to `sigma`."""

    beta: Floats
    theta: Floats
    sigma: float
    criterion: float
    converged: bool
    result: Any

    @property
    def singular(self) -> bool:
        """Whether a variance is estimated as zero, or a correlation as one."""
        return bool(self.result.isSingular(tol=BOUNDARY))


def fit(y: Floats, X: Floats, blocks: tuple[Block, ...], *, reml: bool) -> Fit:
    """Maximise the (restricted) likelihood."""
    from mixedlm import lmer, lmerControl

    columns: dict[str, Any] = {"y": y} | {f"x{k}": X[:, k] for k in range(X.shape[1])}
    terms = ["0"] + [f"x{k}" for k in range(X.shape[1])]
    for b, block in enumerate(blocks):
        columns[f"g{b}"] = block.codes
        columns |= {f"z{b}_{k}": block.Z[:, k] for k in range(block.Z.shape[1])}
        terms.append(f"(0 + {' + '.join(f'z{b}_{k}' for k in range(block.Z.shape[1]))} | g{b})")
    control = lmerControl(check_conv=False, check_singular=False, boundary_tol=BOUNDARY, **_NO_CHECKS)
    result = lmer("y ~ " + " + ".join(terms), pd.DataFrame(columns), REML=reml, control=control)
    return Fit(
        beta=np.asarray(result.beta, float),
        theta=np.asarray(result.theta, float),
        sigma=float(result.sigma),
        criterion=float(result.REMLcrit() if reml else -2 * float(result.logLik())),
        converged=bool(result.converged),
        result=result,
    )


# What they check is checked before, in words of this package.
_NO_CHECKS: dict[str, Any] = dict.fromkeys(
    [
        "check_nobs_vs_rankZ",
        "check_nobs_vs_nlev",
        "check_nlev_gtreq_5",
        "check_nlev_gtr_1",
        "check_scaleX",
        "check_rankX",
    ],
    "ignore",
)


def simulate_and_refit(fitted: Fit, n_resamples: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats, int]:
    """Parametric bootstrap: (replicates, p) beta, (replicates, q) theta, (replicates,) sigma, and failed refits."""
    from mixedlm import bootMer

    draws: Any = bootMer(fitted.result, nsim=n_resamples, seed=rng)
    return draws.beta_samples, draws.theta_samples, draws.sigma_samples, int(draws.n_failed)
