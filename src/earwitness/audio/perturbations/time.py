"""Tempo without pitch, and pitch without tempo.

The tempo is changed by Signalsmith Stretch (or Rubber Band, the engine of Kim 2021, with the extra `rubberband`). The
pitch is changed by the same time stretch followed by resampling, so that a shift is exact to the cent by construction.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from python_stretch import Signalsmith

from earwitness.audio.perturbations.base import REVISION, Perturbation
from earwitness.audio.samples import Audio, fit_length, resample
from earwitness.errors import InputError, MissingExtraError

Engine = Literal["signalsmith", "rubberband"]

_SEED = 0
_SHORTEST_BLOCKS = 2
_CENTS_PER_OCTAVE = 1200
_LARGEST_OCTAVES = 4


def stretch(channels: Audio, sample_rate: int, factor: float, engine: Engine = "signalsmith") -> Audio:
    """The same pitch, `factor` times as fast: `[channels, round(samples / factor)]`, without delay."""
    if factor == 1:
        return channels
    samples = round(channels.shape[1] / factor)
    return fit_length(_ENGINES[engine](channels, sample_rate, factor), max(samples, 1))


def _signalsmith(channels: Audio, sample_rate: int, factor: float) -> Audio:
    # Beyond an octave the steps through the input grow coarse and clicks land up to 10 ms off; two steps of the
    # square root keep them within 1 ms.
    steps = max(math.ceil(abs(math.log2(factor))), 1)
    for _ in range(steps):
        engine = Signalsmith.Stretch(_SEED)
        engine.preset(len(channels), sample_rate)
        engine.setTimeFactor(factor ** (1 / steps))
        enough = fit_length(channels, max(channels.shape[1], _SHORTEST_BLOCKS * engine.blockSamples()))
        enough = np.require(enough, requirements="W")  # the binding takes no read-only array
        channels = np.asarray(engine.process(enough), np.float32)
    return channels


def _rubberband(channels: Audio, sample_rate: int, factor: float) -> Audio:
    try:
        from pedalboard import time_stretch
    except ImportError as problem:
        raise MissingExtraError("the engine Rubber Band", "rubberband") from problem
    return time_stretch(np.ascontiguousarray(channels), sample_rate, stretch_factor=factor, high_quality=True)


_ENGINES = {"signalsmith": _signalsmith, "rubberband": _rubberband}


def _check_engine(engine: str) -> None:
    if engine not in _ENGINES:
        raise InputError(f"there is no engine {engine!r}; choose one of {', '.join(_ENGINES)}")


def _named(engine: str) -> str:
    return "" if engine == "signalsmith" else f" ({engine})"


@dataclass(frozen=True)
class TempoShift(Perturbation):
    """Play `factor` times as fast at the same pitch: 1.02 is 2 % faster and ends 2 % earlier.

    The result has `round(samples / factor)` samples.
    """

    factor: float
    engine: Engine = "signalsmith"
    family: ClassVar[str] = "tempo"
    unit: ClassVar[str] = "ratio"

    def __post_init__(self) -> None:
        if not (isinstance(self.factor, (int, float)) and 2**-_LARGEST_OCTAVES <= self.factor <= 2**_LARGEST_OCTAVES):
            raise InputError(f"a tempo is a ratio between 1/16 and 16 (1.02 is 2 % faster), not {self.factor!r}")
        _check_engine(self.engine)

    @property
    def magnitude(self) -> float:
        return float(self.factor)

    @property
    def severity(self) -> float:
        """Octaves of tempo: 1 at half or double."""
        return abs(math.log2(self.factor))

    @property
    def label(self) -> str:
        return f"tempo {100 * (self.factor - 1):+.4g} %{_named(self.engine)}"

    @property
    def imperceptible(self) -> bool:
        return abs(self.factor - 1) <= 0.02 + 1e-9

    @property
    def key(self) -> str:
        return f"tempo:{self.magnitude!r};{self.engine};{REVISION}"

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:  # noqa: ARG002
        return stretch(channels, sample_rate, self.factor, self.engine)

    def _silence(self, channels: Audio) -> Audio:
        return np.zeros((len(channels), max(round(channels.shape[1] / self.factor), 1)), np.float32)


@dataclass(frozen=True)
class PitchShift(Perturbation):
    """Raise the pitch by `cents` hundredths of a semitone at the same tempo and length."""

    cents: float
    engine: Engine = "signalsmith"
    family: ClassVar[str] = "pitch"
    unit: ClassVar[str] = "cents"

    def __post_init__(self) -> None:
        limit = _LARGEST_OCTAVES * _CENTS_PER_OCTAVE
        if not (isinstance(self.cents, (int, float)) and abs(self.cents) <= limit):
            raise InputError(f"a pitch shift is a number of cents from -{limit} to {limit}, not {self.cents!r}")
        _check_engine(self.engine)

    @property
    def magnitude(self) -> float:
        return float(self.cents)

    @property
    def severity(self) -> float:
        """Semitones, up or down."""
        return abs(self.cents) / 100

    @property
    def label(self) -> str:
        return f"pitch {self.cents:+g} cents{_named(self.engine)}"

    @property
    def imperceptible(self) -> bool:
        return abs(self.cents) <= 25

    @property
    def key(self) -> str:
        return f"pitch:{self.magnitude!r};{self.engine};{REVISION}"

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:  # noqa: ARG002
        ratio = 2 ** (self.cents / _CENTS_PER_OCTAVE)
        longer = stretch(channels, sample_rate, 1 / ratio, self.engine)
        return fit_length(resample(longer, sample_rate * ratio, sample_rate), channels.shape[1])
