"""Statistics of mel-frequency cepstral coefficients: what a representation was before networks.

Both encoders follow one recipe: power spectra of 1024 samples every 256 at 22,050 Hz, 128 Slaney mel bands, decibels
with an 80 dB range, orthonormal DCT-II, first and second differences in time, and of the three the mean and the
standard deviation, in the order [mean, deviation, mean of first differences, its deviation, mean of second, ...].
"""

from typing import ClassVar

import numpy as np

from earwitness.audio.frontends import mfcc
from earwitness.encoders.protocol import Audio, Vectors, as_batch


class MFCC:
    """The 144 values of Kim (2021), chapter 4: coefficients 2 to 25 (the first is loudness), unbiased deviations."""

    name: str = "mfcc"
    revision: str = "1"
    kind: str = "features"
    sample_rate: int = 22050
    embedding_size: int = 144
    window: float | None = None

    first: ClassVar[int] = 1
    last: ClassVar[int] = 25
    symmetric: ClassVar[bool] = True
    ddof: ClassVar[int] = 1

    def encode(self, audio: Audio) -> Vectors:
        """Statistics of each sound: [n, samples] at 22,050 Hz to [n, embedding_size]."""
        return np.stack([self._statistics(sound) for sound in as_batch(audio)])

    def _statistics(self, sound: Audio) -> Vectors:
        frames = mfcc(
            sound, self.sample_rate, n_coefficients=self.last, n_fft=1024, hop=256, n_mels=128, symmetric=self.symmetric
        )[self.first :]
        statistics = np.zeros((3, 2, len(frames)))
        for order in range(3):
            series = np.diff(frames, n=order).astype(np.float64)  # (coefficients, frames - order)
            # What a sound of few frames lacks stays 0: a second difference takes three, a deviation more than `ddof`.
            if series.shape[1]:
                statistics[order, 0] = series.mean(1)
            if series.shape[1] > self.ddof:
                statistics[order, 1] = series.std(1, ddof=self.ddof)
        return statistics.ravel().astype(np.float32)


class MFCC120(MFCC):
    """The 120 values of Kim (2021), chapter 2: 20 coefficients with the first, population deviations."""

    name: str = "mfcc-120"
    embedding_size: int = 120

    first: ClassVar[int] = 0
    last: ClassVar[int] = 20
    symmetric: ClassVar[bool] = False
    ddof: ClassVar[int] = 0
