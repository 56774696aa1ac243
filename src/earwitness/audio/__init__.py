"""Sound itself: reading and resampling, spectral front ends, loudness, perturbations."""

from earwitness.audio.perturbations import PerturbationRecord
from earwitness.audio.reading import AudioInfo, info, read
from earwitness.audio.samples import Audio, resample, to_mono

__all__ = ["Audio", "AudioInfo", "PerturbationRecord", "info", "read", "resample", "to_mono"]
