"""What recipes share that train encoders themselves: which clips, which tasks, and one folder an encoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.splitting import split_clips
from earwitness.learning.tasks.gathering import Question
from earwitness.learning.tasks.learn import SIZES, Making, learn_task
from earwitness.learning.tasks.mixtures import Parts
from earwitness.learning.tasks.networks import TASKS, TaskName
from earwitness.recipes import Options

HELD_OUT = 0.3
"""The share of clips that encoders are measured on and never trained with, where `split` names no test part."""

SIZE_OF = {"small": "desk", "full": "full"}
_LEVELS_DB = (-3.0, 6.0)
_SONGS = ("song", "title", "track")


def parted(clips: Clips, group: str | None, seed: int) -> tuple[Clips, Clips]:
    """The clips to train with, and those to measure on; never one group on both sides.

    Raises
    ------
    InputError
        If nothing is left on one side.
    """
    table = clips.table
    test = table["split"].astype(str).str.strip().str.lower() == "test" if "split" in table else None
    if test is not None and test.any():
        held_out = test.to_numpy(bool)
    else:
        held_out = split_clips(_without_split(clips), share=HELD_OUT, group=group, seed=seed).validation
    if held_out.all() or not held_out.any():
        raise InputError(f"{clips.name}: encoders are trained with some clips and measured on others; give more clips")
    return clips.take(np.flatnonzero(~held_out)), clips.take(np.flatnonzero(held_out))


def train_all(
    clips: Clips, out: Path, options: Options, label: str | None, group: str | None
) -> tuple[list[str], pd.DataFrame]:
    """Train each of the four encoders that the clips have answers for.

    Returns
    -------
    specs
        One `learned:FOLDER` an encoder.
    table
        `task`, `trained`, `why` not, or from what.
    """
    specs, rows = [], []
    for task in TASKS:
        try:
            question, what = question_of(task, clips, label, group)
            making = Making(question, SIZES[SIZE_OF[options.scale or "small"]])
            folder = learn_task(
                clips, making, out / task, seed=options.seed, jobs=options.jobs, progress=options.progress
            )
        except InputError as error:
            rows.append((task, False, str(error)))
            continue
        specs.append(f"learned:{folder}")
        rows.append((task, True, what))
    if not specs:
        raise InputError(f"none of the four encoders can be trained with {clips.name}; the first: {rows[0][2]}")
    return specs, pd.DataFrame(rows, columns=["task", "trained", "why"])


def question_of(task: TaskName, clips: Clips, label: str | None, group: str | None) -> tuple[Question, str]:
    """Where the answers of a task are in these clips, and that in words.

    Raises
    ------
    InputError
        If they have none.
    """
    plain = Question(task, group=group)
    if task == "separation":
        parts = _parts(clips, label)
        made = (
            f"mixtures made at {_LEVELS_DB[0]:g} to {_LEVELS_DB[1]:g} dB" if parts.levels_db else "songs' own mixtures"
        )
        return replace(plain, parts=parts), f"{made}; the target is {parts.target!r} of column {parts.column!r}"
    if task == "instruments":
        return replace(plain, label=label or "label"), f"column {label or 'label'!r}"
    return plain, "column 'tags'" if task == "tagging" else "the sound itself"


def _parts(clips: Clips, label: str | None) -> Parts:
    """Songs' parts where a column names mixtures; else one class of the label among the others."""
    table = clips.table
    song = next((name for name in _SONGS if name in table), None)
    for column in filter(table.columns.__contains__, ("part", label or "label")):
        kinds = table[column].dropna().astype(str)
        if "mixture" in set(kinds) and song:
            others = kinds[kinds != "mixture"]
            return Parts(column, _voice(others), song=song)
    if (label or "label") not in table:
        raise InputError("separation needs parts of songs, or a column of classes with --label")
    column = label or "label"
    return Parts(column, _voice(table[column].dropna().astype(str)), levels_db=_LEVELS_DB)


def _voice(kinds: pd.Series) -> str:
    """The voice where there is one, else what there is most of."""
    named = [name for name in ("vocals", "voice", "singing") if (kinds == name).any()]
    return named[0] if named else str(kinds.value_counts().sort_index().idxmax())


def _without_split(clips: Clips) -> Clips:
    return Clips(clips.table.drop(columns="split"), name=clips.name) if "split" in clips.table else clips
