"""Changes to sound, from hardly audible to grave, each followed by loudness matching (Kim 2021, chapter 4)."""

from earwitness.audio.perturbations.base import Identity, Perturbation, PerturbationRecord, clip_generator
from earwitness.audio.perturbations.grid import GRID, IMPERCEPTIBLE, PROFILES, parse
from earwitness.audio.perturbations.mp3 import MP3, distinct
from earwitness.audio.perturbations.noise import EnvironmentalNoise, PinkNoise
from earwitness.audio.perturbations.time import PitchShift, TempoShift

__all__ = [
    "GRID",
    "IMPERCEPTIBLE",
    "MP3",
    "PROFILES",
    "EnvironmentalNoise",
    "Identity",
    "Perturbation",
    "PerturbationRecord",
    "PinkNoise",
    "PitchShift",
    "TempoShift",
    "clip_generator",
    "distinct",
    "parse",
]
