"""Distances in sound: how far every clip, perhaps perturbed, is from every original, by references without encoder.

The unit of work is a partition of clips under one perturbation, compared with all originals by every reference that
lacks it. It leaves one shard a reference, in which a clip's "vector" is its row of distances; so a second run repeats
nothing, and what one of many workers loses is one partition. Rows depend on the clip, the originals and their order
only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audio.perturbations import Perturbation
from earwitness.datasets import Clip, Clips
from earwitness.errors import ClipError, InputError
from earwitness.extraction import Failures, content_keys, skipped_table, sound_of
from earwitness.references import Reference, reference
from earwitness.store import Shards, content_hash, shards_of

Floats = NDArray[np.float32]
Matrices = Mapping[str, Floats]

_LAYOUT = "1"  # raised whenever the way from sound to distance changes
_PARTITION = 16  # clips of a unit: some seconds of work where there are a thousand originals
UNCHANGED = ""


@dataclass(frozen=True)
class AudioSpace:
    """Distances in sound by one reference.

    Attributes
    ----------
    reference
        Its name.
    clips : (N,) array
        Ids, in the order of rows and columns.
    matrices
        By key of the perturbation ("" for none): an (N, N) float32 matrix, from each changed clip (row) to each
        original (column). A row of NaN where the changed clip cannot be used. They may be read from disk one by one.
    skipped
        Clips that are not in it: `file`, `reason`.
    """

    reference: str
    clips: NDArray[np.object_]
    matrices: Matrices
    skipped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"file": [], "reason": []}, dtype=object))


@dataclass(frozen=True)
class _Stored(Mapping[str, Floats]):
    """Matrices that lie in shards, each read when it is asked for."""

    places: dict[str, Shards]
    content: tuple[str, ...]  # keys of the clips, in order

    def __contains__(self, perturbation: object) -> bool:
        return perturbation in self.places

    def __getitem__(self, perturbation: str) -> Floats:
        found = self.places[perturbation].read(self.content)
        nothing = np.full(len(self.content), np.nan, np.float32)
        return np.stack([found.get(key, nothing) for key in self.content])

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class _Originals:
    """What changed clips are compared with; equal tokens, equal originals."""

    clips: tuple[Clip, ...]
    keys: tuple[str, ...]
    seconds: float | None

    @property
    def token(self) -> str:
        return content_hash(_LAYOUT, str(self.seconds), *self.keys)


@dataclass(frozen=True)
class _Unit:
    rows: tuple[int, ...]
    originals: _Originals
    references: tuple[Reference, ...]
    shards: tuple[Shards, ...]
    perturbation: Perturbation | None
    seed: int


def audio_spaces(
    clips: Clips,
    perturbations: Sequence[Perturbation],
    references: Sequence[str | Reference] = ("mfcc-dtw",),
    *,
    seconds: float | None = 4.0,
    seed: int = 0,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> list[AudioSpace]:
    """Measure how far every changed clip is from every original in sound.

    Parameters
    ----------
    clips
        The originals.
    perturbations
        What to do to the sound; the unchanged clips are always compared too.
    references
        Names of `earwitness.references.REFERENCES`, or references.
    seconds
        From the middle of each clip, and what has become of them: of a clip at half the tempo twice as many. Time grows
        with their square. None compares whole clips.
    seed
        Of the perturbations; with that of `embed_all` the sound is the same.
    jobs, cluster, progress
        As in `embed_all`.

    Returns
    -------
    list of AudioSpace
        One a reference, with the same clips in each.

    Raises
    ------
    InputError
        If fewer than two clips can be used, or there is no such reference.

    References
    ----------
    Kim (2021), doctoral thesis, section 4.4: whole clips of four seconds, MFCC with DTW and SiMPle.
    """
    chosen = [reference(each) if isinstance(each, str) else each for each in references]
    keys, failures = content_keys(clips)
    readable = [clip for clip in clips if clip.clip in keys]
    parts = [tuple(readable[i : i + _PARTITION]) for i in range(0, len(readable), _PARTITION)]
    for lost in engine.map(_unusable, parts, jobs=jobs, cluster=cluster, progress=progress, stage="reading originals"):
        failures.update(lost)
    usable = [clip for clip in readable if clip.clip not in failures]
    if len(usable) < 2:
        raise InputError(f"distances in sound need two clips that can be used, and there are {len(usable)}")
    originals = _Originals(tuple(usable), tuple(keys[clip.clip] for clip in usable), seconds)
    places = {
        (each, change): shards_of("distances in sound", originals.token, each.name, *_identity(change, seed))
        for each in chosen
        for change in (None, *perturbations)
    }
    units = _missing_units(originals, places, seed)
    stage = f"distances in sound of {len(usable)} clips"
    for lost in engine.map(_work, units, jobs=jobs, cluster=cluster, progress=progress, stage=stage):
        failures.update(lost)
    ids = np.array([clip.clip for clip in usable], dtype=object)
    skipped = skipped_table(clips, failures)
    return [AudioSpace(each.name, ids, _Stored(_by_key(places, each), originals.keys), skipped) for each in chosen]


def _identity(change: Perturbation | None, seed: int) -> tuple[str, ...]:
    return ("unchanged",) if change is None else (change.key, str(seed))


def _by_key(places: dict[tuple[Reference, Perturbation | None], Shards], wanted: Reference) -> dict[str, Shards]:
    return {
        UNCHANGED if change is None else change.key: shards
        for (each, change), shards in places.items()
        if each == wanted
    }


def _unusable(clips: tuple[Clip, ...]) -> Failures:
    failures: Failures = {}
    for clip in clips:
        try:
            clip.audio()
        except ClipError as error:
            failures[clip.clip] = (clip.path, error.reason)
    return failures


def _missing_units(
    originals: _Originals, places: dict[tuple[Reference, Perturbation | None], Shards], seed: int
) -> list[_Unit]:
    finished = {place: shards.keys() for place, shards in places.items()}
    units = []
    for change in dict.fromkeys(change for _, change in places):
        mine = [each for each, other in places if other == change]
        for start in range(0, len(originals.keys), _PARTITION):
            part = range(start, min(start + _PARTITION, len(originals.keys)))
            lacking = [each for each in mine if any(originals.keys[i] not in finished[each, change] for i in part)]
            rows = tuple(i for i in part if any(originals.keys[i] not in finished[each, change] for each in lacking))
            if rows:
                shards = tuple(places[each, change] for each in lacking)
                units.append(_Unit(rows, originals, tuple(lacking), shards, change, seed))
    return units


def _work(unit: _Unit) -> Failures:
    """Compute one unit, write its shards, and return the changed clips that could not be used."""
    changed: dict[Reference, list[Floats]] = {each: [] for each in unit.references}
    keys, failures = [], {}
    with engine.one_thread():
        for i in unit.rows:
            clip, key = unit.originals.clips[i], unit.originals.keys[i]
            try:
                sound, sample_rate = sound_of(clip, key, unit.perturbation, unit.seed)
                whole = len(clip.audio()[0])
            except ClipError as error:
                failures[clip.clip] = (clip.path, error.reason)
                continue
            heard = middle(sound, sample_rate, unit.originals.seconds, len(sound) / whole)
            keys.append(key)
            for each, frames in changed.items():
                frames.append(each.frames(heard, sample_rate))
        for each, shards in zip(unit.references, unit.shards, strict=True):
            if keys:
                shards.write(keys, each.matrix(changed[each], _frames(each, unit.originals)))
    return failures


_KEPT: dict[tuple[str, str], list[Floats]] = {}


def _frames(each: Reference, originals: _Originals) -> list[Floats]:
    """Frames of all originals, made once a process and kept while the originals stay the same."""
    token = originals.token
    if (token, each.name) not in _KEPT:
        for other in [place for place in _KEPT if place[0] != token]:
            del _KEPT[other]
        sounds = ((middle(sound, rate, originals.seconds), rate) for sound, rate in map(Clip.audio, originals.clips))
        _KEPT[token, each.name] = [each.frames(sound, rate) for sound, rate in sounds]
    return _KEPT[token, each.name]


def middle(sound: Floats, sample_rate: int, seconds: float | None, stretch: float = 1.0) -> Floats:
    """The middle of a sound: `seconds` times `stretch`, or all of it where it is shorter or `seconds` is None.

    Examples
    --------
    >>> middle(np.arange(10, dtype=np.float32), 1, 4.0)
    array([3., 4., 5., 6.], dtype=float32)
    """
    if seconds is None:
        return sound
    length = min(len(sound), max(1, round(seconds * stretch * sample_rate)))
    start = (len(sound) - length) // 2
    return sound[start : start + length]
