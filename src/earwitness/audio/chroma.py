"""Chroma: how much of a sound's power lies on each of the twelve pitch classes, whatever the octave."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from earwitness.audio.frontends import power_spectrogram
from earwitness.audio.samples import Audio

A4_HZ = 440.0
LOWEST_HZ, HIGHEST_HZ = 65.0, 4000.0
"""Below, a bin of a 4096-point transform is wider than a semitone; above, it holds overtones rather than notes."""

Floats = NDArray[np.float32]


def chroma(audio: Audio, sample_rate: int, *, n_fft: int = 4096, hop: int = 512) -> Floats:
    """Power on each pitch class, each frame scaled to length one.

    Parameters
    ----------
    audio : (samples,) float32 array
    sample_rate
        In hertz.
    n_fft, hop
        As in `power_spectrogram`.

    Returns
    -------
    (12, frames) float32 array
        From C to B, at least 0. A frame without power in the range stays zero.

    References
    ----------
    Bartsch and Wakefield (2005). Audio thumbnailing of popular music using chroma-based representations. IEEE
    Transactions on Multimedia 7(1).
    """
    classes = chroma_filterbank(sample_rate, n_fft) @ power_spectrogram(audio, n_fft=n_fft, hop=hop)
    length = np.linalg.norm(classes, axis=0)
    return np.divide(classes, length, out=np.zeros_like(classes), where=length > 0)


@lru_cache(maxsize=8)
def chroma_filterbank(sample_rate: int, n_fft: int) -> Floats:
    """(12, n_fft // 2 + 1) weights: each bin is shared by the two pitch classes next to it, in proportion."""
    frequency = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    inside = (frequency >= LOWEST_HZ) & (frequency <= HIGHEST_HZ)
    semitones = 12 * np.log2(np.where(inside, frequency, A4_HZ) / A4_HZ) + 9  # 0 is C
    below = np.floor(semitones).astype(int)
    share = semitones - below
    weights = np.zeros((12, len(frequency)), np.float32)
    bins = np.arange(len(frequency))
    np.add.at(weights, (below % 12, bins), np.where(inside, 1 - share, 0))
    np.add.at(weights, ((below + 1) % 12, bins), np.where(inside, share, 0))
    weights.setflags(write=False)
    return weights
