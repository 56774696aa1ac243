"""Which clips a task is learnt from, and what is asked of each.

A collection becomes `Examples`: the sounds, the targets beside them, and which of them are for training and which for
validation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.label_factors.terms import read_names
from earwitness.learning.tasks.mixtures import Mixer
from earwitness.learning.tasks.networks import TaskName
from earwitness.learning.tasks.sound import Sounds

FEWEST = 2
"""Training examples below which nothing is trained: a batch needs two to be normalised."""


@dataclass(frozen=True)
class Asked:
    """What is asked of each clip of a collection, before any sound is read.

    Attributes
    ----------
    clips
        Those that have an answer.
    targets
        Tags [n, K] of 0 and 1, or classes [n]; [n, 0] where the sound is its own target.
    outputs
        The names of the tags or classes.
    column
        Of the answers; None where there is none.
    """

    clips: Clips
    targets: NDArray[Any]
    outputs: tuple[str, ...] = ()
    column: str | None = None


@dataclass(frozen=True)
class Examples:
    """The sounds of a task, with what is asked of them.

    Attributes
    ----------
    task
        Which.
    names
        Ids of the clips.
    sounds
        What the network hears, in the order of `names`.
    targets, outputs
        As in `Asked`.
    training, validation
        Whether a clip is trained on, and whether it is validated on, (n,).
    groups
        What intervals resample, (n,).
    copies
        The same sounds under each perturbation that consistency is trained on, in the same order.
    mixer
        Of the separator: mixtures by number, in the order of `names`; `sounds` are then those of the mixtures, where
        songs have them.
    """

    task: TaskName
    names: tuple[str, ...]
    sounds: Sounds
    targets: NDArray[Any]
    outputs: tuple[str, ...]
    training: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    groups: NDArray[Any]
    copies: tuple[Sounds, ...] = ()
    mixer: Mixer | None = None


def nothing_asked(clips: Clips) -> Asked:
    """For the autoencoder: every clip, and no answers."""
    return Asked(clips, np.zeros((len(clips), 0), np.float32))


def tags_asked(clips: Clips, column: str, top: int = 50) -> Asked:
    """The `top` most frequent tags of a column (`a|b`, lists, or `name:weight`), and the clips that have one of them.

    Raises
    ------
    InputError
        If there is no such column, most of its cells are empty, or fewer than two tags vary.
    """
    names = [set(read_names(cell)) for cell in _cells(clips, column, "tags")]
    counts = Counter(name for row in names for name in row)
    varying = [name for name, count in counts.items() if count < len(clips)]
    kept = tuple(sorted(varying, key=lambda name: (-counts[name], name))[:top])
    if len(kept) < 2:
        raise InputError(
            f"column {column!r} of {clips.name} has {len(kept)} tags that some clips have and others lack; tagging "
            "needs two or more: name another column with --tags"
        )
    table = np.array([[name in row for name in kept] for row in names], np.float32)
    rows = np.flatnonzero(table.any(1))
    return Asked(clips.take(rows), table[rows], kept, column)


def classes_asked(clips: Clips, column: str) -> Asked:
    """The classes of a column, and the clips that have one.

    Raises
    ------
    InputError
        If there is no such column, most of its cells are empty, or there is one class only.
    """
    cells = _cells(clips, column, "classes")
    known = np.array([not _empty(cell) for cell in cells])
    outputs, targets = np.unique(
        [str(cell) for cell, here in zip(cells, known, strict=True) if here], return_inverse=True
    )
    if len(outputs) < 2:
        raise InputError(
            f"column {column!r} of {clips.name} has one class only, {str(outputs[0])!r}: telling classes apart takes "
            "two or more; name another column with --label"
        )
    return Asked(clips.take(np.flatnonzero(known)), targets.astype(np.int64), tuple(outputs.tolist()), column)


def enough(examples: Examples) -> None:
    """Refuse to train on next to nothing.

    Raises
    ------
    InputError
        If there are fewer than two examples to train on, none to validate on, or none of a class to train on.
    """
    counts = int(examples.training.sum()), int(examples.validation.sum())
    if counts[0] < FEWEST or not counts[1]:
        what = "mixtures" if examples.mixer is not None else "clips"
        raise InputError(
            f"{counts[0]} {what} are left to train on and {counts[1]} to validate on, where {FEWEST} and 1 are needed: "
            "give more clips, or another --group"
        )
    if examples.task == "instruments":
        missing = sorted(set(range(len(examples.outputs))) - set(examples.targets[examples.training].tolist()))
        if missing:
            raise InputError(
                f"no clip of class {examples.outputs[missing[0]]!r} is for training: give more of it, leave it out, or "
                "name another --group"
            )


def _cells(clips: Clips, column: str, what: str) -> Sequence[Any]:
    table = clips.table
    if column not in table:
        raise InputError(
            f"{clips.name}: the clips have no column {column!r} of {what}; they have {', '.join(table.columns)}"
        )
    cells: list[Any] = table[column].tolist()
    empty = sum(map(_empty, cells))
    if 2 * empty > len(cells):
        raise InputError(
            f"column {column!r} of {clips.name} is empty for {empty} of {len(cells)} clips: a task is learnt where "
            "most clips have an answer; name another column, or leave those clips out with --exclude"
        )
    return cells


def _empty(cell: Any) -> bool:
    if isinstance(cell, (list, tuple, set, np.ndarray)):
        return len(cell) == 0
    return bool(pd.isna(cell)) or not str(cell).strip()
