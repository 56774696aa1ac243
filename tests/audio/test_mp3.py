"""MP3 and back: the same length, aligned to the sample, as lossy as FFmpeg's, and honest about the bit rate."""

import io

import av
import numpy as np
import pytest

from earwitness.audio import resample
from earwitness.audio.perturbations import GRID, IMPERCEPTIBLE, MP3, PinkNoise, distinct
from earwitness.audio.perturbations.mp3 import encode
from earwitness.errors import InputError


def lag(a, b):
    size = 2 * max(len(a), len(b))
    product = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return int((product.argmax() + size // 2) % size - size // 2)


def coded(kbps, audio, rate):
    return MP3(kbps)(audio, rate, np.random.default_rng(0))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000])
@pytest.mark.parametrize("kbps", [8, 64, 320])
def test_the_result_has_the_length_of_the_input_and_its_place(rate, kbps, channels, music):
    audio = resample(music[:, : 44100 + 12345], 44100, rate)
    audio = np.concatenate([audio, audio[:1]])[:channels]
    result = coded(kbps, audio, rate)
    assert result.shape == audio.shape
    for before, after in zip(audio, result, strict=True):
        assert lag(after, before) == 0


@pytest.mark.parametrize("rate", [22050, 44100])
def test_a_long_sound_stays_aligned_to_its_end(rate, music):
    audio = np.tile(resample(music, 44100, rate), 15)  # a minute
    result = coded(64, audio, rate)
    assert result.shape == audio.shape
    end = slice(-2 * rate, None)
    assert lag(result[0, end], audio[0, end]) == 0


def snr_db(result, audio):
    gain = np.vdot(result, audio) / np.vdot(result, result)
    return 10 * np.log10(np.vdot(audio, audio) / np.vdot(gain * result - audio, gain * result - audio))


def through_ffmpeg(audio, rate, kbps):
    """The round trip through FFmpeg's libraries, which cut the delay off by themselves."""
    with io.BytesIO() as file:
        with av.open(file, "w", format="mp3") as container:
            stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
            stream.bit_rate = 1000 * kbps
            frame = av.AudioFrame.from_ndarray((audio[None] * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = 0
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        file.seek(0)
        with av.open(file) as container:
            return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])[: len(audio)]


@pytest.mark.parametrize("kbps", [16, 32, 64, 128])
def test_it_loses_as_much_as_ffmpegs_encoder_does(kbps, trumpet):
    inside = slice(2000, -2000)  # FFmpeg also marks where the sound ends, which spends bits differently there
    ours, theirs = coded(kbps, trumpet, 22050)[inside], through_ffmpeg(trumpet, 22050, kbps)[inside]
    assert snr_db(ours, trumpet[inside]) == pytest.approx(snr_db(theirs, trumpet[inside]), abs=0.5)


def test_fewer_bits_lose_more(music):
    losses = [snr_db(coded(kbps, music, 44100), music) for kbps in (32, 64, 128, 320)]
    assert losses == sorted(losses)
    assert losses[-1] - losses[0] > 10


def test_sound_beyond_full_scale_is_not_clipped(music):
    loud = 5 * music / np.abs(music).max()
    assert snr_db(coded(320, loud, 44100), loud) > 20


@pytest.mark.parametrize(
    ("rate", "asked", "obtained"),
    [
        (22050, 320, 160),
        (22050, 192, 160),
        (22050, 8, 8),
        (44100, 8, 32),
        (44100, 24, 32),
        (44100, 320, 320),
        (8000, 320, 64),
        (4000, 80, 64),
        (96000, 16, 32),
        (48000, 144, 128),
    ],
)
def test_the_format_has_the_last_word_on_the_bit_rate(rate, asked, obtained):
    assert MP3(asked).obtained_kbps(rate) == obtained


@pytest.mark.parametrize(("rate", "levels"), [(44100, (32, 128, 320)), (22050, (8, 64, 160)), (8000, (8, 64))])
def test_a_stream_has_the_bit_rate_that_was_obtained(rate, levels, music):
    audio = np.tile(music, 5)
    for kbps in levels:
        assert MP3(kbps).obtained_kbps(rate) == kbps
        measured = 8 * len(encode(audio, rate, kbps)) / (audio.shape[1] / rate) / 1000
        assert measured == pytest.approx(kbps, rel=0.02)  # two frames of padding in some hundred


def test_levels_that_the_format_does_not_tell_apart_are_merged():
    levels = [p for p in GRID if p.family == "mp3"]
    assert [p.kbps for p in distinct(levels, 22050)] == [8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160]
    assert [p.kbps for p in distinct(levels, 44100)] == [32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    assert distinct(IMPERCEPTIBLE, 22050) == IMPERCEPTIBLE
    assert distinct([PinkNoise(3), MP3(320), MP3(256), PinkNoise(3)], 22050) == (PinkNoise(3), MP3(320))


def test_a_bit_rate_that_mp3_does_not_have_is_refused():
    with pytest.raises(InputError, match="no constant bit rate of 100 kb/s; choose one of 8, 16"):
        MP3(100)
