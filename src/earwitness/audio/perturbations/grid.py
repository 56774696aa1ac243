"""Which perturbations: the grid of figure 4.3 of Kim (2021), the smallest steps, the profiles, and names to type."""

import difflib
from collections.abc import Callable

from earwitness.audio.perturbations.base import Identity, Perturbation
from earwitness.audio.perturbations.mp3 import MP3
from earwitness.audio.perturbations.noise import EnvironmentalNoise, PinkNoise
from earwitness.audio.perturbations.time import PitchShift, TempoShift
from earwitness.errors import InputError

_SEMITONES = (-12, -10, -8, -6, -4, -2, -1, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 2, 4, 6, 8, 10, 12)
_SLOWER = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.92, 0.94, 0.96, 0.98)
_FASTER = (1.02, 1.04, 1.06, 1.08, 1.1, 1.2, 1.3, 1.4, 1.5)
_RATIOS_DB = (-15, -10, -6, -3, 3, 6, 9, 12, 15, 18, 21, 24, 27, 27.5, 28, 28.5, 29, 29.5, 30)
_BIT_RATES = (8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)

GRID: tuple[Perturbation, ...] = (
    *(PitchShift(round(100 * semitones)) for semitones in _SEMITONES),
    *map(TempoShift, _SLOWER + _FASTER),
    *map(PinkNoise, _RATIOS_DB),
    *map(EnvironmentalNoise, _RATIOS_DB),
    *map(MP3, _BIT_RATES),
)
"""All 94 levels of the thesis; its semitones are stated in cents."""

IMPERCEPTIBLE: tuple[Perturbation, ...] = (
    PitchShift(-25),
    PitchShift(25),
    TempoShift(0.98),
    TempoShift(1.02),
    PinkNoise(30),
    EnvironmentalNoise(30),
    MP3(192),
)
"""The smallest step of each family (Kim 2021, section 4.5.4): people hardly hear them."""

_STANDARD = (
    *map(PitchShift, (-1200, -400, -100, -25, 25, 100, 400, 1200)),
    *map(TempoShift, (0.5, 0.7, 0.9, 0.98, 1.02, 1.1, 1.3)),
    *map(PinkNoise, (-6, 6, 12, 21, 30)),
    *map(EnvironmentalNoise, (-6, 6, 12, 21, 30)),
    *map(MP3, (32, 48, 64, 128, 192)),
)

PROFILES: dict[str, tuple[Perturbation, ...]] = {
    "quick": (*IMPERCEPTIBLE, PitchShift(400), TempoShift(0.7), PinkNoise(6), EnvironmentalNoise(6), MP3(32)),
    "standard": _STANDARD,
    "full": GRID,
}
"""How much to listen to: 12, 30 or 94 levels, each profile within the next."""


def _no_argument() -> Identity:
    return Identity()


def _noise(ratio: str, recording: str = "bar") -> EnvironmentalNoise:
    return EnvironmentalNoise(_number(ratio), recording)


_BY_NAME: dict[str, Callable[..., Perturbation]] = {
    "identity": _no_argument,
    "pitch": lambda cents: PitchShift(_number(cents)),
    "tempo": lambda factor: TempoShift(_number(factor)),
    "pink-noise": lambda ratio: PinkNoise(_number(ratio)),
    "environmental-noise": _noise,
    "mp3": lambda rate: MP3(_whole(rate)),
}
_FORMS = "pitch:+25 (cents), tempo:0.98, pink-noise:30 (dB), environmental-noise:30[:file], mp3:64 (kb/s) or identity"


def parse(text: str) -> Perturbation:
    """The perturbation that a text names.

    Parameters
    ----------
    text
        `pitch:+25` (cents), `tempo:0.98`, `pink-noise:30` (dB), `environmental-noise:30[:file]`, `mp3:64` (kb/s) or
        `identity`.

    Raises
    ------
    InputError
        If there is no such family, or its number is missing or out of range.

    Examples
    --------
    >>> parse("pitch:+25")
    PitchShift(cents=25.0, engine='signalsmith')
    >>> parse("mp3:64").label
    'MP3 64 kb/s'
    """
    name, _, arguments = text.strip().partition(":")
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{text!r} names no perturbation; write {_FORMS}.{hint}")
    given = arguments.split(":", 1 if name == "environmental-noise" else 0) if arguments else []
    try:
        return _BY_NAME[name](*given)
    except TypeError as problem:
        raise InputError(f"{text!r} has too few or too many parts; write {_FORMS}") from problem


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as problem:
        raise InputError(f"{text!r} is not a number; write {_FORMS}") from problem


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as problem:
        raise InputError(f"{text!r} is not a whole number; write {_FORMS}") from problem
