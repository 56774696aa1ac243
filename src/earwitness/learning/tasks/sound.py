"""The sound that networks are trained on: decoded, perhaps perturbed, resampled once, and kept to be cut from.

A clip is kept as 16-bit samples and one scale, under a name made of its content and of what was done to it: half the
room of a float16 spectrogram, from which all four tasks, mixtures and mu-law can be had. It is read in part, by memory
mapping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earwitness import engine
from earwitness.audio import resample
from earwitness.audio.perturbations import Perturbation
from earwitness.datasets import Clip, Clips
from earwitness.errors import ClipError
from earwitness.extraction import content_keys, sound_of
from earwitness.learning.tasks.spectra import SAMPLE_RATE
from earwitness.store import ArrayFiles, cache_dir, content_hash

Floats = NDArray[np.float32]
Failures = dict[str, tuple[str, str]]  # clip id -> file, reason

_LAYOUT = "1"  # raised whenever the same sound comes to be kept otherwise
_TOGETHER = 16  # clips a unit of work


class Kept(NamedTuple):
    """Where a sound is kept, and its length in samples."""

    file: Path
    length: int


@dataclass(frozen=True)
class Sounds:
    """Kept sounds by number, of unequal lengths in samples at 22,050 Hz."""

    files: tuple[Path, ...]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def crop(self, number: int, start: int, length: int) -> Floats:
        """`length` samples from `start` on, with zeros where the sound has none."""
        from safetensors import safe_open

        first, last = max(start, 0), min(start + length, int(self.lengths[number]))
        crop = np.zeros(length, np.float32)
        if first < last:
            with safe_open(str(self.files[number]), "numpy") as kept:
                samples = kept.get_slice("samples")[first:last]
                crop[first - start : last - start] = samples * kept.get_tensor("scale")
        return crop

    @classmethod
    def of(cls, kept: Sequence[Kept]) -> "Sounds":
        """Kept sounds, in this order."""
        return cls(tuple(sound.file for sound in kept), np.array([sound.length for sound in kept], np.int64))

    def take(self, numbers: Sequence[int] | NDArray[np.intp]) -> "Sounds":
        """Those of these numbers, in this order."""
        return Sounds(tuple(self.files[number] for number in numbers), self.lengths[list(numbers)])


@dataclass(frozen=True)
class _Unit:
    folder: Path
    clips: tuple[Clip, ...]
    keys: tuple[str, ...]
    names: tuple[str, ...]
    perturbation: Perturbation | None
    seed: int


def keep_sounds(
    clips: Clips,
    perturbation: Perturbation | None = None,
    *,
    seed: int = 0,
    jobs: int | None = None,
    progress: engine.Progress | None = None,
) -> tuple[dict[str, Kept], Failures]:
    """Decode, perhaps perturb, and keep every clip that is not kept yet.

    Parameters
    ----------
    clips
        Whose sound.
    perturbation
        What is done to it, on the decoded sound at its own sample rate; drawn from the seed, the clip's content and
        the perturbation.
    seed, jobs, progress
        As in `extraction.embed_all`.

    Returns
    -------
    kept
        By clip id.
    skipped
        By clip id: the file that cannot be used, and why.
    """
    folder = cache_dir() / "sounds"
    keys, skipped = content_keys(clips)
    change = ("unchanged",) if perturbation is None else (perturbation.key, str(seed))
    usable = [clip for clip in clips if clip.clip in keys]
    names = {clip.clip: content_hash(_LAYOUT, str(SAMPLE_RATE), keys[clip.clip], *change) for clip in usable}
    parts = [usable[start : start + _TOGETHER] for start in range(0, len(usable), _TOGETHER)]
    units = [
        _Unit(folder, tuple(p), tuple(keys[c.clip] for c in p), tuple(names[c.clip] for c in p), perturbation, seed)
        for p in parts
    ]
    stage = "decoding" if perturbation is None else f"making copies: {perturbation.label}"
    kept: dict[str, Kept] = {}
    for lengths, failures in engine.map(_work, units, jobs=jobs, progress=progress, stage=stage):
        kept.update({clip: Kept(folder / f"{names[clip]}.safetensors", length) for clip, length in lengths.items()})
        skipped.update(failures)
    return kept, skipped


def _work(unit: _Unit) -> tuple[dict[str, int], Failures]:
    files = ArrayFiles(unit.folder)
    lengths: dict[str, int] = {}
    failures: Failures = {}
    for clip, key, name in zip(unit.clips, unit.keys, unit.names, strict=True):
        try:
            lengths[clip.clip] = _kept_length(unit.folder / f"{name}.safetensors")
            continue
        except OSError:
            pass  # not kept yet
        try:
            sound, sample_rate = sound_of(clip, key, unit.perturbation, unit.seed)
        except ClipError as error:
            failures[clip.clip] = (clip.path, error.reason)
            continue
        heard = resample(sound, sample_rate, SAMPLE_RATE)
        files[name] = packed(heard)
        lengths[clip.clip] = len(heard)
    return lengths, failures


def packed(sound: Floats) -> dict[str, NDArray[np.generic]]:
    """Sound as 16-bit samples and the scale that they are multiplied with."""
    scale = np.float32(max(float(np.abs(sound).max(initial=0.0)), 1e-9) / 32767)
    return {"samples": np.rint(sound / scale).astype(np.int16), "scale": np.array([scale], np.float32)}


def _kept_length(file: Path) -> int:
    from safetensors import safe_open

    if not file.is_file():
        raise FileNotFoundError(file)
    with safe_open(str(file), "numpy") as kept:
        return int(kept.get_slice("samples").get_shape()[0])
