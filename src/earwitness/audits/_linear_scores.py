"""How well a linear map takes clips to their changed versions: in training, on clips it has not seen, and by chance.

Conventions: a row of `errors` is one clip, a column one dimension. The nearest neighbour of an image is looked for
among all changed clips, so chance is 1/n in training and in test; another changed clip that is as near is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from earwitness.audits._folds import stratified_folds
from earwitness.audits._linear_families import FAMILIES, Source, folds_of
from earwitness.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
Groups = NDArray[np.str_] | None

FOLDS = 5
LEAST = 10


@dataclass(frozen=True)
class Scored:
    """A map on some clips.

    Attributes
    ----------
    errors : (n, d) array
        Squared errors.
    hit : (n,) bool array
        Whether the nearest changed clip is the own one.
    """

    errors: Floats
    hit: Bools


@dataclass(frozen=True)
class Fitted:
    """One family of maps on the pairs of clips and changed clips.

    Attributes
    ----------
    train
        Fitted to all clips and asked about them.
    held_out
        Every clip by the map that was fitted to the other folds.
    shuffled
        By shuffle: rows of the clips that were asked about, the scores of maps that were fitted to shuffled pairs, and
        the squared distances of their targets to the mean.
    rank
        Of the map of all clips, where it was chosen.
    """

    train: Scored
    held_out: Scored
    shuffled: tuple[tuple[Scored, Floats], ...]
    rank: int | None


def fit_all(X: Floats, Y: Floats, groups: Groups, shuffles: int, seed: int) -> dict[str, Fitted]:
    """Every family by name.

    Parameters
    ----------
    X, Y : (n, d) arrays
        Clips and their changed versions.
    groups : (n,) array or None
        What is never on both sides of a fold.
    shuffles
        How often the pairs are shuffled; each time another fold is asked.
    seed
        Of folds and shuffles.
    """
    outer = _folds(len(X), groups, seed)
    everything = _source(X, groups, np.arange(len(X)), seed)
    parts = [(_source(X, groups, learn, seed), learn, test) for learn, test in outer]
    rng = np.random.default_rng([seed, 1])
    orders = [rng.permutation(len(X)) for _ in range(shuffles)]
    found = {}
    for name, fit in FAMILIES.items():
        map_of_all = fit(everything, Y)
        images = np.empty_like(Y)
        for source, learn, test in parts:
            images[test] = fit(source, Y[learn])(X[test])
        shuffled = []
        for k, order in enumerate(orders):
            source, learn, test = parts[k % len(parts)]
            targets = Y[order]
            scored = score(fit(source, targets[learn])(X[test]), targets, test)
            shuffled.append((scored, np.square(targets[test] - Y.mean(0))))
        rows = np.arange(len(X))
        found[name] = Fitted(score(map_of_all(X), Y, rows), score(images, Y, rows), tuple(shuffled), map_of_all.rank)
    return found


def score(images: Floats, targets: Floats, own: Rows) -> Scored:
    """Images (m, d) of clips against targets (n, d), of which those in the rows `own` (m,) are theirs."""
    D = cdist(images, targets)
    here = np.arange(len(own))
    mine = D[here, own].copy()
    D[here, own] = np.inf
    return Scored(np.square(images - targets[own]), D.min(1) > mine)


def _folds(n: int, groups: Groups, seed: int) -> tuple[tuple[Rows, Rows], ...]:
    return folds_of(n, stratified_folds(np.zeros(n, int), groups, FOLDS, seed).test)


def _source(X: Floats, groups: Groups, rows: Rows, seed: int) -> Source:
    """With folds of its own; where one group is left, between clips."""
    of = None if groups is None or len(np.unique(groups[rows])) < 2 else groups[rows]
    return Source(X[rows], _folds(len(rows), of, seed))


def consistency(X: Floats, Y: Floats, groups: Groups) -> Floats:
    """(n,) cosine of each displacement y - x with the mean of those of the other clips (groups); NaN without one."""
    moved = Y - X
    _, unit = np.unique(np.arange(len(X)) if groups is None else groups, return_inverse=True)
    mine = np.zeros((unit.max() + 1, X.shape[1]))
    np.add.at(mine, unit, moved)
    others = moved.sum(0) - mine[unit]
    length = np.linalg.norm(moved, axis=1) * np.linalg.norm(others, axis=1)
    return np.divide((moved * others).sum(1), length, out=np.full(len(X), np.nan), where=length > 0)


def check_pairs(X: Floats, Y: Floats, encoder: str, label: str) -> None:
    """Refuse what no map can be fitted to.

    Raises
    ------
    InputError
        If there are fewer than ten pairs, a value is not finite, or all clips are the same.
    """
    if len(X) < LEAST:
        raise InputError(
            f"linear maps are fitted to clips and tested on others, and {len(X)} have a version under "
            f"{label!r}: give {LEAST} or more"
        )
    if not (np.isfinite(X).all() and np.isfinite(Y).all()):
        raise InputError(f"some vectors of {encoder} are not finite: drop their clips")
    for what, Z in (("the clips as they are", X), (f"the clips under {label!r}", Y)):
        if not (np.ptp(Z, axis=0) > 1e-6 * np.abs(Z).max(0)).any():
            raise InputError(f"{encoder} gives {what} all the same vector, so no map can be told: run check-encoder")


def principal(X: Floats, Ys: Sequence[Floats], axes: int) -> tuple[Floats, list[Floats]]:
    """Clips and changed clips on the first principal axes of the clips."""
    mean = X.mean(0)
    V = np.linalg.svd(X - mean, full_matrices=False)[2][:axes].T
    return (X - mean) @ V, [(Y - mean) @ V for Y in Ys]
