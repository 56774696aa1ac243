"""Clips of two or three domains whose difference was planted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Planted(NamedTuple):
    """What was planted: clips are normal with one covariance, and domain j's mean is off by shifts[j]."""

    covariance: Floats
    shifts: Floats

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.str_]]:
        """Unequal domains "a", "b", ... of n clips altogether, off the origin."""
        k = len(self.shifts)
        member = rng.choice(k, size=n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
        root = np.linalg.cholesky(self.covariance)
        X = rng.normal(size=(n, len(root))) @ root.T + self.shifts[member] + 3
        return X, np.array(list("abcdefgh"))[member]


def planted(d: int, k: int = 2, apart: float = 4.0, seed: int = 0, *, round_: bool = False) -> Planted:
    """Correlated features of spreads from 0.1 to 10, unless round; means `apart` spreads from the first domain's."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(rng.normal(size=(d, d)))[0]
    values = np.ones(d) if round_ else 10.0 ** np.linspace(-1, 1, d)
    shifts = rng.normal(size=(k, d))
    shifts *= apart * np.sqrt(values.mean()) / np.linalg.norm(shifts, axis=1, keepdims=True)
    shifts[0] = 0
    return Planted(mix @ np.diag(values) @ mix.T, shifts)


def degrees_between(w: Floats, v: Floats) -> float:
    """Angle between two lines."""
    c = abs(w @ v) / np.linalg.norm(w) / np.linalg.norm(v)
    return float(np.degrees(np.arccos(min(c, 1))))


def domain_auc(
    train: Floats, domain: NDArray[np.str_], test: Floats, test_domain: NDArray[np.str_], second: str = "b"
) -> float:
    """How well a linear model that learnt the domain on one half tells it on the other; 0.5 is not at all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(train, domain == second)
    return float(roc_auc_score(test_domain == second, probe.decision_function(test)))
