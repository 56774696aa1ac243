"""Ways to say how far two sounds are apart without any encoder: a front end, and a distance between its frames.

Conventions: sound is brought to 22 050 Hz and cut into frames 512 samples apart. The MFCC references are those of Kim
(2021); as an encoder of MFCC statistics is bound to agree with them, there are three others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import resample
from earwitness.audio.chroma import chroma
from earwitness.audio.frontends import decibels, mel_spectrogram, mfcc
from earwitness.distances import dtw_matrix, simple_matrix
from earwitness.errors import InputError

Floats = NDArray[np.float32]
FrontEnd = Literal["mfcc", "log-mel", "chroma", "stft"]

SAMPLE_RATE = 22_050
HOP = 512
PASSAGE = 50
"""Frames of a SiMPle passage, 1.16 seconds, as in the published code."""


def _mfcc(sound: Floats) -> Floats:
    return mfcc(sound, SAMPLE_RATE, n_coefficients=25)[1:]


def _log_mel(sound: Floats) -> Floats:
    return decibels(mel_spectrogram(sound, SAMPLE_RATE, n_mels=40))


def _chroma(sound: Floats) -> Floats:
    return chroma(sound, SAMPLE_RATE, hop=HOP)


def _stft(sound: Floats) -> Floats:
    """Sixteen bands at each of three resolutions, 23, 93 and 372 milliseconds."""
    bands = [mel_spectrogram(sound, SAMPLE_RATE, n_fft=n, n_mels=16, scale="htk") for n in (512, 2048, 8192)]
    return decibels(np.concatenate(bands))


FRONT_ENDS: dict[FrontEnd, Callable[[Floats], Floats]] = {
    "mfcc": _mfcc,  # 24 numbers a frame, the loudness left out
    "log-mel": _log_mel,  # 40
    "chroma": _chroma,  # 12
    "stft": _stft,  # 48
}


@dataclass(frozen=True)
class Reference:
    """One way to measure distances in sound.

    Attributes
    ----------
    front_end
        "mfcc", "log-mel", "chroma" or "stft" (bands at three resolutions).
    distance
        "dtw" (dynamic time warping) or "simple" (median distance of a passage to the nearest one).
    radius
        Of FastDTW, to repeat older work; None is exact.
    """

    front_end: FrontEnd
    distance: Literal["dtw", "simple"] = "dtw"
    radius: int | None = None

    @property
    def name(self) -> str:
        """Such as "mfcc-dtw"; it names all that the numbers depend on."""
        return f"{self.front_end}-{self.distance}" + ("" if self.radius is None else f"-radius{self.radius}")

    @property
    def least_frames(self) -> int:
        """Frames that a clip must have; a shorter one is repeated, as for an encoder's window."""
        return PASSAGE if self.distance == "simple" else 1

    def frames(self, sound: Floats, sample_rate: int) -> Floats:
        """(frames, numbers) of a sound of one channel."""
        heard = resample(sound, sample_rate, SAMPLE_RATE)
        frames = np.ascontiguousarray(FRONT_ENDS[self.front_end](heard).T)
        return frames if len(frames) >= self.least_frames else np.resize(frames, (self.least_frames, frames.shape[1]))

    def matrix(self, changed: Sequence[Floats], originals: Sequence[Floats]) -> Floats:
        """(n, N) distances from every changed clip's frames to every original's, on this thread."""
        if self.distance == "simple":
            return simple_matrix(changed, originals, PASSAGE, jobs=1)
        return dtw_matrix(changed, originals, radius=self.radius, jobs=1)


REFERENCES = {
    reference.name: reference
    for reference in (
        Reference("mfcc"),
        Reference("mfcc", "simple"),
        Reference("log-mel"),
        Reference("chroma"),
        Reference("stft"),
        Reference("mfcc", radius=1),
    )
}
"""By name; "mfcc-dtw-radius1" is what Kim (2021) computed, five times slower than the exact one or more."""


def reference(name: str) -> Reference:
    """The reference of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in REFERENCES:
        raise InputError(f"there is no reference {name!r} in sound; there are {', '.join(REFERENCES)}")
    return REFERENCES[name]
