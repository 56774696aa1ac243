"""The MFCC baseline inside a network: the 144 statistics, and what learns a task on top of them."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from earwitness.audio.frontends import mel_filterbank
from earwitness.encoders.frontends import decibels, magnitude_spectrogram
from earwitness.learning.tasks.decoder import Decoder
from earwitness.learning.tasks.encoder import Encoded
from earwitness.learning.tasks.spectra import HOP, N_FFT, RANGE_DB, SAMPLE_RATE, Shape

_BANDS, _LAST = 128, 25

MFCC_SHAPE = Shape(channels=(8, 16, 32, 64, 128, 256, 256), features=6 * (_LAST - 1))
"""What the published decoder of MFCCs mirrors: half as wide at the top as the other networks."""


class MfccStatistics(nn.Module):
    """Sound [n, samples] to the 144 values of the encoder `mfcc`; nothing in it is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = {"mfcc": MFCC_SHAPE.features}
        filters = torch.tensor(mel_filterbank(SAMPLE_RATE, N_FFT, _BANDS))
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("cosines", _cosines(), persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT, periodic=False), persistent=False)

    def forward(self, audio: Tensor) -> Encoded:
        """The layer "mfcc", and no maps."""
        power = magnitude_spectrogram(audio, N_FFT, HOP, "constant", window=self.window).square()
        frames = self.cosines @ decibels(self.filters @ power, range_db=RANGE_DB)  # (n, 24, frames)
        statistics = []
        for order in range(3):
            series = torch.diff(frames, n=order)
            statistics += [series.mean(-1), series.std(-1)]
        return Encoded({"mfcc": torch.cat(statistics, 1)}, [], [])


class MfccPredictor(nn.Module):
    """Normalisation, dropout, linear map: [n, 144] to [n, classes]; 7,538 parameters for 50 tags."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.normalisation = nn.BatchNorm1d(MFCC_SHAPE.features)
        self.linear = nn.Linear(MFCC_SHAPE.features, classes)

    def forward(self, values: Tensor, encoded: Encoded | None = None) -> Tensor:  # noqa: ARG002
        return self.linear(functional.dropout(self.normalisation(values), 0.5, self.training))


class MfccDecoder(nn.Module):
    """Normalisation, ReLU, dropout, then a decoder that draws between its values: 1,153,673 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.normalisation = nn.BatchNorm1d(MFCC_SHAPE.features)
        self.decoder = Decoder(MFCC_SHAPE, "bilinear")

    def forward(self, values: Tensor, encoded: Encoded | None = None) -> Tensor:  # noqa: ARG002
        values = functional.relu(self.normalisation(values))
        return self.decoder(functional.dropout(values, 0.5, self.training))


def _cosines() -> Tensor:
    """Rows 1 to 24 of the orthonormal DCT-II over 128 bands, (24, 128)."""
    k, m = np.ogrid[1:_LAST, :_BANDS]
    return torch.tensor(np.sqrt(2 / _BANDS) * np.cos(np.pi * k * (2 * m + 1) / (2 * _BANDS)), dtype=torch.float32)
