"""What is computed of a clip's sound for labels: rhythm, chroma, loudness, a wide vector; once, and kept.

A descriptor is a function from sound at 22,050 Hz (one channel) to a fixed number of values. A clip's values depend on
that clip alone, so they are the same for any number of workers and any order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clip, Clips
from earwitness.errors import ClipError, MissingExtraError
from earwitness.store import Shards, shards_of

Floats = NDArray[np.float32]

SAMPLE_RATE = 22050
_PARTITION = 8  # clips a unit of work: about a second


class Entry(NamedTuple):
    """Where a descriptor is computed, its revision (raised when its numbers change), and whether librosa does it."""

    path: str
    revision: str
    librosa: bool


DESCRIPTORS = {
    "rhythm": Entry("earwitness.learning.sources.rhythm:rhythm", "1", True),
    "chroma": Entry("earwitness.learning.sources.harmony:mean_chroma", "1", False),
    "loudness": Entry("earwitness.learning.sources.loudness:level_and_range", "1", False),
    "wide": Entry("earwitness.learning.sources.wide:wide", "1", True),
}


@dataclass(frozen=True)
class Described:
    """(clips, values) rows, NaN where a clip could not be read, and why: (file, reason)."""

    values: Floats
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Unit:
    clips: tuple[Clip, ...]
    keys: tuple[str, ...]
    name: str
    shards: Shards


def describe(
    clips: Clips,
    name: str,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> Described:
    """A descriptor of every clip; what was computed before is read.

    Parameters
    ----------
    clips
    name
        Of `DESCRIPTORS`.
    jobs, cluster, progress
        As in `engine.map`.

    Raises
    ------
    MissingExtraError
        If librosa is not installed and the descriptor needs it.
    """
    shards = shards_of("label descriptor", name, _revision(name))
    rows, keys, failed = content_keys(clips)
    known = shards.keys()
    missing = {key: row for row, key in zip(rows, keys, strict=True) if key not in known}
    todo = sorted(missing.items(), key=lambda pair: pair[1])
    parts = [todo[i : i + _PARTITION] for i in range(0, len(todo), _PARTITION)]
    units = [_Unit(tuple(clips[r] for _, r in part), tuple(k for k, _ in part), name, shards) for part in parts]
    if units:
        outcomes = engine.map(
            _compute, units, jobs=jobs, cluster=cluster, progress=progress, stage=f"listening for {name}"
        )
        failed += [failure for outcome in outcomes for failure in outcome]
    found = shards.read(keys)
    width = len(next(iter(found.values()))) if found else 0
    values = np.full((len(clips), width), np.nan, np.float32)
    for row, key in zip(rows, keys, strict=True):
        if key in found:
            values[row] = found[key]
    return Described(values, tuple(failed))


def content_keys(clips: Clips) -> tuple[list[int], list[str], list[tuple[str, str]]]:
    """Rows of the clips whose file is there, their content keys, and the other files with what is wrong with them."""
    rows, keys, failed = [], [], []
    for row, clip in enumerate(clips):
        try:
            keys.append(clip.content_key())
            rows.append(row)
        except ClipError as error:
            failed.append((error.path, error.reason))
    return rows, keys, failed


def _revision(name: str) -> str:
    entry = DESCRIPTORS[name]
    if not entry.librosa:
        return entry.revision
    try:
        return f"{entry.revision} librosa {version('librosa')}"
    except PackageNotFoundError as error:
        raise MissingExtraError(f"listening for {name}", "learn") from error


def _compute(unit: _Unit) -> list[tuple[str, str]]:
    """Describe the clips of a unit, keep the values, and say which could not be read."""
    from threadpoolctl import threadpool_limits

    module, _, function = DESCRIPTORS[unit.name].path.partition(":")
    of_sound: Callable[[Floats, int], Floats] = getattr(import_module(module), function)
    keys, values, failed = [], [], []
    for clip, key in zip(unit.clips, unit.keys, strict=True):
        try:
            with threadpool_limits(limits=1):
                values.append(of_sound(clip.load(SAMPLE_RATE), SAMPLE_RATE))
            keys.append(key)
        except ClipError as error:
            failed.append((error.path, error.reason))
    if keys:
        unit.shards.write(keys, np.stack(values))
    return failed


def finite_rows(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(clips,) which rows were described."""
    return np.isfinite(values).all(axis=1) if values.shape[1] else np.zeros(len(values), bool)


def columns(values: Floats, wanted: Sequence[int]) -> NDArray[np.float64]:
    """Some columns as float64; NaN rows where nothing could be read at all."""
    if not values.shape[1]:
        return np.full((len(values), len(wanted)), np.nan)
    return np.asarray(values[:, list(wanted)], float)
