"""Loudness is what EBU Tech 3341 says its test signals must read, and matching brings one sound to another's."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from earwitness.audio import read
from earwitness.audio.loudness import integrated_loudness, match_loudness
from earwitness.errors import InputError


def sine(levels_db, rate=48000, frequency=1000.0):
    """A sine in [(dBFS, seconds), ...] steps."""
    amplitude = np.concatenate([np.full(round(seconds * rate), 10 ** (level / 20)) for level, seconds in levels_db])
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(len(amplitude)) / rate)).astype(np.float32)


# Cases 1 to 5 of EBU Tech 3341: stereo, 1 kHz, the level in both channels; each must read this within 0.1 LU.
TECH_3341 = {
    1: ([(-23, 20)], -23.0),
    2: ([(-33, 20)], -33.0),
    3: ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    4: ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    5: ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}


@pytest.mark.parametrize("case", TECH_3341)
@pytest.mark.parametrize("rate", [48000, 44100, 22050])
def test_the_signals_of_tech_3341_read_as_they_must(case, rate):
    levels, expected = TECH_3341[case]
    channel = sine(levels, rate)
    assert integrated_loudness(np.stack([channel, channel]), rate) == pytest.approx(expected, abs=0.1)


# Integrated loudness by the filter `ebur128` of the ffmpeg program, version 5.1, which prints one decimal.
FFMPEG_LUFS = {
    "brahms_hungarian_dance_5.ogg": -18.5,
    "glacier_bay_humpback.ogg": -27.8,
    "inspectorj_robin.ogg": -14.5,
    "karissa_hobbs_lets_go_fishin.ogg": -13.5,
    "kevin_macleod_vibe_ace.ogg": -16.4,
    "libri_3436_172162.ogg": -21.8,
    "mihai_sorohan_solo_trumpet.ogg": -16.0,
}


@pytest.mark.parametrize("name", FFMPEG_LUFS)
def test_recordings_read_what_ffmpegs_meter_reads(name, excerpts):
    audio, rate = read(excerpts / name, mono=False)
    assert integrated_loudness(audio, rate) == pytest.approx(FFMPEG_LUFS[name], abs=0.1)


def test_surround_channels_count_by_half_more():
    # Case 6: left and right at -28, centre at -24, both surrounds at -30 dBFS.
    channels = np.stack([sine([(level, 20)]) for level in (-28, -28, -24, -30, -30)])
    assert integrated_loudness(channels, 48000) == pytest.approx(-23.0, abs=0.1)


def test_one_channel_at_full_scale_reads_minus_three():
    assert integrated_loudness(sine([(0, 5)]), 48000) == pytest.approx(-3.01, abs=0.02)


def test_both_channels_count():
    channel = sine([(-20, 5)])
    one = integrated_loudness(np.stack([channel, 0 * channel]), 48000)
    assert integrated_loudness(np.stack([channel, channel]), 48000) - one == pytest.approx(10 * np.log10(2), abs=1e-3)


def test_the_eighth_channel_is_heard():
    channels = np.zeros((8, 48000), np.float32)
    channels[7] = sine([(-20, 1)])
    assert integrated_loudness(channels, 48000) == pytest.approx(-23.01, abs=0.05)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.399, 0.4])
def test_a_sound_shorter_than_a_block_is_as_loud_as_its_repetition(seconds):
    rate = 48000
    short = sine([(-20, seconds)])
    assert integrated_loudness(short, rate) == pytest.approx(-23.01, abs=0.1)
    assert integrated_loudness(np.tile(short, 3), rate) == pytest.approx(integrated_loudness(short, rate), abs=0.2)


def test_silence_has_no_loudness():
    assert integrated_loudness(np.zeros(48000, np.float32), 48000) == -np.inf
    assert integrated_loudness(np.zeros(0, np.float32), 48000) == -np.inf


def test_too_many_channels_are_refused():
    with pytest.raises(InputError, match="not 65 at 8000"):
        integrated_loudness(np.zeros((65, 100), np.float32), 8000)


@pytest.mark.parametrize("gain_db", [-60, -20, -1, 0, 6, 40])
def test_matching_undoes_a_gain(gain_db, music):
    changed = music * np.float32(10 ** (gain_db / 20))
    np.testing.assert_allclose(match_loudness(changed, music, 44100), music, rtol=2e-3, atol=1e-7)  # 0.02 dB


def test_matching_undoes_a_gain_near_the_gate(music):
    quiet = music * np.float32(10 ** (-(integrated_loudness(music, 44100) + 66) / 20))  # at -66 LUFS
    for gain_db in (-10, 30):
        matched = match_loudness(quiet * np.float32(10 ** (gain_db / 20)), quiet, 44100)
        assert integrated_loudness(matched, 44100) == pytest.approx(integrated_loudness(quiet, 44100), abs=0.1)


def test_matching_leaves_silence_alone(music):
    silence = np.zeros_like(music)
    np.testing.assert_array_equal(match_loudness(silence, music, 44100), silence)
    np.testing.assert_array_equal(match_loudness(music, silence, 44100), music)


def test_what_k_weighting_removes_is_left_alone(music):
    swell = np.hanning(88200).astype(np.float32)  # half a hertz: far below what can be heard
    np.testing.assert_array_equal(match_loudness(swell, music, 44100), swell)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    level_db=st.floats(-60, 20),
    lengths=st.tuples(st.integers(1, 40000), st.integers(1, 40000)),
    rate=st.sampled_from([8000, 22050, 44100]),
)
def test_any_two_sounds_end_equally_loud(seed, level_db, lengths, rate):
    rng = np.random.default_rng(seed)
    reference, other = (rng.standard_normal(n).astype(np.float32) for n in lengths)
    reference *= np.float32(0.1 * 10 ** (level_db / 20))
    wanted = integrated_loudness(reference, rate)
    assume(np.isfinite(wanted) and wanted > -69)
    before = other.copy()
    matched = match_loudness(other, reference, rate)
    np.testing.assert_array_equal(other, before)
    assert integrated_loudness(matched, rate) == pytest.approx(wanted, abs=0.1)
