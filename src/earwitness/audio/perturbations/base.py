"""What a perturbation is: a value whose fields say all that it does, applied by calling it."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earwitness.audio.loudness import match_loudness
from earwitness.audio.samples import Audio
from earwitness.errors import InputError

# Raised whenever the same fields come to give other samples, so that no cache mixes the two.
REVISION = 1


@dataclass(frozen=True)
class PerturbationRecord:
    """What was done to a sound, in words and numbers that can be stored.

    Attributes
    ----------
    family
        "pink noise", "environmental noise", "tempo", "pitch", "mp3" or "identity".
    magnitude, unit
        How much, in the family's own unit: dB, ratio, cents, kb/s.
    severity
        0 for no change, growing with gravity; comparable within a family only.
    label
        For pictures and tables: "pitch +25 cents".
    key
        Everything the result depends on; equal keys, equal samples (given the same generator).
    imperceptible
        Whether it is one of the smallest steps of Kim (2021), section 4.5.4, or milder.
    """

    family: str
    magnitude: float
    unit: str
    severity: float
    label: str
    key: str
    imperceptible: bool


class Perturbation(ABC):
    """A change to sound, followed by loudness matching to the original.

    To add one, write a frozen dataclass that derives from this one, gives the class variables `family` and `unit`, the
    properties below and `apply`, and name it in `earwitness.audio.perturbations.grid`.
    """

    family: ClassVar[str]
    unit: ClassVar[str]

    @property
    @abstractmethod
    def magnitude(self) -> float:
        """How much, in `unit`."""

    @property
    @abstractmethod
    def severity(self) -> float:
        """0 for no change, growing with gravity; comparable within a family only."""

    @property
    @abstractmethod
    def label(self) -> str:
        """For pictures and tables."""

    @property
    @abstractmethod
    def imperceptible(self) -> bool:
        """Whether it is one of the smallest steps of Kim (2021), section 4.5.4, or milder."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Everything the result depends on, the engine and the content of a noise file included."""

    @abstractmethod
    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
        """The changed sound, `[channels, samples]`, before loudness matching. `channels` must not be written to."""

    def __call__(self, audio: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
        """Change the sound and match its loudness to the original's (EBU R 128).

        Parameters
        ----------
        audio : [samples] or [channels, samples] float32
            Finite; it is not changed.
        sample_rate
            In hertz, of the input and of the result.
        rng
            Where random choices come from; see `clip_generator`.

        Returns
        -------
        float32 array with as many dimensions as `audio`
            Of the same length but for tempo. Not clipped: samples may exceed full scale. Silence stays silence.

        Raises
        ------
        InputError
            If the array is not sound: wrong dimensions, no samples, NaN or infinite values.
        """
        channels = _checked(audio, sample_rate)
        changed = self.apply(channels, sample_rate, rng) if channels.any() else self._silence(channels)
        matched = channels.copy() if changed is channels else match_loudness(changed, channels, sample_rate)
        return matched if audio.ndim == 2 else matched[0]

    def _silence(self, channels: Audio) -> Audio:
        return channels

    def record(self) -> PerturbationRecord:
        """The same facts as a plain value."""
        return PerturbationRecord(
            self.family, self.magnitude, self.unit, self.severity, self.label, self.key, self.imperceptible
        )


def _checked(audio: Audio, sample_rate: int) -> Audio:
    channels = np.atleast_2d(np.asarray(audio, np.float32))
    if channels.ndim != 2 or not channels.size:
        raise InputError(f"a perturbation takes [samples] or [channels, samples], not an array of shape {audio.shape}")
    if sample_rate <= 0:
        raise InputError(f"a sample rate must be positive, not {sample_rate}")
    if not np.isfinite(channels).all():
        raise InputError("a perturbation takes finite samples; this sound holds NaN or infinite ones")
    return channels


def clip_generator(seed: int, clip_key: str, perturbation_key: str) -> np.random.Generator:
    """Random numbers that depend on what is done to which clip, and on nothing else.

    The order of the work, the number of workers and the other clips have no part in it.

    Parameters
    ----------
    seed
        The user's.
    clip_key
        What the clip is, by content.
    perturbation_key
        `Perturbation.key`.
    """
    text = f"{seed}\0{clip_key}\0{perturbation_key}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


@dataclass(frozen=True)
class Identity(Perturbation):
    """No change at all: with it an audit must find nothing."""

    family: ClassVar[str] = "identity"
    unit: ClassVar[str] = ""
    magnitude: ClassVar[float] = 0.0
    severity: ClassVar[float] = 0.0
    label: ClassVar[str] = "identity"
    imperceptible: ClassVar[bool] = True
    key: ClassVar[str] = "identity"

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:  # noqa: ARG002
        return channels
