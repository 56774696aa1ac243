"""Rhythm of a clip, through librosa: tempo, onsets, and a profile over tempi that keeps the octave ambiguous."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

HOP = 512
TEMPI = np.geomspace(30.0, 300.0, 50)
"""Beats per minute of the profile, evenly spaced in octaves."""

TEMPO, ONSET_RATE, ONSET_STRENGTH, PROFILE = 0, 1, 2, 3
"""Columns of `rhythm`; the profile takes the last 50."""


def rhythm(audio: Floats, sample_rate: int) -> Floats:
    """Tempo (BPM; NaN where no beat is found), onsets a second, mean onset strength, and the tempo profile.

    Returns
    -------
    (53,) float32 array
        The profile, averaged over the clip, sums to 1; equal shares where the sound has no pulse at all.
    """
    import librosa

    envelope = librosa.onset.onset_strength(y=audio, sr=sample_rate, hop_length=HOP)
    tempo = float(librosa.feature.tempo(onset_envelope=envelope, sr=sample_rate, hop_length=HOP)[0])
    onsets = librosa.onset.onset_detect(onset_envelope=envelope, sr=sample_rate, hop_length=HOP)
    rate = len(onsets) * sample_rate / len(audio)
    profile = tempo_profile(envelope, sample_rate)
    # No beat is written as 0, which no tempo is, so that a clip that was heard has no missing values.
    return np.array([tempo, rate, envelope.mean(), *profile], np.float32)


def tempo_profile(envelope: NDArray[np.floating], sample_rate: int) -> NDArray[np.float64]:
    """How strongly the onsets repeat at each of `TEMPI`, averaged over the clip; sums to 1."""
    import librosa

    strength = librosa.feature.tempogram(onset_envelope=envelope, sr=sample_rate, hop_length=HOP).mean(axis=1)
    tempi = librosa.tempo_frequencies(len(strength), sr=sample_rate, hop_length=HOP)  # falling; the first is infinite
    profile = np.interp(TEMPI, tempi[:0:-1], strength[:0:-1]).clip(min=0)
    total = profile.sum()
    even: NDArray[np.float64] = np.full(len(TEMPI), 1 / len(TEMPI))
    return profile / total if total > 0 else even
