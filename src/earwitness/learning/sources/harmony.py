"""Pitch classes and key of a clip."""

import numpy as np
from numpy.typing import NDArray

from earwitness.audio.chroma import chroma

Floats = NDArray[np.float64]

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_CLASSES)

# How well each degree fits a key, as listeners judged: Krumhansl and Kessler (1982), Psychological Review 89(4).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def mean_chroma(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """(12,) shares of the pitch classes, from C to B, averaged over frames; sums to 1, or is 0 where nothing sounds."""
    shares = chroma(audio, sample_rate).mean(axis=1, dtype=np.float64)
    total = shares.sum()
    return (shares / total if total > 0 else shares).astype(np.float32)


def key_shares(chroma_rows: Floats, temperature: float) -> Floats:
    """How well each clip fits each of 24 keys, as a distribution.

    Parameters
    ----------
    chroma_rows : (n, 12) array
    temperature
        Of the softmax over Pearson correlations with the keys' profiles: the lower, the surer.

    Returns
    -------
    (n, 24) array
        In the order of `KEYS`; rows of NaN for rows that are not finite or are constant.
    """
    profiles = np.array([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])
    correlation = _unit(chroma_rows) @ _unit(profiles).T  # (n, 24)
    weight = np.exp((correlation - correlation.max(axis=1, keepdims=True)) / temperature)
    shares: Floats = weight / weight.sum(axis=1, keepdims=True)
    return shares


def _unit(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.full_like(centred, np.nan), where=length > 1e-9)
