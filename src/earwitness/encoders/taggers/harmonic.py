"""Harmonic CNN: convolutions over filters on the first six harmonics of 128 pitches.

References
----------
Won, Chun, Nieto and Serra (2020). Data-driven harmonic filters for audio representation learning. ICASSP.
"""

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.encoders import frontends
from earwitness.encoders.taggers.blocks import Conv2dBlock, ResidualBlock
from earwitness.encoders.taggers.tagger import TAGS, Tagger, over_time, probabilities

_HARMONICS, _PITCHES, _BINS = 6, 128, 257
# Music in decibels, whatever the harmonic: median mean and deviation of 84 recordings.
_LEVEL_DB, _DEVIATION_DB = -3.0, 14.0


class HarmonicSTFT(nn.Module):
    """Triangular filters around the harmonics of pitches half a semitone apart, with one trainable quality Q."""

    def __init__(self) -> None:
        super().__init__()
        self.bw_Q = nn.Parameter(torch.ones(1))
        pitches = 440 * 2 ** ((24 + np.arange(_PITCHES) / 2 - 69) / 12)  # hertz, from C1
        centres = (np.arange(1, _HARMONICS + 1)[:, None] * pitches).astype(np.float32)  # (6, 128)
        self.register_buffer("centres", torch.from_numpy(centres.ravel()), persistent=False)
        self.register_buffer("bins", torch.linspace(0, 8000, _BINS), persistent=False)

    def forward(self, pieces: Tensor) -> Tensor:
        """Decibels: [n, samples] at 16 kHz to [n, 6, 128, frames]."""
        power = frontends.power_spectrogram(pieces, 512, 256, "reflect")  # (n, 257, frames)
        level = frontends.decibels(self.filters() @ power)
        return level.unflatten(1, (_HARMONICS, _PITCHES))

    def filters(self) -> Tensor:
        """Weights of the bins: (768, 257)."""
        centres, bins = self.get_buffer("centres")[:, None], self.get_buffer("bins")
        slope = 2 * (bins - centres) * self.bw_Q / (0.1079 * centres + 24.7)
        return (1 - slope.abs()).clamp(min=0)


class HarmonicCNN(Tagger):
    """Seven convolution blocks over windows of 5 s; dense1 (256 values) comes before the tags."""

    sizes = {  # noqa: RUF012  (read only)
        "dense1": 256,
        **{f"layer{number}": 128 if number < 5 else 256 for number in range(1, 8)},
        "tags": TAGS,
    }
    samples = 80_000
    pieces_at_once = 4

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.hstft = HarmonicSTFT()
        self.hstft_bn = nn.BatchNorm2d(_HARMONICS)
        self.layer1 = Conv2dBlock(_HARMONICS, 128, 2)
        for number in range(2, 5):
            self.add_module(f"layer{number}", ResidualBlock(128, 128, pool=2))
        self.layer5 = Conv2dBlock(128, 256, 2)
        for number in range(6, 8):
            self.add_module(f"layer{number}", ResidualBlock(256, 256, pool=(2, 3)))
        self.dense1 = nn.Linear(256, 256)
        self.bn = nn.BatchNorm1d(256)
        self.dense2 = nn.Linear(256, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image, found = self.hstft_bn(self.hstft(pieces)), {}
        for number in range(1, 8):
            image = getattr(self, f"layer{number}")(image)
            found[f"layer{number}"] = over_time(image)
        dense = self.bn(self.dense1(image.flatten(2).amax(2))).relu()
        return found | {"dense1": dense, "tags": probabilities(self.dense2, dense)}

    def centre_input(self) -> None:
        """Mean and deviation of music in decibels."""
        self.hstft_bn.running_mean.fill_(_LEVEL_DB)
        self.hstft_bn.running_var.fill_(_DEVIATION_DB**2)
