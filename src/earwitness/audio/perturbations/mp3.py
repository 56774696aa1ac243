"""There and back through MP3 at a constant bit rate.

The format has three families of sample rates, each with its own bit rates; a bit rate that a family lacks becomes its
nearest. The round trip goes through LAME with the output rate forced to the input's (left alone, LAME lowers the sample
rate at low bit rates), and loses the codec's constant delay.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import lameenc
import numpy as np
import soundfile

from earwitness.audio.perturbations.base import REVISION, Perturbation
from earwitness.audio.samples import Audio, fit_length, resample
from earwitness.errors import InputError

_LOW = (8, 16, 24, 32, 40, 48, 56, 64)
_MIDDLE = (*_LOW, 80, 96, 112, 128, 144, 160)
_HIGH = (*_MIDDLE[3:12], 160, 192, 224, 256, 320)
_BIT_RATES = {
    **dict.fromkeys((8000, 11025, 12000), _LOW),
    **dict.fromkeys((16000, 22050, 24000), _MIDDLE),
    **dict.fromkeys((32000, 44100, 48000), _HIGH),
}
_ALL_BIT_RATES = tuple(sorted({*_MIDDLE, *_HIGH}))
_QUALITY = 3  # what LAME and FFmpeg take for a constant bit rate
# 576 samples of the encoder's overlap and 529 of the decoder's filter bank, at every sample rate.
_DELAY = 1105
_UNCOMPRESSED_KBPS = 1411.2


@dataclass(frozen=True)
class MP3(Perturbation):
    """Encode as MP3 at `kbps` kilobits a second (constant), and decode.

    Same length, aligned to the sample. A sample rate that MP3 lacks goes through the next higher one that it has (at
    most 48 kHz) and back. Sound with more than two channels is encoded channel by channel.
    """

    kbps: int
    family: ClassVar[str] = "mp3"
    unit: ClassVar[str] = "kb/s"

    def __post_init__(self) -> None:
        if self.kbps not in _ALL_BIT_RATES:
            rates = ", ".join(map(str, _ALL_BIT_RATES))
            raise InputError(f"MP3 has no constant bit rate of {self.kbps!r} kb/s; choose one of {rates}")

    @property
    def magnitude(self) -> float:
        return float(self.kbps)

    @property
    def severity(self) -> float:
        """Octaves below the 1411.2 kb/s of a compact disc."""
        return math.log2(_UNCOMPRESSED_KBPS / self.kbps)

    @property
    def label(self) -> str:
        return f"MP3 {self.kbps} kb/s"

    @property
    def imperceptible(self) -> bool:
        return self.kbps >= 192

    @property
    def key(self) -> str:
        return f"mp3:{self.magnitude!r};{REVISION}"

    def obtained_kbps(self, sample_rate: int) -> int:
        """The bit rate that the format gives at this sample rate, in kb/s.

        Examples
        --------
        >>> MP3(320).obtained_kbps(22050), MP3(8).obtained_kbps(44100), MP3(64).obtained_kbps(44100)
        (160, 32, 64)
        """
        return min(_BIT_RATES[_codec_rate(sample_rate)], key=lambda rate: abs(rate - self.kbps))

    def apply(self, channels: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:  # noqa: ARG002
        codec_rate = _codec_rate(sample_rate)
        sound = resample(channels, sample_rate, codec_rate)
        if not sound.size:  # shorter than one sample of the codec's
            return channels.copy()
        peak = max(float(np.abs(sound).max()), 1.0)  # the encoder would clip; the loudness is matched afterwards anyway
        groups = [sound] if len(sound) <= 2 else [channel[None] for channel in sound]
        kbps = self.obtained_kbps(sample_rate)
        decoded = np.concatenate([_round_trip(group / np.float32(peak), codec_rate, kbps) for group in groups])
        return fit_length(resample(decoded, codec_rate, sample_rate), channels.shape[1]) * np.float32(peak)


def _codec_rate(sample_rate: int) -> int:
    return next((rate for rate in _BIT_RATES if rate >= sample_rate), max(_BIT_RATES))


def encode(channels: Audio, sample_rate: int, kbps: int) -> bytes:
    """An MP3 stream of one or two channels, at a sample rate and a constant bit rate that the format has."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(len(channels))
    encoder.set_in_sample_rate(sample_rate)
    encoder.set_out_sample_rate(sample_rate)
    encoder.set_bit_rate(kbps)
    encoder.set_quality(_QUALITY)
    samples = np.rint(channels.T * np.float32(32768)).clip(-32768, 32767).astype("<i2")
    return bytes(encoder.encode(samples.tobytes()) + encoder.flush())


def _round_trip(channels: Audio, sample_rate: int, kbps: int) -> Audio:
    stream = io.BytesIO(encode(channels, sample_rate, kbps))
    decoded, _ = soundfile.read(stream, dtype="float32", always_2d=True)
    return fit_length(decoded[_DELAY:].T, channels.shape[1])


def distinct(perturbations: Iterable[Perturbation], sample_rate: int) -> tuple[Perturbation, ...]:
    """The perturbations without those MP3 levels that give the same file as another at this sample rate.

    Of several equal levels the one that the format really has stays, or else the first.

    Examples
    --------
    >>> [p.label for p in distinct([MP3(128), MP3(320), MP3(160)], 22050)]
    ['MP3 128 kb/s', 'MP3 160 kb/s']
    """
    kept = dict.fromkeys(perturbations)
    first: dict[int, MP3] = {}
    for level in sorted((p for p in kept if isinstance(p, MP3)), key=lambda p: p.kbps != p.obtained_kbps(sample_rate)):
        first.setdefault(level.obtained_kbps(sample_rate), level)
    return tuple(p for p in kept if not isinstance(p, MP3) or p in first.values())
