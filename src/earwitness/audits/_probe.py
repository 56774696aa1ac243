"""Linear probes: what a plain model can read off a frozen embedding.

Conventions: vectors are standardised with the mean and spread of the clips that are learnt from; the strength of the
penalty is chosen among `STRENGTHS` by folds *within* those clips, which keep groups together too. No number of the
clips that are tested is ever looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import RidgeCV

from earwitness.audits._folds import Folds, stratified_folds
from earwitness.errors import InputError

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Link = Literal["softmax", "sigmoid"]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse penalties C of the logistic regression, as in scikit-learn."""

PENALTIES = tuple(10.0**k for k in range(-2, 6))
"""Penalties of the ridge regression."""

INNER_FOLDS = 3
MOST_NUMBERS = 2_000_000
"""Above this many numbers (clips x dimensions) the inner search tests on the first of its folds only."""

_ITERATIONS = 200
_PRECISION = 1e-4  # of the gradient of the mean loss, as in scikit-learn


class LogisticProbe:
    """Logistic regression with an L2 penalty, for all classes or tags at once.

    With softmax the columns of Y are classes that exclude each other, with sigmoid tags that do not. Minimises

        C sum_i s_i loss_i + |W|^2 / 2

    over W (d, K), with the intercepts free; the weights s_i of the clips sum to n.

    Parameters
    ----------
    link
        "softmax" or "sigmoid".
    strength
        C, larger for a freer fit.
    """

    def __init__(self, link: Link, strength: float) -> None:
        self.link = link
        self.strength = strength

    def fit(self, X: Singles, Y: Singles, weights: Floats, start: "LogisticProbe | None" = None) -> "LogisticProbe":
        """Learn from standardised vectors X (n, d), indicators Y (n, K) and weights of the clips (n,)."""
        shape = (X.shape[1] + 1, Y.shape[1])
        total = weights.sum()
        decay = 1 / (self.strength * total)
        share = (weights / total).astype(np.float32)[:, None]

        def objective(flat: Floats) -> tuple[float, Floats]:
            theta = flat.reshape(shape)
            W = theta[:-1].astype(np.float32)
            logits = X @ W + theta[-1].astype(np.float32)  # (n, K)
            loss, slope = self._loss(logits, Y)
            slope = slope * share
            gradient = np.vstack([X.T @ slope, slope.sum(0)]).astype(np.float64)
            gradient[:-1] += decay * theta[:-1]
            value = float((loss * share).sum(dtype=np.float64) + decay / 2 * (theta[:-1] ** 2).sum())
            return value, gradient.ravel()

        theta = np.zeros(shape) if start is None else start.theta_
        options: Any = {"maxiter": _ITERATIONS, "gtol": _PRECISION, "ftol": 1e-9}
        found = minimize(objective, theta.ravel(), jac=True, method="L-BFGS-B", options=options)
        self.theta_: Floats = found.x.reshape(shape)
        return self

    def _loss(self, logits: Singles, Y: Singles) -> tuple[Singles, Singles]:
        """Loss (n, K) of each clip and class, and its slope in the logits."""
        if self.link == "softmax":
            log_p = log_softmax(logits, axis=1)
            return -Y * log_p, np.exp(log_p) - Y
        return np.logaddexp(0, logits) - Y * logits, expit(logits) - Y

    def probabilities(self, X: Singles) -> Floats:
        """(n, K) probabilities."""
        logits = X @ self.theta_[:-1] + self.theta_[-1]
        return softmax(logits, axis=1) if self.link == "softmax" else expit(logits)

    def loss(self, X: Singles, Y: Singles, weights: Floats) -> float:
        """Mean loss on these clips."""
        loss, _ = self._loss((X @ self.theta_[:-1] + self.theta_[-1]), Y)
        return float((loss * weights[:, None]).sum() / weights.sum())


@dataclass(frozen=True)
class Reader:
    """A probe that was learnt on one fold, ready for vectors as they come.

    Attributes
    ----------
    mean, spread : (d,) arrays
        Of the clips it was learnt from.
    read
        From standardised vectors (n, d) to (n, K) probabilities or (n, 1) numbers.
    strength
        The penalty that was chosen.
    """

    mean: Floats
    spread: Floats
    read: Callable[[Singles], Floats]
    strength: float

    def __call__(self, X: Singles) -> Floats:
        """What the probe says of these vectors."""
        return self.read(_scaled(X, self.mean, self.spread))


def class_readers(
    X: Singles, Y: Singles, link: Link, strata: NDArray[Any], groups: NDArray[Any] | None, folds: Folds, seed: int
) -> list[Reader]:
    """Logistic probes, one a fold, each learnt from the clips that its fold does not test.

    Parameters
    ----------
    X : (n, d) array
        Embeddings.
    Y : (n, K) array
        1 where the clip has the class (softmax: exactly one) or tag.
    link
        "softmax" for classes, whose clips weigh so that each class weighs the same; "sigmoid" for tags.
    strata, groups
        What the folds of the inner search spread evenly, and keep together.
    folds
        The outer folds.
    seed
        Of the inner folds.
    """
    readers = []
    for train, _ in folds:
        mine = None if groups is None else groups[train]
        strength = _best_strength(X[train], Y[train], link, _inner(strata[train], mine, X.shape[1], seed))
        mean, spread = _mean_and_spread(X[train])
        probe = _path(_scaled(X[train], mean, spread), Y[train], link, strength)
        readers.append(Reader(mean, spread, probe.probabilities, strength))
    return readers


def number_readers(
    X: Singles, y: Floats, strata: NDArray[Any], groups: NDArray[Any] | None, folds: Folds, seed: int
) -> list[Reader]:
    """Ridge regressions, one a fold, each learnt from the clips that its fold does not test.

    Without groups the penalty is chosen by leaving out one clip at a time (in closed form), with groups by inner folds.
    Parameters are those of `class_readers`.
    """
    readers = []
    for train, _ in folds:
        inner = None
        if groups is not None:
            inner = list(stratified_folds(strata[train], groups[train], INNER_FOLDS, seed))
        mean, spread = _mean_and_spread(X[train])
        # In float64: the closed form of leaving one out divides by small numbers.
        probe = RidgeCV(PENALTIES, cv=inner).fit(_scaled(X[train], mean, spread).astype(np.float64), y[train])
        readers.append(Reader(mean, spread, partial(_predicted, probe), float(probe.alpha_)))
    return readers


def _predicted(probe: RidgeCV, X: Singles) -> Floats:
    found: Floats = probe.predict(X.astype(np.float64))[:, None]
    return found


def probe_classes(
    X: Singles, Y: Singles, link: Link, strata: NDArray[Any], groups: NDArray[Any] | None, folds: Folds, seed: int
) -> tuple[Floats, list[float]]:
    """Probabilities of every clip by a probe that has not seen it, and the strength C that each fold chose.

    Parameters are those of `class_readers`.

    Returns
    -------
    probabilities : (n, K) array
        NaN for clips that no fold tests.
    strengths
        One a fold.
    """
    readers = class_readers(X, Y, link, strata, groups, folds, seed)
    return out_of_fold(readers, X, folds.test), [reader.strength for reader in readers]


def probe_numbers(
    X: Singles, y: Floats, strata: NDArray[Any], groups: NDArray[Any] | None, folds: Folds, seed: int
) -> tuple[Floats, list[float]]:
    """Prediction of every clip by a ridge regression that has not seen it, and the penalty that each fold chose.

    Parameters are those of `number_readers`.
    """
    readers = number_readers(X, y, strata, groups, folds, seed)
    return out_of_fold(readers, X, folds.test)[:, 0], [reader.strength for reader in readers]


def out_of_fold(readers: Sequence[Reader], X: Singles, test: NDArray[np.int64]) -> Floats:
    """(n, K) what each vector's own reader says: that of the fold in which its clip is tested.

    Parameters
    ----------
    readers
        One a fold.
    X : (n, d) array
        Vectors of the clips, or of what has become of them.
    test : (n,) int array
        Fold of each clip; -1 for one that no fold tests, of which nothing is said (NaN).
    """
    found: Floats | None = None
    for fold, reader in enumerate(readers):
        here = test == fold
        said = reader(X[here])
        found = np.full((len(X), said.shape[1]), np.nan) if found is None else found
        found[here] = said
    assert found is not None
    return found


def _inner(strata: NDArray[Any], groups: NDArray[Any] | None, size: int, seed: int) -> list[tuple[Any, Any]]:
    """Folds within the clips that are learnt from; none where these are too few, and then the middle C is taken."""
    try:
        made = list(stratified_folds(strata, groups, INNER_FOLDS, seed))
    except InputError:
        return []
    return made[:1] if len(strata) * size > MOST_NUMBERS else made


def _best_strength(X: Singles, Y: Singles, link: Link, inner: list[tuple[Any, Any]]) -> float:
    """The C with the smallest loss on the clips that were held out."""
    if not inner:
        return STRENGTHS[len(STRENGTHS) // 2]
    losses = np.zeros(len(STRENGTHS))
    for train, test in inner:
        learn, ask = _standardised(X[train], X[test])
        weights, held = _weights(Y[train], link), _weights(Y[test], link)
        probe = None
        for k, strength in enumerate(STRENGTHS):
            probe = LogisticProbe(link, strength).fit(learn, Y[train], weights, start=probe)
            losses[k] += probe.loss(ask, Y[test], held)
    return STRENGTHS[int(losses.argmin())]


def _path(X: Singles, Y: Singles, link: Link, strength: float) -> LogisticProbe:
    """The probe of this strength, reached from the strongest penalty down, which is faster than at once."""
    weights, probe = _weights(Y, link), None
    for step in STRENGTHS[: STRENGTHS.index(strength) + 1]:
        probe = LogisticProbe(link, step).fit(X, Y, weights, start=probe)
    assert probe is not None
    return probe


def _weights(Y: Singles, link: Link) -> Floats:
    """Weights of the clips, n in all: with softmax every class weighs the same, however many clips it has."""
    if link == "sigmoid":
        return np.ones(len(Y))
    size = Y.sum(0, dtype=np.float64)
    weights = Y @ np.divide(1, size, out=np.zeros(len(size)), where=size > 0)
    return weights * len(Y) / weights.sum()


def _standardised(train: Singles, test: Singles) -> tuple[Singles, Singles]:
    """Both by the mean and spread of the first."""
    mean, spread = _mean_and_spread(train)
    return _scaled(train, mean, spread), _scaled(test, mean, spread)


def _mean_and_spread(train: Singles) -> tuple[Floats, Floats]:
    """Of each dimension; one that never changes has infinite spread, so that it is left at 0."""
    mean, spread = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    spread[spread <= 1e-6 * np.abs(mean)] = np.inf  # float32 rounding of a constant, not a spread
    spread[spread == 0] = np.inf
    return mean, spread


def _scaled(X: Singles, mean: Floats, spread: Floats) -> Singles:
    scaled: Singles = ((X - mean) / spread).astype(np.float32)
    return scaled
