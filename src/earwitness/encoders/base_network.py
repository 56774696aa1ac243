"""The base network of Kim (2021), chapter 2 (Table 2.3): chunks of a mel spectrogram to one vector each.

A chunk is 2 channels x 216 frames x 128 mel bands (1024 samples every 256 at 22,050 Hz: 2.5 s), in standardised
decibels. Seven convolution blocks (convolution, batch normalisation, ReLU, pooling) and a dense one make 563,632
parameters and 256 values. A smaller network has fewer channels in and in each block, and fewer values.
"""

import numpy as np
from torch import Tensor, nn

from earwitness.encoders.drawn_weights import draw_weights

CHANNELS, FRAMES, BANDS, FEATURES = 2, 216, 128, 256

# out, kernel, stride, pooled
_BLOCKS = (
    (16, 5, (2, 1), True),
    (32, 3, 1, True),
    (64, 3, 1, True),
    (64, 3, 1, True),
    (128, 3, 1, True),
    (256, 3, 1, False),
    (256, 1, 1, False),
)


class BaseNetwork(nn.Module):
    """Eight stages, the last of which is the representation; (n, channels, 216, 128) to (n, features).

    Parameters
    ----------
    channels
        Of the sound: 2, or 1 for mono.
    width
        Times the channels of every block.
    features
        Values of the representation.
    """

    def __init__(self, channels: int = CHANNELS, width: float = 1.0, features: int = FEATURES) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages(channels, width, features))

    def forward(self, chunks: Tensor) -> Tensor:
        """The representation of each chunk."""
        representation: Tensor = self.stages(chunks)
        return representation

    def draw_weights(self, rng: np.random.Generator) -> "BaseNetwork":
        """Glorot-uniform weights and no biases; numpy draws them, so that a seed means the same on every device."""
        draw_weights(self, rng)
        return self


def stages(channels: int = CHANNELS, width: float = 1.0, features: int = FEATURES) -> list[nn.Sequential]:
    """The eight stages one by one, for networks that share some of them; the arguments are those of `BaseNetwork`."""
    made, n_in = [], channels
    for full, kernel, stride, pooled in _BLOCKS:
        n_out = max(1, round(full * width))
        made.append(_block(n_in, n_out, kernel, stride, pooled))
        n_in = n_out
    return [*made, _feature(n_in, features)]


def _block(n_in: int, n_out: int, kernel: int, stride: int | tuple[int, int], pooled: bool) -> nn.Sequential:
    layers = [nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pooled else []))


def _feature(n_in: int, features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(n_in, features),
        nn.BatchNorm1d(features),
        nn.ReLU(),
        nn.Dropout(0.5),
    )
