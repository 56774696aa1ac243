"""Linear probes: what a plain model can read off a frozen embedding.

Conventions: vectors are standardised with the mean and spread of the clips that are learnt from; the strength of the
penalty is chosen among `STRENGTHS` by folds *within* those clips, which keep groups together too. No number of the
clips that are tested is ever looked at.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV

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


class LogisticProbe:
    """Logistic regressions with an L2 penalty: one over classes that exclude each other, or one a tag.

    Parameters
    ----------
    link
        "softmax" for classes, each of which weighs the same however many clips it has; "sigmoid" for tags.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.models: list[LogisticRegression] = []

    def fit(self, X: Singles, Y: Singles, strength: float) -> "LogisticProbe":
        """Learn from standardised vectors X (n, d) and indicators Y (n, K), starting from what was learnt before."""
        columns = [Y.argmax(1)] if self.link == "softmax" else list(Y.astype(int).T)
        self.present = [np.unique(column) for column in columns]
        if not self.models:
            balance = "balanced" if self.link == "softmax" else None
            made = {"class_weight": balance, "warm_start": True, "max_iter": _ITERATIONS}
            self.models = [LogisticRegression(**made) for _ in columns]
        with warnings.catch_warnings():
            # A penalty this weak on separable clips has no finite end; where it stops makes no difference to ranks.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for model, column, present in zip(self.models, columns, self.present, strict=True):
                if len(present) > 1:
                    model.set_params(C=strength).fit(X, column)
        return self

    def probabilities(self, X: Singles, count: int) -> Floats:
        """(n, count) probabilities; a class that was not there to learn from has none."""
        found = np.zeros((len(X), count))
        for k, (model, present) in enumerate(zip(self.models, self.present, strict=True)):
            p = model.predict_proba(X) if len(present) > 1 else np.ones((len(X), 1))
            if self.link == "softmax":
                found[:, present] = p
            elif 1 in present:
                found[:, k] = p[:, -1]
        return found

    def loss(self, X: Singles, Y: Singles) -> float:
        """Mean log loss on these clips, where each class weighs the same (softmax) or over all tags (sigmoid)."""
        p = np.clip(self.probabilities(X, Y.shape[1]), 1e-15, 1 - 1e-15)
        if self.link == "softmax":
            size = Y.sum(0)
            return float(-(Y * np.log(p)).sum(0)[size > 0].dot(1 / size[size > 0]) / (size > 0).sum())
        return float(-(Y * np.log(p) + (1 - Y) * np.log(1 - p)).mean())


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
        readers.append(Reader(mean, spread, partial(probe.probabilities, count=Y.shape[1]), strength))
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
        probe = LogisticProbe(link)
        for k, strength in enumerate(STRENGTHS):
            losses[k] += probe.fit(learn, Y[train], strength).loss(ask, Y[test])
    return STRENGTHS[int(losses.argmin())]


def _path(X: Singles, Y: Singles, link: Link, strength: float) -> LogisticProbe:
    """The probe of this strength, reached from the strongest penalty down, which is faster than at once."""
    probe = LogisticProbe(link)
    for step in STRENGTHS[: STRENGTHS.index(strength) + 1]:
        probe.fit(X, Y, step)
    return probe


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
