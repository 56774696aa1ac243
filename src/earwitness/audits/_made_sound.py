"""What is done to a sound that was made, before it is measured and drawn. Arrays in, arrays out."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.audio.frontends import power_spectrogram

Floats = NDArray[np.float32]

_STEPS = 1 << 23
_N_FFT, _HOP = 512, 256
_FRAMES = 320
"""Frames of a drawn spectrogram at most."""
_RANGE_DB = 80.0


def quantised(sound: Floats) -> Floats:
    """The sound in the steps of 24 bits, which a FLAC file keeps exactly: what is measured is what is written."""
    steps = np.clip(np.round(np.asarray(sound, np.float64) * _STEPS), -_STEPS, _STEPS - 1)
    return (steps / _STEPS).astype(np.float32)


def thresholded(sound: Floats, below_db: float) -> Floats:
    """The sound without the bins of its spectrogram that lie further below its strongest one.

    Parameters
    ----------
    sound : (samples,) array
    below_db
        Bins (Hann, 512 samples every 256) more than so many decibels below the largest magnitude are set to 0, as in
        the "naive thresholding of the energy" of the paper.

    References
    ----------
    Arputharaj and Kalaivanan (2022), section 3.2.2.
    """
    from scipy.signal import istft, stft  # more than a second to import, for one function

    padded = np.pad(np.asarray(sound, np.float64), (0, max(0, _N_FFT - len(sound))))
    _, _, spectra = stft(padded, nperseg=_N_FFT, noverlap=_N_FFT - _HOP)
    magnitude = np.abs(spectra)
    spectra[magnitude < magnitude.max() * 10 ** (-below_db / 20)] = 0
    _, left = istft(spectra, nperseg=_N_FFT, noverlap=_N_FFT - _HOP)
    return np.clip(left[: len(sound)], -1, 1).astype(np.float32)


def spectrogram(sound: Floats, sample_rate: int) -> dict[str, Any]:
    """A spectrogram small enough to lie in a result.

    Returns
    -------
    dict
        `seconds` and `hertz` that it spans, `frames` and `bins`, and `levels`: a byte for each bin of each frame from 0
        (80 dB below the loudest, or less) to 255 (the loudest), compressed (zlib) and as base64 text.
    """
    hop = max(_HOP, -(-len(sound) // _FRAMES))
    power = power_spectrogram(sound, n_fft=_N_FFT, hop=hop)[::2].T  # (frames, bins): every other bin is enough to see
    level = 10 * np.log10(np.maximum(power, 1e-30))
    share = np.clip((level - level.max()) / _RANGE_DB + 1, 0, 1)
    packed = zlib.compress(np.round(255 * share).astype(np.uint8).tobytes(), 9)
    return {
        "seconds": len(sound) / sample_rate,
        "hertz": sample_rate / 2,
        "frames": power.shape[0],
        "bins": power.shape[1],
        "range_db": _RANGE_DB,
        "levels": base64.b64encode(packed).decode(),
    }
