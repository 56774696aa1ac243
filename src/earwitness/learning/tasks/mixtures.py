"""Mixtures for the voice separator: songs that come with their parts, or mixtures made at known levels.

In both a mixture is the target plus its accompaniment, sample by sample, so that what is asked for is what is there.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earwitness.audio.samples import root_mean_square
from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.tasks.sound import Sounds

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    """Which clips are parts of what.

    Attributes
    ----------
    column, target
        The column that names a clip's part, and the value that is to be separated ("vocals").
    mixture
        The value of clips that are whole mixtures, where there are any.
    song
        Column of what belongs together; None where mixtures are made.
    levels_db
        Mixtures are made from clips of the target and clips of other parts, the target so many decibels louder, drawn
        evenly from this range; None: the songs' own mixtures.
    """

    column: str
    target: str
    mixture: str = "mixture"
    song: str | None = None
    levels_db: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.levels_db is not None and not -60 <= self.levels_db[0] <= self.levels_db[1] <= 60:
            low, high = self.levels_db
            raise InputError(
                f"levels of a mixture go from a lower to a higher number between -60 and 60 dB, not from {low:g} to "
                f"{high:g}"
            )
        if self.levels_db is None and self.song is None:
            raise InputError(
                "separation needs songs with their parts (--song COL), or levels at which clips are mixed "
                "(--mix-db LOW HIGH)"
            )


class Mixer(Protocol):
    """Mixtures by number."""

    def __len__(self) -> int: ...

    def length(self, number: int) -> int:
        """Samples that a mixture lasts."""
        ...

    def draw(self, number: int, start: int, samples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Target and accompaniment from `start` on, (samples,) each; the mixture is their sum."""
        ...


@dataclass(frozen=True)
class Songs:
    """Songs with a target, and the whole mixture or else the other parts; numbers are those of `sounds`."""

    sounds: Sounds
    targets: tuple[int, ...]
    mixtures: tuple[int | None, ...]
    others: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.targets)

    def length(self, number: int) -> int:
        return int(self.sounds.lengths[self.targets[number]])

    def draw(self, number: int, start: int, samples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:  # noqa: ARG002
        target, mixture = self.sounds.crop(self.targets[number], start, samples), self.mixtures[number]
        if mixture is not None:
            return target, self.sounds.crop(mixture, start, samples) - target
        parts = [self.sounds.crop(part, start, samples) for part in self.others[number]]
        return target, np.sum(parts, 0, dtype=np.float32)


@dataclass(frozen=True)
class MadeMixtures:
    """Each target with any of its accompaniments, at a level that is drawn."""

    sounds: Sounds
    targets: tuple[int, ...]
    accompaniments: tuple[tuple[int, ...], ...]
    levels_db: tuple[float, float]

    def __len__(self) -> int:
        return len(self.targets)

    def length(self, number: int) -> int:
        return int(self.sounds.lengths[self.targets[number]])

    def draw(self, number: int, start: int, samples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        target = self.sounds.crop(self.targets[number], start, samples)
        other = int(rng.choice(self.accompaniments[number]))
        room = max(int(self.sounds.lengths[other]) - samples, 0)
        accompaniment = self.sounds.crop(other, int(rng.integers(room + 1)), samples)
        return target, at_level(target, accompaniment, rng.uniform(*self.levels_db))


def at_level(target: Floats, accompaniment: Floats, level_db: float) -> Floats:
    """The accompaniment, scaled so that the target is `level_db` louder (root mean square over all samples).

    As it is where either of them is silent.
    """
    loud, other = root_mean_square(target), root_mean_square(accompaniment)
    if not loud or not other:
        return accompaniment
    return accompaniment * np.float32(loud / other * 10 ** (-level_db / 20))


def taking_part(clips: Clips, parts: Parts) -> Clips:
    """The clips that are of any use for these parts.

    Raises
    ------
    InputError
        If a column is missing, or no clip is of the target.
    """
    table = clips.table
    for column in filter(None, (parts.column, parts.song)):
        if column not in table:
            raise InputError(f"{clips.name}: the clips have no column {column!r}; they have {', '.join(table.columns)}")
    part = table[parts.column].astype(str).to_numpy()
    if parts.target not in part:
        raise InputError(
            f"no clip of {clips.name} has {parts.target!r} in column {parts.column!r}, but "
            f"{', '.join(sorted(set(part))[:8])}: name one of them with --target"
        )
    if parts.levels_db is None:
        return clips
    made = clips.take(np.flatnonzero(part != parts.mixture))
    if (made.table[parts.column].astype(str) == parts.target).all():
        raise InputError(f"every clip of {clips.name} is of the target {parts.target!r}: nothing can accompany it")
    return made


def mix(
    clips: Clips, sounds: Sounds, parts: Parts, training: NDArray[np.bool_], validation: NDArray[np.bool_]
) -> tuple[Mixer, NDArray[np.intp]]:
    """The mixtures of these clips, and the row of each mixture's target.

    Parameters
    ----------
    clips, sounds
        Those that take part, and their sound, in the same order.
    parts
        What is what.
    training, validation
        What each clip is for; made mixtures stay on one side.

    Raises
    ------
    InputError
        If a song has no accompaniment, or a side has none.
    """
    part = clips.table[parts.column].astype(str).to_numpy(dtype=str)
    targets = np.flatnonzero(part == parts.target)
    if parts.levels_db is not None:
        chosen = _companions(part, targets, parts.target, training, validation)
        return MadeMixtures(sounds, tuple(targets.tolist()), chosen, parts.levels_db), targets
    song = clips.table[str(parts.song)].astype(str).to_numpy(dtype=str)
    found = [_parts_of(song, part, int(row), parts, clips.name) for row in targets]
    mixtures, others = zip(*found, strict=True)
    return Songs(sounds, tuple(targets.tolist()), mixtures, others), targets


def _companions(
    part: NDArray[np.str_],
    targets: NDArray[np.intp],
    target: str,
    training: NDArray[np.bool_],
    validation: NDArray[np.bool_],
) -> tuple[tuple[int, ...], ...]:
    """For each target, the rows of other parts on its side of the split."""
    sides = {}
    for name, side in (("training", training), ("validation", validation)):
        sides[name] = tuple(np.flatnonzero((part != target) & side).tolist())
        if not sides[name] and side[targets].any():
            raise InputError(f"no clip can accompany {target!r} in {name}: give more clips of other parts")
    return tuple(sides["training" if training[row] else "validation"] for row in targets)


def _parts_of(
    song: NDArray[np.str_], part: NDArray[np.str_], row: int, parts: Parts, name: str
) -> tuple[int | None, tuple[int, ...]]:
    """Of the song whose target is in this row: the row of the mixture, and those of the other parts."""
    same = song == song[row]
    whole = np.flatnonzero(same & (part == parts.mixture))
    others = np.flatnonzero(same & (part != parts.mixture) & (part != parts.target))
    if (part[same] == parts.target).sum() > 1 or len(whole) > 1:
        raise InputError(
            f"song {song[row]!r} of {name} has more than one {parts.target!r} or {parts.mixture!r}: name a column with "
            "one value a song with --song"
        )
    if not len(whole) and not len(others):
        raise InputError(
            f"song {song[row]!r} of {name} has a {parts.target!r}, but neither a {parts.mixture!r} nor another part: "
            "leave it out with --exclude, or name the mixtures with --mixture"
        )
    return (int(whole[0]) if len(whole) else None), tuple(others.tolist())
