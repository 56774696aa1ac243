"""Spectrograms of a collection, made once and kept: float16 decibels of mel bands, read by memory map.

One file a clip, named by its content, so that a renamed file is found again and an edited one is not. A chunk is one
contiguous piece of a file: frames x channels x bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness import engine
from earwitness.datasets import Clip, Clips
from earwitness.encoders.base_network import BANDS, FRAMES
from earwitness.encoders.chunks import SAMPLE_RATE, Padding, Power, filled, levels
from earwitness.errors import ClipError, InputError
from earwitness.store import cache_dir, content_hash, whole_file

_LAYOUT = "1"  # raised whenever the way from sound to spectrogram changes
CHUNK_S = FRAMES * 256 / SAMPLE_RATE
"""Seconds that a network hears at once."""
_PARTITION = 8  # clips a unit of work
Halves = NDArray[np.float16]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class FrontEnd:
    """How sound becomes frames: 1024 samples every 256 at 22,050 Hz, 128 mel bands, 80 dB below the clip's maximum.

    Attributes
    ----------
    channels
        1: mixed to mono; 2: stereo, a mono clip doubled, one of more channels mixed to mono first.
    power
        2: mel bands of the power; 1: of the magnitude.
    pad
        What fills up a clip that is shorter than a chunk: its minimum (silence), or 0 dB.
    """

    channels: int = 2
    power: Power = 2
    pad: Padding = "minimum"

    def __call__(self, clip: Clip) -> Halves:
        """Frames of a clip, (frames, channels, 128); at least one chunk of them.

        Raises
        ------
        ClipError
            If the clip cannot be read or is silent.
        """
        return filled(levels(self._sound(clip), self.power), self.pad).astype(np.float16)

    def _sound(self, clip: Clip) -> NDArray[np.float32]:
        if self.channels == 1:
            return clip.load(SAMPLE_RATE)
        sound = clip.load(SAMPLE_RATE, mono=False)
        if sound.ndim == 2 and len(sound) == 2:
            return sound
        return np.stack([sound if sound.ndim == 1 else sound.mean(0)] * 2)

    @property
    def frame_values(self) -> int:
        """Values of a frame."""
        return self.channels * BANDS


@dataclass(frozen=True)
class BandStatistics:
    """Mean and population deviation of each mel band, in decibels: [128] float32."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


class SpectrogramCache:
    """The spectrograms of a collection; those that are missing are made, in parallel.

    Parameters
    ----------
    clips
        Whose sound.
    front_end
        How.
    jobs, cluster, progress
        As in `engine.map`.

    Attributes
    ----------
    usable : (n,) bool array
        Which clips have one.
    lengths : (n,) integer array
        Frames of each clip; 0 where there are none.
    short : (n,) bool array
        Which clips are shorter than a chunk, and were filled up.
    skipped : DataFrame
        `file`, `reason` of the others.
    """

    def __init__(
        self,
        clips: Clips,
        front_end: FrontEnd,
        *,
        jobs: int | None = None,
        cluster: str | None = None,
        progress: engine.Progress | None = None,
    ) -> None:
        self.front_end = front_end
        self.folder = cache_dir() / "spectrograms" / content_hash(_LAYOUT, repr(front_end))
        parts = [list(clips[start : start + _PARTITION]) for start in range(0, len(clips), _PARTITION)]
        make = partial(_make, front_end=front_end, folder=self.folder)
        stage = f"spectrograms of {len(clips)} clips"
        found = engine.map(make, parts, jobs=jobs, cluster=cluster, progress=progress, stage=stage)
        made = [outcome for part in found for outcome in part]
        self.files = [None if isinstance(file, ClipError) else self.folder / file for file in made]
        self.usable = np.array([file is not None for file in self.files], dtype=bool)
        self.lengths = np.array([self._frames_in(file) for file in self.files], dtype=np.int64)
        reasons = [(error.path, error.reason) for error in made if isinstance(error, ClipError)]
        self.skipped = pd.DataFrame(reasons, columns=["file", "reason"], dtype=object)
        seconds = clips.table["duration"].to_numpy(dtype=float)
        self.short = self.usable & (self.lengths == FRAMES) & ~(seconds >= (FRAMES - 1) * 256 / SAMPLE_RATE)

    def __len__(self) -> int:
        return len(self.files)

    def _frames_in(self, file: Path | None) -> int:
        return 0 if file is None else file.stat().st_size // (2 * self.front_end.frame_values)

    def frames(self, row: int) -> Halves:
        """All frames of a clip, memory-mapped: (frames, channels, 128)."""
        return self.crop(row, 0, int(self.lengths[row]))

    def crop(self, row: int, start: int, length: int = FRAMES) -> Halves:
        """Some frames of a clip, memory-mapped: (length, channels, 128)."""
        file = self.files[row]
        assert file is not None, "a clip that could not be used has no frames"
        step = 2 * self.front_end.frame_values
        shape = (length, self.front_end.channels, BANDS)
        return np.memmap(file, np.float16, "r", offset=start * step, shape=shape)

    def crops(self, rows: Sequence[int] | Integers, starts: Sequence[int] | Integers) -> Tensor:
        """One chunk a row: float16 tensor [n, channels, 216, 128]."""
        n = len(rows)
        chunks = np.empty((n, FRAMES, self.front_end.channels, BANDS), np.float16)
        for place, (row, start) in enumerate(zip(rows, starts, strict=True)):
            chunks[place] = self.crop(int(row), int(start))
        return torch.from_numpy(chunks).transpose(1, 2)

    def band_statistics(self, training: Bools) -> BandStatistics:
        """Mean and deviation of each band over all frames and channels of the clips marked, in one pass.

        Raises
        ------
        InputError
            If none of them can be used.
        """
        rows = np.flatnonzero(training & self.usable)
        if not len(rows):
            raise InputError("no clip to train on can be used, so mel bands have no mean; look at what was skipped")
        total, squares, count = np.zeros(BANDS), np.zeros(BANDS), 0
        for row in rows:
            values = self.frames(int(row)).reshape(-1, BANDS).astype(np.float64)
            total += values.sum(0)
            squares += np.square(values).sum(0)
            count += len(values)
        mean = total / count
        # A band that never changes would be divided by 0; a thousandth of a decibel keeps it where it is.
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-6))
        return BandStatistics(mean.astype(np.float32), deviation.astype(np.float32))

    def on_device(self, device: torch.device) -> "ResidentSpectrograms":
        """All of them in the memory of a device, as float16; `crops` then cuts them there."""
        return ResidentSpectrograms(self, device)


class ResidentSpectrograms:
    """The frames of a collection in a device's memory, cut there.

    Parameters
    ----------
    cache
        Whose frames.
    device
        Where to.
    """

    def __init__(self, cache: SpectrogramCache, device: torch.device) -> None:
        self.lengths, self.usable = cache.lengths, cache.usable
        shape = (int(cache.lengths.sum()), cache.front_end.channels, BANDS)
        self._frames = torch.empty(shape, dtype=torch.float16, device=device)
        self._first = np.concatenate([[0], np.cumsum(cache.lengths)[:-1]])
        for row in np.flatnonzero(cache.usable):
            first, length = int(self._first[row]), int(cache.lengths[row])
            self._frames[first : first + length] = torch.from_numpy(np.array(cache.frames(int(row))))
        self._within = torch.arange(FRAMES, device=device)

    def crops(self, rows: Sequence[int] | Integers, starts: Sequence[int] | Integers) -> Tensor:
        """One chunk a row, on the device: float16 tensor [n, channels, 216, 128]."""
        first = torch.from_numpy(self._first[np.asarray(rows)] + np.asarray(starts)).to(self._within.device)
        return self._frames[first[:, None] + self._within].transpose(1, 2)


def _make(clips: Sequence[Clip], *, front_end: FrontEnd, folder: Path) -> list[str | ClipError]:
    """The file of each clip, made where it is missing, or why there is none."""
    found: list[str | ClipError] = []
    with engine.one_thread():
        for clip in clips:
            try:
                name = f"{clip.content_key()}.f16"
                if not (folder / name).exists():
                    frames = front_end(clip)
                    with whole_file(folder / name) as draft:
                        frames.tofile(draft)
            except ClipError as error:
                found.append(error)
            else:
                found.append(name)
    return found
