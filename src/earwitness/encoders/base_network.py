"""The base network of Kim (2021), chapter 2 (Table 2.3): chunks of a stereo mel spectrogram to 256 values.

A chunk is 2 channels x 216 frames x 128 mel bands (1024 samples every 256 at 22,050 Hz: 2.5 s), in standardised
decibels. Seven convolution blocks (convolution, batch normalisation, ReLU, pooling) and a dense one make 563,632
parameters.
"""

import numpy as np
from torch import Tensor, nn

from earwitness.encoders.drawn_weights import draw_weights

CHANNELS, FRAMES, BANDS, FEATURES = 2, 216, 128, 256

# in, out, kernel, stride, pooled
_BLOCKS = (
    (2, 16, 5, (2, 1), True),
    (16, 32, 3, 1, True),
    (32, 64, 3, 1, True),
    (64, 64, 3, 1, True),
    (64, 128, 3, 1, True),
    (128, 256, 3, 1, False),
    (256, 256, 1, 1, False),
)


class BaseNetwork(nn.Module):
    """Eight stages, the last of which is the representation; (n, 2, 216, 128) to (n, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(_block(*block) for block in _BLOCKS), _feature())

    def forward(self, chunks: Tensor) -> Tensor:
        """The representation of each chunk."""
        representation: Tensor = self.stages(chunks)
        return representation

    def draw_weights(self, rng: np.random.Generator) -> "BaseNetwork":
        """Glorot-uniform weights and no biases; numpy draws them, so that a seed means the same on every device."""
        draw_weights(self, rng)
        return self


def _block(n_in: int, n_out: int, kernel: int, stride: int | tuple[int, int], pooled: bool) -> nn.Sequential:
    layers = [nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pooled else []))


def _feature() -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(FEATURES, FEATURES),
        nn.BatchNorm1d(FEATURES),
        nn.ReLU(),
        nn.Dropout(0.5),
    )
