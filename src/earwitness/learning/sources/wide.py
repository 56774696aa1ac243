"""A wide vector of a clip: statistics over frames of what librosa describes a spectrum by.

It stands where Kim (2021), section 3.3, has the descriptors of Essentia.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from earwitness.learning.sources.rhythm import rhythm

Floats = NDArray[np.float32]

N_FFT, HOP = 2048, 512
_PERCENTILES = (5, 25, 50, 75, 95)


def wide(audio: Floats, sample_rate: int) -> Floats:
    """Ten statistics of 92 values a frame, and the 53 values of `rhythm`: (973,) float32.

    A frame has 20 MFCCs, 40 mel bands in dB, 12 pitch classes, 6 tonal centroids, 7 bands of spectral contrast, and
    centroid, bandwidth, roll-off, flatness, zero crossings, level and flux.
    """
    frames = _frames(audio, sample_rate)
    return np.concatenate([_statistics(frames), rhythm(audio, sample_rate)]).astype(np.float32)


def _frames(audio: Floats, sample_rate: int) -> NDArray[np.float64]:
    """(92, frames) values."""
    import librosa

    of = librosa.feature
    spectrum = np.abs(librosa.stft(audio, n_fft=N_FFT, hop_length=HOP))
    levels = librosa.power_to_db(of.melspectrogram(S=spectrum**2, sr=sample_rate, n_mels=40))
    with warnings.catch_warnings():
        # A frame of digital silence has no pitch to be tuned by.
        warnings.filterwarnings("ignore", message="Trying to estimate tuning")
        classes = of.chroma_stft(S=spectrum**2, sr=sample_rate)
    rows = [
        of.mfcc(S=levels, n_mfcc=20),
        levels,
        classes,
        of.tonnetz(chroma=classes, sr=sample_rate),
        of.spectral_contrast(S=spectrum, sr=sample_rate),
        of.spectral_centroid(S=spectrum, sr=sample_rate),
        of.spectral_bandwidth(S=spectrum, sr=sample_rate),
        of.spectral_rolloff(S=spectrum, sr=sample_rate),
        of.spectral_flatness(S=spectrum),
        of.zero_crossing_rate(audio, frame_length=N_FFT, hop_length=HOP),
        librosa.amplitude_to_db(of.rms(S=spectrum, frame_length=N_FFT), amin=1e-6),
        np.diff(spectrum, axis=1, prepend=spectrum[:, :1]).clip(min=0).mean(axis=0)[None],
    ]
    length = min(row.shape[1] for row in rows)
    return np.vstack([row[:, :length] for row in rows]).astype(float)


def _statistics(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, deviation = frames.mean(axis=1), frames.std(axis=1)
    standard = (frames - mean[:, None]) / np.where(deviation > 0, deviation, 1)[:, None]
    steps = np.diff(frames, axis=1) if frames.shape[1] > 1 else np.zeros_like(frames)
    parts = [mean, deviation, (standard**3).mean(axis=1), np.abs(steps).mean(axis=1), steps.std(axis=1)]
    return np.concatenate([*parts, *np.percentile(frames, _PERCENTILES, axis=1)])
