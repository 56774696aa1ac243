"""Added noise: synthetic pink noise, and a recording of a place."""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from earwitness.audio.perturbations.base import REVISION, Perturbation
from earwitness.audio.reading import read
from earwitness.audio.samples import Audio, root_mean_square
from earwitness.errors import ClipError, InputError

RECORDINGS = {"bar": "bar-coffee_shop.ogg"}
"""The recordings that come with the package, by name."""

_DATA = Path(__file__).parents[1] / "data"
_MILDEST_DB = 30.0


def mix(audio: Audio, noise: Audio, snr_db: float) -> Audio:
    r"""The sound plus the noise, scaled so that the signal-to-noise ratio is the one asked for.

    .. math:: y = x + n \, \frac{\mathrm{rms}(x)}{\mathrm{rms}(n)} \, 10^{-\mathrm{SNR} / 20}

    with the root mean square over the whole clip and all its channels, as the code to Kim (2021), section 4.4.
    The peak normalisation that follows there is without effect once the loudness is matched, and left out.
    """
    level = root_mean_square(noise)
    if level == 0:
        return audio.astype(np.float32)
    gain = root_mean_square(audio) / level * 10 ** (-snr_db / 20)
    return audio + noise * np.float32(gain)


def pink(channels: int, samples: int, rng: np.random.Generator) -> Audio:
    r"""Noise whose power spectrum falls as :math:`1/f`: 3 dB an octave; independent channels.

    Made in the frequency domain: complex Gaussian values divided by the square root of the frequency, without a
    constant part.

    Returns
    -------
    [channels, samples] float32
        Not normalised.
    """
    size = _handy_size(samples)
    bins = size // 2 + 1
    spectrum = rng.standard_normal((channels, bins, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum[:, 0] = 0
    spectrum[:, 1:] /= np.sqrt(np.arange(1, bins, dtype=np.float32))
    return np.fft.irfft(spectrum, size)[:, :samples].astype(np.float32, copy=False)


def _handy_size(samples: int) -> int:
    """The next larger size whose transform is fast: a number below 32 times a power of two."""
    unit = 1 << max(samples.bit_length() - 5, 1)
    return -(-samples // unit) * unit


@dataclass(frozen=True)
class _Noise(Perturbation):
    snr_db: float
    unit: ClassVar[str] = "dB"

    def __post_init__(self) -> None:
        if not (isinstance(self.snr_db, (int, float)) and math.isfinite(self.snr_db)):
            raise InputError(f"a signal-to-noise ratio is a finite number of decibels, not {self.snr_db!r}")

    @property
    def magnitude(self) -> float:
        return float(self.snr_db)

    @property
    def severity(self) -> float:
        """Amplitude of the noise relative to the signal: 0 for no noise, 1 at 0 dB."""
        return 10 ** (-self.snr_db / 20)

    @property
    def imperceptible(self) -> bool:
        return self.snr_db >= _MILDEST_DB


@dataclass(frozen=True)
class PinkNoise(_Noise):
    """Add 1/f noise, `snr_db` decibels below the signal (both as root mean square over the clip).

    Channels get independent noise.
    """

    family: ClassVar[str] = "pink noise"

    @property
    def label(self) -> str:
        return f"pink noise {self.snr_db:g} dB"

    @property
    def key(self) -> str:
        return f"pink-noise:{self.magnitude!r};{REVISION}"

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:  # noqa: ARG002
        return mix(channels, pink(channels.shape[0], channels.shape[1], rng), self.snr_db)


@dataclass(frozen=True)
class EnvironmentalNoise(_Noise):
    """Add a random stretch of a field recording, `snr_db` decibels below the signal.

    Attributes
    ----------
    snr_db
        Signal-to-noise ratio, both as root mean square over the clip.
    noise
        "bar" (in the package), or a local sound file. It is resampled to the clip's rate, and repeated if shorter.
    """

    noise: str = "bar"
    family: ClassVar[str] = "environmental noise"

    @property
    def label(self) -> str:
        place = "" if self.noise == "bar" else f" ({Path(self.noise).stem})"
        return f"environmental noise{place} {self.snr_db:g} dB"

    @property
    def key(self) -> str:
        return f"environmental-noise:{self.magnitude!r}:{_content(self.noise)};{REVISION}"

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
        recording = _recording(self.noise, sample_rate, _content(self.noise))
        return mix(channels, _stretch_of(recording, channels.shape[0], channels.shape[1], rng), self.snr_db)


def _path(noise: str) -> str:
    return str(_DATA / RECORDINGS[noise]) if noise in RECORDINGS else str(noise)


def _content(noise: str) -> str:
    path = Path(_path(noise))
    try:
        about = path.stat()
    except OSError as problem:
        raise InputError(f"the noise file {noise} cannot be read: {problem.strerror}") from problem
    return _hash(str(path), about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash(path: str, _size: int, _modified: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


@lru_cache(maxsize=8)
def _recording(noise: str, sample_rate: int, _content: str) -> Audio:
    try:
        recording, _ = read(_path(noise), sample_rate=sample_rate, mono=False)
    except ClipError as problem:  # no fault of the clip that the noise is for
        raise InputError(f"the noise file {problem}") from problem
    recording = np.atleast_2d(recording)
    if not recording.any():
        raise InputError(f"the noise file {noise} is silent; name a recording that can be heard")
    recording.setflags(write=False)  # the cache hands the same array to everybody
    return recording


def _stretch_of(recording: Audio, channels: int, samples: int, rng: np.random.Generator) -> Audio:
    if len(recording) != channels:
        recording = recording.mean(axis=0, keepdims=True)
    length = recording.shape[1]
    if length >= samples:
        start = int(rng.integers(length - samples + 1))
        piece = recording[:, start : start + samples]
    else:
        start = int(rng.integers(length))
        piece = np.take(recording, np.arange(start, start + samples), axis=1, mode="wrap")
    return piece if len(piece) == channels else np.repeat(piece, channels, axis=0)
