"""What is read is what was written, whole or in part, in every format."""

import subprocess
import sys

import fsspec
import lameenc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.audio import AudioInfo, info, read, resample, to_mono
from earwitness.errors import ClipError, InputError

EXACT = {"a.wav": {"subtype": "FLOAT"}, "a.flac": {"subtype": "PCM_24"}, "a.aiff": {"subtype": "PCM_24"}, "a.caf": {}}
LOSSY = {
    "a.ogg": 0,
    "a.mp3": 0,
    "a.m4a": 0,
    "a.opus": 0,
    "a.mka": None,
    "a.wma": None,
}  # samples of delay, if it is kept


def lag(a: np.ndarray, b: np.ndarray) -> int:
    """By how many samples `a` comes after `b`."""
    size = 2 * max(len(a), len(b))
    product = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return int((product.argmax() + size // 2) % size - size // 2)


@pytest.mark.parametrize("name", EXACT)
def test_lossless_files_come_back_as_they_were(name, write, music):
    path = write(name, music, 44100, **EXACT[name])
    audio, rate = read(path, mono=False)
    assert (rate, audio.dtype, audio.shape) == (44100, np.float32, music.shape)
    np.testing.assert_allclose(audio, music, atol=2**-15 if name == "a.caf" else 2**-23)
    assert info(path) == AudioInfo(4.0, 44100, 2)


@pytest.mark.parametrize(("name", "delay"), LOSSY.items())
def test_lossy_files_come_back_nearly_and_in_time(name, delay, write, music):
    rate = 48000 if name == "a.opus" else 44100
    path = write(name, music, rate)
    audio, found = read(path, mono=False)
    assert found == rate
    assert audio.shape[0] == 2
    assert abs(audio.shape[1] - music.shape[1]) <= (4096 if delay is None else 0)
    if delay is not None:
        assert lag(audio[0], music[0]) == delay
    assert info(path).duration == pytest.approx(audio.shape[1] / rate, abs=0.1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus", "alac.m4a", "a.wma", "a.mka"])
@pytest.mark.parametrize(("start", "duration"), [(0.0, 1.0), (0.01, 0.5), (1.23456, 1.5), (3.0, None), (3.5, 99.0)])
def test_an_excerpt_is_that_part_of_the_whole(name, start, duration, write, music):
    rate = 48000 if name == "a.opus" else 44100
    path = write(name, music, rate, codec="alac") if name == "alac.m4a" else write(name, music, rate)
    whole, _ = read(path)
    part, _ = read(path, start=start, duration=duration)
    first = round(start * rate)
    last = len(whole) if duration is None else min(round((start + duration) * rate), len(whole))
    np.testing.assert_allclose(part, whole[first:last], atol=1e-6)


def test_an_excerpt_of_aac_lies_in_its_place(write, music):
    # Noise that the AAC decoder invents differs from run to run, so only the place can be compared.
    path = write("a.m4a", music, 44100)
    whole, _ = read(path)
    part, _ = read(path, start=1.5, duration=1.0)
    assert lag(part, whole[66150:110250]) == 0
    assert len(part) == 44100


def test_an_mp3_without_a_length_in_its_header_is_measured_by_decoding(tmp_path, music):
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(44100)
    encoder.set_vbr(4)
    stream = encoder.encode((music[0] * 32767).astype("<i2").tobytes()) + encoder.flush()
    path = tmp_path / "bare.mp3"
    path.write_bytes(stream)
    whole, _ = read(path)
    assert info(path).duration == len(whole) / 44100
    part, _ = read(path, start=1.1, duration=1.0)
    np.testing.assert_allclose(part, whole[48510:92610], atol=1e-6)


def test_mono_is_the_mean_of_all_channels(write, music):
    eight = np.tile(music, (4, 1)) * np.linspace(0.1, 0.8, 8, dtype=np.float32)[:, None]
    path = write("eight.wav", eight, 44100, subtype="FLOAT")
    assert info(path).channels == 8
    np.testing.assert_array_equal(read(path, mono=False)[0], eight)
    np.testing.assert_allclose(read(path)[0], eight.mean(0), atol=1e-6)


def test_a_file_longer_than_one_block_is_joined_without_a_seam(write, monkeypatch, music):
    monkeypatch.setattr("earwitness.audio._decoders.BLOCK_SAMPLES", 10_007)
    path = write("a.flac", music, 44100, subtype="PCM_24")
    np.testing.assert_allclose(read(path, mono=False)[0], music, atol=2**-23)
    np.testing.assert_allclose(read(path, start=1, duration=2)[0], to_mono(music)[44100:132300], atol=2**-23)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.m4a"])
def test_a_url_is_read_like_a_file(name, write, music):
    path = write(name, music, 44100)
    url = f"memory://earwitness/{name}"
    with fsspec.open(url, "wb") as file:
        file.write(path.read_bytes())
    assert info(url) == info(path)
    np.testing.assert_array_equal(read(url, start=2, duration=1)[0], read(path, start=2, duration=1)[0])


def test_a_missing_url_and_an_unknown_kind_of_url_are_named():
    with pytest.raises(ClipError, match=r"memory://nowhere/x\.wav: does not exist"):
        read("memory://nowhere/x.wav")
    with pytest.raises(ClipError, match="cannot be opened"):
        read("nosuchthing://x.wav")


def test_a_file_name_may_hold_anything(write, music):
    path = write('<script>alert("ü\n")<_script>.wav', music, 44100)
    assert info(path).duration == 4.0


@pytest.mark.parametrize(("start", "duration"), [(-1, None), (0, 0), (0, -2), (float("nan"), None), (0, float("nan"))])
def test_an_impossible_excerpt_is_refused(start, duration, write, music):
    with pytest.raises(InputError, match="an excerpt starts at 0 s or later"):
        read(write("a.wav", music, 44100), start=start, duration=duration)


def test_an_excerpt_after_the_end_says_where_the_end_is(write, music):
    with pytest.raises(ClipError, match=r"ends at 4\.0 s, but its excerpt starts at 9 s"):
        read(write("a.wav", music, 44100), start=9)


@pytest.mark.parametrize("to_rate", [8000, 16000, 22050, 48000, 96000])
def test_resampling_keeps_a_tone_and_its_place(to_rate):
    def tone(rate):
        t = np.arange(rate) / rate
        return (0.5 * np.sin(2 * np.pi * 1000 * t) * np.hanning(rate)).astype(np.float32)

    audio, rate = tone(44100), 44100
    changed = resample(np.stack([audio, -audio]), rate, to_rate)
    assert changed.shape == (2, to_rate)
    np.testing.assert_allclose(changed[0], tone(to_rate), atol=1e-3)  # 60 dB below the tone
    np.testing.assert_array_equal(changed[0], -changed[1])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.integers(1, 5000),
    rates=st.tuples(*2 * [st.sampled_from([4000, 8000, 11025, 22050.5, 44100, 96000])]),
)
def test_a_resampled_sound_has_the_length_that_the_rates_say(samples, rates):
    assert resample(np.ones(samples, np.float32), *rates).shape == (round(samples * rates[1] / rates[0]),)


def test_the_room_loads_nothing_heavy_before_it_is_needed():
    program = (
        "import earwitness.audio, sys; print(*{'scipy', 'torch', 'av', 'fsspec', 'pandas', 'numba'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_same_rate_changes_nothing(trumpet):
    assert resample(trumpet, 22050, 22050) is trumpet
    with pytest.raises(InputError, match="must be positive"):
        resample(trumpet, 22050, 0)
