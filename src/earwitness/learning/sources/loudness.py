"""How loud a clip is, and how far it goes up and down."""

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 2048, 512
FLOOR_DB = -80.0
"""Frames below are as loud as this, so that digital silence between notes is no depth without end."""


def level_and_range(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:  # noqa: ARG001
    """Mean level of the frames in dB relative to full scale, and the range from their 5th to their 95th percentile.

    Frames of 2,048 samples every 512; a shorter clip is one frame.
    """
    frames = np.lib.stride_tricks.sliding_window_view(audio, min(FRAME, len(audio)))[::HOP]
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / frames.shape[1]
    level = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), FLOOR_DB)
    low, high = np.percentile(level, [5, 95])
    return np.array([level.mean(), high - low], np.float32)
