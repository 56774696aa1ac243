"""The log-mel frames of VGGish and YAMNet, which differ in what is added before the logarithm.

Frames of 25 ms every 10 ms at 16 kHz, magnitudes of a transform of 512, 64 triangles between 125 and 7500 Hz that are
straight on the mel scale and not on the hertz scale, natural logarithm.

References
----------
tensorflow/models, `research/audioset/vggish/mel_features.py`.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.encoders.frontends import magnitude_spectrogram

SAMPLE_RATE = 16000
PATCH, BANDS = 96, 64  # frames and bands of a patch
PATCH_SAMPLES = 15600  # that give one patch
_FRAME, _HOP, _FFT = 400, 160, 512


def log_mel(audio: Tensor, offset: float) -> Tensor:
    """Frames of each sound: [n, samples] at 16 kHz to [n, frames, 64]; an incomplete last frame is dropped."""
    window = torch.zeros(_FFT, dtype=torch.float64)
    window[:_FRAME] = torch.hann_window(_FRAME, dtype=torch.float64)
    # The window is 0 where a frame is filled up to the transform's length, so it may see what follows.
    padded = torch.nn.functional.pad(audio, (0, _FFT - _FRAME))
    magnitude = magnitude_spectrogram(padded, _FFT, _HOP, window=window.to(audio))
    filters = torch.from_numpy(_filters()).to(audio)  # (64, 257)
    return (filters @ magnitude + offset).log().transpose(1, 2)


def patches(frames: Tensor, hop: int) -> Tensor:
    """Patches of 96 frames: [n, frames, 64] to [n, patches, 96, 64]; an incomplete last one is dropped."""
    return frames.unfold(1, PATCH, hop).transpose(2, 3)


@lru_cache
def _filters() -> NDArray[np.float64]:
    """Triangles on the scale 1127 ln(1 + f / 700): (64, 257)."""

    def mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127 * np.log1p(frequency / 700)

    low, high = mel(np.array([125.0, 7500.0]))
    edges = np.linspace(low, high, BANDS + 2)[:, None]
    bins = mel(np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT)
    rising = (bins - edges[:-2]) / np.diff(edges, axis=0)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges, axis=0)[1:]
    return np.maximum(0, np.minimum(rising, falling))
