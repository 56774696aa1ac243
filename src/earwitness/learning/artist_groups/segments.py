"""Sound for the networks of chapter 3: one-second pieces of a mel spectrogram, standardised band by band.

Frames are of 1024 samples every 512 at 22,050 Hz (46 ms, half overlapping), 128 mel bands of the power in decibels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.audio.frontends import decibels, mel_spectrogram
from earwitness.datasets import Clip
from earwitness.learning.artist_groups.networks import BANDS, FRAMES
from earwitness.learning.spectrograms import BandStatistics, FrontEnd, SpectrogramCache

Floats = NDArray[np.float32]

SAMPLE_RATE, N_FFT, HOP, RANGE_DB = 22050, 1024, 512, 80.0
STEP = 21
"""Frames from one segment to the next where a whole clip is heard: segments overlap by half."""


@dataclass(frozen=True)
class SegmentFrontEnd(FrontEnd):
    """How sound becomes frames; a clip shorter than a segment is filled up with its minimum."""

    channels: int = 1

    def __call__(self, clip: Clip) -> NDArray[np.float16]:
        """Frames of a clip, (frames, 1, 128); at least one segment of them."""
        return levels(clip.load(SAMPLE_RATE))[:, None].astype(np.float16)


def levels(sound: Floats) -> Floats:
    """Decibels of one sound at 22,050 Hz: (samples,) to (frames, 128), at least 43 frames."""
    bands = mel_spectrogram(sound, SAMPLE_RATE, n_fft=N_FFT, hop=HOP, n_mels=BANDS)
    level = decibels(bands, range_db=RANGE_DB).T
    missing = max(0, FRAMES - len(level))
    return np.pad(level, [(0, missing), (0, 0)], constant_values=level.min())


def starts(frames: int, step: int = STEP) -> NDArray[np.int64]:
    """Where the segments of a clip of so many frames begin; the last incomplete one is left out."""
    return np.arange(0, max(frames - FRAMES, 0) + 1, step, dtype=np.int64)


def cut(cache: SpectrogramCache, bands: BandStatistics, rows: NDArray[np.int64], begins: NDArray[np.int64]) -> Tensor:
    """One segment a row, standardised: (n, 1, 128, 43)."""
    pieces = np.empty((len(rows), FRAMES, BANDS), np.float32)
    for place, (row, begin) in enumerate(zip(rows.tolist(), begins.tolist(), strict=True)):
        pieces[place] = cache.crop(row, begin, FRAMES)[:, 0]
    return standardised(pieces, bands)


def standardised(pieces: Floats, bands: BandStatistics) -> Tensor:
    """(n, 43, 128) decibels to (n, 1, 128, 43) standard values."""
    standard = (pieces - bands.mean) / bands.deviation
    return torch.from_numpy(np.ascontiguousarray(standard.transpose(0, 2, 1))).unsqueeze(1)
