"""The sounds of the page: clips and their changed versions as short MP3s, within a budget of bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import resample
from earwitness.audio.perturbations import GRID, IMPERCEPTIBLE, Perturbation, clip_generator, parse
from earwitness.datasets import Clip, Clips
from earwitness.errors import ClipError, InputError
from earwitness.report.listening import Example, Sound

SECONDS = 6.0  # of each sound, from its beginning
KBPS = 128
_MP3_RATES = (22050, 24000, 32000, 44100, 48000)  # Hz at which MP3 knows 128 kb/s
_FADE_S = 0.02  # so that the cut does not click

Heard = dict[tuple[Example, Sound], bytes]


def render(examples: Sequence[Example], clips: Clips, seed: int) -> Iterator[Heard]:
    """MP3s of one example after the other, the worst of every audit and encoder first.

    The changed sound is made as it was for the measurement: from the measured excerpt (`excerpt_s` of the result's
    parameters), at its own sample rate, with the random draws of the run's seed. An example with a clip that cannot
    be read, or is not among `clips`, is left out.

    Parameters
    ----------
    examples
        What to render.
    clips
        Where the sound is.
    seed
        For examples of results that do not name theirs.
    """
    excerpts = {e: clips if e is None else clips.excerpt(e) for e in {example.excerpt_s for example in examples}}
    known = {length: {clip.clip: clip for clip in cut} for length, cut in excerpts.items()}
    for example in in_turn(examples):
        try:
            made = _example(example, known[example.excerpt_s], seed)
        except (ClipError, InputError, KeyError):
            continue
        yield {(example, sound): data for sound, data in made.items()}


def within(budget: int, heard: Iterable[Heard]) -> Heard:
    """The first examples whose players together need no more than so many bytes of base64 text."""
    kept: Heard = {}
    for example in heard:
        budget -= sum(encoded_size(len(data)) for data in example.values())
        if budget < 0:
            break
        kept |= example
    return kept


def encoded_size(size: int) -> int:
    """Bytes of base64 text for so many bytes."""
    return (size + 2) // 3 * 4


def in_turn(examples: Sequence[Example]) -> Iterator[Example]:
    """The worst of every audit and encoder, then the second worst of each, and so on."""
    hands: dict[tuple[str, str, str], list[Example]] = {}
    for example in examples:
        hands.setdefault((example.audit, example.encoder, example.dataset), []).append(example)
    for turn in zip_longest(*hands.values()):
        yield from (example for example in turn if example is not None)


def _example(example: Example, known: Mapping[str, Clip], seed: int) -> dict[Sound, bytes]:
    heard = {}
    for sound in example.sounds:
        clip = known[sound.clip]
        audio, sample_rate = clip.audio()
        if sound.change:
            change = _change(sound.change)
            draws = seed if example.seed is None else int(example.seed)
            audio = change(audio, sample_rate, clip_generator(draws, clip.content_key(), change.key))
        heard[sound] = (audio[: round(SECONDS * sample_rate)], sample_rate)
    peak = max(float(np.abs(audio).max(initial=0.0)) for audio, _ in heard.values())
    # One gain for the whole example: matched loudness is part of what is to be heard.
    gain = min(1.0, 0.99 / peak) if peak > 0 else 1.0
    return {sound: mp3(audio * np.float32(gain), sample_rate) for sound, (audio, sample_rate) in heard.items()}


def _change(label: str) -> Perturbation:
    for change in (*IMPERCEPTIBLE, *GRID):
        if change.label == label:
            return change
    return parse(label)


def mp3(audio: NDArray[np.float32], sample_rate: int) -> bytes:
    """One channel as an MP3 of 128 kb/s, its end faded over 20 ms.

    Parameters
    ----------
    audio : (samples,) float32 array
        From -1 to 1; what is beyond is clipped.
    sample_rate
        In Hz; a rate at which MP3 has no 128 kb/s is resampled to 44,100.
    """
    import lameenc

    if sample_rate not in _MP3_RATES:
        audio, sample_rate = resample(audio, sample_rate, 44100), 44100
    fade = min(len(audio), round(_FADE_S * sample_rate))
    audio = audio.copy()
    audio[len(audio) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(KBPS)
    encoder.set_in_sample_rate(sample_rate)
    encoder.set_out_sample_rate(sample_rate)
    encoder.set_channels(1)
    encoder.set_quality(2)
    samples = np.round(np.clip(audio, -1, 1) * 32767).astype("<i2")
    return bytes(encoder.encode(samples.tobytes())) + bytes(encoder.flush())
