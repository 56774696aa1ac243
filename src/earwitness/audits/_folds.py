"""Which clips are tested together: folds that never part a group, or the split that came with the data."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from earwitness.errors import InputError

TRAIN = ("train", "training", "valid", "validation", "val", "dev", "development")
TEST = ("test", "testing", "eval", "evaluation")


@dataclass(frozen=True)
class Folds:
    """The fold in which each clip is tested.

    Attributes
    ----------
    test : (n,) int array
        From 0; -1 for a clip that is only learnt from.
    count
        Number of folds.
    """

    test: NDArray[np.int64]
    count: int

    def __iter__(self) -> Any:
        """Rows to learn from and rows to test on, fold by fold."""
        for fold in range(self.count):
            yield np.flatnonzero(self.test != fold), np.flatnonzero(self.test == fold)


def stratified_folds(strata: NDArray[Any], groups: NDArray[Any] | None, folds: int, seed: int) -> Folds:
    """Folds with each class spread as evenly as its groups allow; no group is on both sides.

    Parameters
    ----------
    strata : (n,) array
        Class of each clip.
    groups : (n,) array or None
        What stays together.
    folds
        Asked for; fewer where there are fewer clips (or groups).
    seed
        Of the shuffle.

    Raises
    ------
    InputError
        If fewer than two folds are possible.
    """
    units = len(strata) if groups is None else len(np.unique(groups))
    largest = int(np.unique(strata, return_counts=True)[1].max())
    count = min(folds, units, largest)
    if count < 2:
        what = "clips" if groups is None else "groups"
        raise InputError(f"cross-validation needs two folds or more, and {units} {what} allow {count}: add clips")
    made = StratifiedKFold if groups is None else StratifiedGroupKFold
    test = np.full(len(strata), -1)
    with warnings.catch_warnings():
        # A class with fewer clips than folds is missing from some of them, which is all right.
        warnings.filterwarnings("ignore", "The least populated class")
        splits = made(count, shuffle=True, random_state=seed).split(strata, strata, groups)
        for fold, (_, rows) in enumerate(splits):
            test[rows] = fold
    _, test = np.unique(test, return_inverse=True)  # a fold that got no group is no fold
    return Folds(test, int(test.max()) + 1)


def given_split(split: NDArray[Any], groups: NDArray[Any] | None, column: str) -> Folds:
    """The split of a column: what it calls train or validation is learnt from, what it calls test is tested.

    Raises
    ------
    InputError
        If a side is empty, a value is of neither, or a group lies on both.
    """
    sides = np.array([str(value).strip().lower() for value in split])
    train, test = np.isin(sides, TRAIN), np.isin(sides, TEST)
    strange = ~(train | test)
    if strange.any():
        raise InputError(
            f"column {column!r} holds {str(split[strange.argmax()])!r}, which is no split: use one of "
            f"{', '.join(TRAIN + TEST)}"
        )
    if not train.any() or not test.any():
        raise InputError(f"column {column!r} has no clip to {'test' if train.any() else 'learn from'}: give both")
    if groups is not None:
        both = np.intersect1d(groups[train].astype(str), groups[test].astype(str))
        if len(both):
            raise InputError(
                f"{len(both)} groups lie on both sides of the split in column {column!r}, the first is '{both[0]}': "
                "scores would be too good, so move each to one side"
            )
    return Folds(np.where(test, 0, -1), 1)
