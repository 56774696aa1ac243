r"""L2 logistic regressions by Newton's method, in whichever of the two spaces is smaller.

Conventions: the probe of a class is :math:`f = X \beta + b` with the smallest
:math:`\tfrac12 \|\beta\|^2 + C \sum_i u_i \log(1 + e^{-y_i f_i})`, y = 1 or -1, where u weighs both sides the same. Its
coefficients are combinations of the clips that it learnt from, :math:`\beta = X^\top \alpha`. The intercept is not
penalised.

References
----------
Rasmussen and Williams (2006). Gaussian Processes for Machine Learning, section 3.4, for the step between clips.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from earwitness.audits._geometry import Geometry

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_STEPS = 60
_DONE = 1e-10
_FLOOR = 1e-12


@dataclass(frozen=True)
class Fitted:
    """One probe.

    Attributes
    ----------
    alpha : (n,) array
        Weight of each clip that it learnt from.
    intercept
        b.
    """

    alpha: Floats
    intercept: float


def fit_logistic(clips: Geometry, y: Bools, strength: float, start: Fitted | None = None) -> Fitted:
    """The probe of one class, learnt from these clips.

    Parameters
    ----------
    clips
        n clips.
    y : (n,) bool array
        Which of them have the class.
    strength
        Inverse penalty C.
    start
        Where to begin; the end is the same.

    Returns
    -------
    Fitted
        All zeros where only one side is there.
    """
    alpha, b = (np.zeros(len(y)), 0.0) if start is None else (start.alpha, start.intercept)
    if y.all() or not y.any():
        return Fitted(np.zeros(len(y)), 0.0)
    cost = cost_of(y, strength)
    everything = np.arange(len(y))
    f = clips.scores(everything, everything, alpha) + b
    loss = _loss(alpha, f - b, f, cost, y)
    for _ in range(_STEPS):
        toward, b_toward, f_toward = _newton(clips, f, y, cost)
        for step in (1.0, 0.5, 0.25, 0.1, 0.02, 1e-3, 1e-5):
            a, c = alpha + step * (toward - alpha), b + step * (b_toward - b)
            now = f + step * (f_toward - f)
            gained = loss - _loss(a, now - c, now, cost, y)
            if gained >= 0:
                break
        if gained < 0:  # only rounding is left to gain
            break
        alpha, b, f, loss = a, c, now, loss - gained
        if gained <= _DONE * (1 + abs(loss)):
            break
    return Fitted(alpha, float(b))


def cost_of(y: Bools, strength: float) -> Floats:
    """(n,) weight of each clip's loss, C u: both sides count the same."""
    return np.asarray(strength * np.where(y, 0.5 / y.mean(), 0.5 / (1 - y.mean())))


def _newton(clips: Geometry, f: Floats, y: Bools, cost: Floats) -> tuple[Floats, float, Floats]:
    """Weights, intercept and scores at the bottom of the parabola that touches the loss here."""
    p = 1 / (1 + np.exp(-np.clip(f, -500, 500)))
    curvature = np.maximum(cost * p * (1 - p), _FLOOR)
    aim = f + cost * (y - p) / curvature
    root = np.sqrt(curvature)
    if clips.few:
        assert clips.features is not None
        wide = np.column_stack([clips.features, np.ones(len(f))])
        beta = _solve((wide * curvature[:, None]).T @ wide, wide.T @ (curvature * aim), free=1)
        scores = wide @ beta
        return curvature * (aim - scores), float(beta[-1]), scores
    assert clips.gram is not None
    matrix = clips.gram * root[:, None]
    matrix *= root
    solved = root[:, None] * _solve(matrix, np.stack([root * aim, root], axis=1))
    b = solved[:, 0].sum() / solved[:, 1].sum()
    alpha = solved[:, 0] - b * solved[:, 1]
    return alpha, float(b), clips.gram @ alpha + b


def _solve(matrix: Floats, sides: Floats, free: int = 0) -> Floats:
    """(matrix + 1)^-1 sides, without the one in the last `free` places."""
    size = len(matrix) - free
    matrix.flat[: size * len(matrix) : len(matrix) + 1] += 1
    solved: Floats = cho_solve(
        cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False), sides, check_finite=False
    )
    return solved


def _loss(alpha: Floats, without_intercept: Floats, f: Floats, cost: Floats, y: Bools) -> float:
    return float(alpha @ without_intercept / 2 + cost @ np.logaddexp(0, -np.where(y, f, -f)))
