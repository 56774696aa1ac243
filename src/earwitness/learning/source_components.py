"""How much of the variation between networks each learning source owes: Table 2.6, and Figure 2.14.

For each target, over the runs of several sources: y* = mu + strategy + sum over sources of a(absent or present) + e. By
moments the variance of a source is max(0, b^2 - se^2), with b its coefficient coded -1/+1, up to a common factor; its
share is of the sum over sources, the residual and the strategy left out. `method="reml"` fits random effects instead.

References
----------
Kim (2021), doctoral thesis, section 2.5.3, Table 2.6, Figure 2.14.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from earwitness.errors import InputError
from earwitness.learning.design import SINGLE
from earwitness.learning.scores import Floats, ScoreMatrix, estimate_of, resampled_runs
from earwitness.learning.strategy_models import least_squares
from earwitness.stats import Estimate, bootstrap, variance_components


def source_shares(
    matrix: ScoreMatrix,
    sources: Sequence[str],
    *,
    method: Literal["moments", "reml"] = "moments",
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Percent of the sources' variance that each source owes, on each target (Table 2.6).

    Parameters
    ----------
    matrix
        All runs; those of one source are left out.
    sources
        Columns of `matrix.runs`, 0 or 1.
    method
        "moments" adjusts for the strategy and has bootstrap intervals over runs; "reml" is the random-effects model
        without the strategy, and has none.
    n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        target, source, variance, value (percent; NaN where no source has a variance above 0), low, high, n, note.

    Raises
    ------
    InputError
        If the runs do not tell the sources apart.
    """
    several = matrix.where(matrix.strategies != SINGLE)
    if method == "reml":
        return _by_reml(several, sources)
    W = resampled_runs(several.strategies, n_resamples, np.random.default_rng([seed, 5]))
    variances = source_variances(several, sources, W)
    shares = _percent(variances)
    rows = []
    for t, target in enumerate(matrix.targets):
        for s, source in enumerate(sources):
            found = estimate_of(shares[:, s, t], len(several.Y))
            if np.isnan(found.value):
                found = Estimate(np.nan, np.nan, np.nan, len(several.Y), "no source has a variance above zero")
            rows.append({"target": target, "source": source, "variance": variances[0, s, t], **vars(found)})
    return pd.DataFrame(rows)


def source_variances(several: ScoreMatrix, sources: Sequence[str], W: Floats) -> Floats:
    """(resamples, sources, targets) variances by moments of runs with the weights W (resamples, runs).

    NaN where the drawn runs do not tell sources and strategies apart.

    Raises
    ------
    InputError
        If the runs themselves do not.
    """
    X = _columns(several, sources)
    beta, inverse, determined = least_squares(W, X, several.Y)
    free = W.sum(1)[0] - X.shape[1]
    if not determined[0] or free < 1:
        raise InputError(
            f"{len(X)} runs of several sources do not tell {len(sources)} sources and the strategies apart: add runs"
        )
    fitted = np.einsum("ni,bit->bnt", X, beta, optimize=True)
    residual = np.einsum("bn,bnt->bt", W, (several.Y - fitted) ** 2, optimize=True) / free
    own = slice(1, 1 + len(sources))
    errors = np.diagonal(inverse, axis1=1, axis2=2)[:, own, None] * residual[:, None, :]
    return np.asarray(np.maximum(0, beta[:, own] ** 2 - errors))


def _columns(several: ScoreMatrix, sources: Sequence[str]) -> Floats:
    """Intercept, each source coded -1/+1, strategies in sum-to-zero contrasts."""
    missing = [source for source in sources if source not in several.runs]
    if missing:
        raise InputError(f"the scores have no column {missing[0]!r} that says which runs had this source")
    present = 2 * several.runs[list(sources)].to_numpy(float) - 1
    strategies = sorted(set(several.strategies))
    contrasts = [
        (several.strategies == one).astype(float) - (several.strategies == strategies[-1]) for one in strategies[:-1]
    ]
    return np.column_stack([np.ones(len(present)), present, *contrasts])


def _percent(variances: Floats) -> Floats:
    total = variances.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, 100 * variances / total, np.nan))


def _by_reml(several: ScoreMatrix, sources: Sequence[str]) -> pd.DataFrame:
    rows = []
    for place, target in enumerate(several.targets):
        data = several.runs[list(sources)].astype(str).set_axis([f"s{k}" for k in range(len(sources))], axis=1)
        data["y"] = several.Y[:, place]
        found = variance_components(data, "y", [f"s{k}" for k in range(len(sources))]).to_frame()
        for source, (variance, percent) in zip(
            sources, found[["variance", "percent"]].to_numpy(float).tolist(), strict=True
        ):
            estimate = Estimate(percent, np.nan, np.nan, len(data), "REML has no interval")
            rows.append({"target": target, "source": source, "variance": variance, **vars(estimate)})
    return pd.DataFrame(rows)


def single_source_scores(matrix: ScoreMatrix, sources: Sequence[str]) -> Floats:
    """(sources, targets) mean standardised score of the networks of each source alone; NaN where there is none."""
    found = np.full((len(sources), len(matrix.targets)), np.nan)
    for s, source in enumerate(sources):
        own = (matrix.strategies == SINGLE) & (matrix.runs[source] == 1).to_numpy()
        if own.any():
            found[s] = matrix.Y[own].mean(0)
    return found


def share_correlation(
    matrix: ScoreMatrix, sources: Sequence[str], shares: pd.DataFrame, *, n_resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Pearson correlation, over sources and targets, of a source's share and its own network's score (Figure 2.14).

    Parameters
    ----------
    matrix
        All runs.
    sources
        Columns of `matrix.runs`.
    shares
        Of `source_shares`.
    n_resamples, seed
        Of the bootstrap, which resamples sources with all their targets. Resampled runs would blur the shares, and
        with them the correlation.
    """
    scores = single_source_scores(matrix, sources)
    wide = shares.pivot_table(index="source", columns="target", values="value", sort=False, dropna=False)
    share = wide.reindex(index=list(sources), columns=list(matrix.targets)).to_numpy(float)
    known = np.isfinite(scores) & np.isfinite(share)
    if known.sum() < 3:
        note = "fewer than three pairs of a share and a score"
        return Estimate(np.nan, np.nan, np.nan, int(known.sum()), note)
    pairs, owners = np.column_stack([share[known], scores[known]]), np.nonzero(known)[0]
    rng = np.random.default_rng([seed, 6])
    found = bootstrap(pairs, _correlation, groups=owners, n_resamples=n_resamples, rng=rng)
    return replace(found, note=found.note or f"over {found.n} sources", n=len(pairs))


def _correlation(pairs: Floats) -> float:
    x, y = (pairs - pairs.mean(0)).T
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else np.nan
