"""Sound as arrays: float32, `[samples]` or `[channels, samples]`, full scale at 1."""

import numpy as np
import soxr
from numpy.typing import NDArray

from earwitness.errors import InputError

Audio = NDArray[np.float32]
"""Sound: shape `[samples]` (one channel) or `[channels, samples]`."""


def to_mono(audio: Audio) -> Audio:
    """The mean over channels, shape `[samples]`; one-channel sound comes back as it is."""
    return audio if audio.ndim == 1 else audio.mean(axis=0, dtype=np.float32)


def resample(audio: Audio, from_rate: float, to_rate: float) -> Audio:
    """The same sound at another sample rate (soxr, high quality, no delay).

    Parameters
    ----------
    audio : [samples] or [channels, samples] float32
    from_rate, to_rate
        Sample rates in hertz; they need not be whole numbers.

    Returns
    -------
    float32 array, `[..., round(samples * to_rate / from_rate)]`
        The input itself where the rates are equal.

    Raises
    ------
    InputError
        If a rate is not positive.
    """
    if not (from_rate > 0 and to_rate > 0):
        raise InputError(f"sample rates must be positive, not {from_rate:g} and {to_rate:g} Hz")
    if from_rate == to_rate:
        return audio
    length = round(audio.shape[-1] * to_rate / from_rate)
    changed = soxr.resample(np.ascontiguousarray(audio.T, np.float32), from_rate, to_rate, quality="HQ").T
    return fit_length(changed, length)


def fit_length(audio: Audio, samples: int) -> Audio:
    """The first `samples` samples, with zeros at the end where there are fewer; contiguous float32."""
    missing = samples - audio.shape[-1]
    if missing > 0:
        audio = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(audio[..., :samples], np.float32)


def root_mean_square(audio: Audio) -> float:
    """Square root of the mean power over all samples and channels; 0 for no samples."""
    flat = audio.ravel()
    return float(np.sqrt(np.dot(flat, flat.astype(np.float64)) / flat.size)) if flat.size else 0.0
