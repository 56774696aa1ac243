"""Which clips a network learns from, which it is validated on, and which it never sees."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.datasets import Clips
from earwitness.datasets.splits import GROUP_COLUMNS, require_separate_groups
from earwitness.errors import InputError

_TRAINING = {"train", "training", "tr"}
_VALIDATION = {"validation", "valid", "val", "dev"}


@dataclass(frozen=True)
class Split:
    """Which clips are for what.

    Attributes
    ----------
    training, validation : (n,) bool arrays
        A clip may be neither.
    groups : (n,) object array
        What validation clips are drawn by; the clip itself where there is no such column.
    how
        In words.
    """

    training: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    groups: NDArray[np.object_]
    how: str


def split_clips(clips: Clips, *, share: float = 0.1, group: str | None = None, seed: int = 0) -> Split:
    """Part the clips for training and validation.

    A column `split` is followed: its train and validation parts are used, everything else is left alone. Otherwise
    whole groups (artists, tracks) are drawn for validation until they hold the share of clips.

    Parameters
    ----------
    clips
    share
        Of the clips that validate, from 0 to below 1.
    group
        Column whose values are never on both sides; None: the first there is of the usual ones; "none": single clips.
    seed
        Of the draw.

    Raises
    ------
    InputError
        If a column is missing, a given split crosses groups, or nothing is left to train on.
    """
    if not 0 <= share < 1:
        raise InputError(f"a share of {share:g} for validation: it lies from 0 to below 1")
    table = clips.table
    column = _group_column(table, group)
    groups = np.array(clips.table["clip"] if column is None else _filled(table, column), dtype=object)
    if "split" in table:
        if column is not None and group is not None:
            require_separate_groups(table, "split", column)
        return _given(table, groups)
    validation = _drawn(groups, share, seed)
    if validation.all():
        raise InputError(f"every clip has one {column!r}, so none is left to train on: name another --group, or none")
    by = "clips" if column is None else f"values of {column!r}"
    return Split(~validation, validation, groups, f"{share:.0%} of the clips at random, by {by}, seed {seed}")


def _group_column(table: pd.DataFrame, group: str | None) -> str | None:
    if group == "none":
        return None
    if group is None:
        return next((name for name in GROUP_COLUMNS if name in table and len(table[name].unique()) > 1), None)
    if group not in table:
        raise InputError(f"--group {group!r}: the clips have no such column; they have {', '.join(map(str, table))}")
    return group


def _filled(table: pd.DataFrame, column: str) -> pd.Series:
    """A clip without a group is a group of its own."""
    return table[column].astype(object).where(table[column].notna(), table["clip"]).astype(str)


def _given(table: pd.DataFrame, groups: NDArray[np.object_]) -> Split:
    named = table["split"].astype(str).str.strip().str.lower()
    training, validation = (named.isin(names).to_numpy() for names in (_TRAINING, _VALIDATION))
    if not training.any():
        raise InputError(
            f"the column 'split' names no clip 'train' (it has {', '.join(sorted(set(named))[:5])}): name some, or "
            "take the column out"
        )
    return Split(training, validation, groups, "the column 'split'; clips of other parts are not used")


def _drawn(groups: NDArray[np.object_], share: float, seed: int) -> NDArray[np.bool_]:
    """Whole groups in random order, as long as they fit the share; at least one where the share is above 0."""
    names, member, counts = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    wanted, taken, chosen = share * len(groups), 0, np.zeros(len(names), bool)
    for place in np.random.default_rng([seed, 3]).permutation(len(names)):
        if wanted > 0 and (taken + counts[place] <= wanted or not taken):
            chosen[place] = True
            taken += counts[place]
    return chosen[member]
