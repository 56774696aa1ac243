"""Pitch is exact to the cent, tempo to the sample, and events stay where the tempo puts them."""

import numpy as np
import pytest

from earwitness.audio.perturbations import PitchShift, TempoShift
from earwitness.audio.perturbations.time import stretch
from earwitness.errors import InputError

RATE = 22050
HOP = 256


def sine(frequency, rate=RATE, seconds=3):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(rate * seconds) / rate)).astype(np.float32)


def frequency_of(tone, rate=RATE):
    """Of the strongest partial, by a parabola through the logarithms around the peak; good to 0.01 cents."""
    middle = tone[len(tone) // 6 : -len(tone) // 6].astype(float)
    size = 1 << 22
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    peak = spectrum.argmax()
    low, top, high = np.log(spectrum[peak - 1 : peak + 2])
    return (peak + 0.5 * (low - high) / (low - 2 * top + high)) * rate / size


def cents(frequency, reference):
    return 1200 * np.log2(frequency / reference)


def changed(perturbation, audio, rate=RATE):
    return perturbation(audio, rate, np.random.default_rng(0))


@pytest.mark.parametrize("shift", [-1200, -400, -100, -25, 25, 75, 100, 400, 1200])
@pytest.mark.parametrize("frequency", [110.0, 440.0, 1234.5])
def test_a_tone_moves_by_the_asked_cents(frequency, shift):
    moved = changed(PitchShift(shift), sine(frequency))
    assert cents(frequency_of(moved), frequency) == pytest.approx(shift, abs=1)
    assert len(moved) == 3 * RATE


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_pitch_is_exact_at_any_sample_rate(rate):
    moved = changed(PitchShift(25), sine(440, rate), rate)
    assert cents(frequency_of(moved, rate), 440) == pytest.approx(25, abs=1)


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.7, 0.98, 1.02, 1.5])
def test_a_tone_keeps_its_pitch_at_any_tempo(factor):
    assert cents(frequency_of(changed(TempoShift(factor), sine(440))), 440) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("factor", [0.3, 0.6, 0.98, 1.02, 1.3])
@pytest.mark.parametrize("samples", [1, 500, 44100, 50001])
def test_the_duration_is_the_asked_one(factor, samples):
    noise = np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)
    length = changed(TempoShift(factor), noise).shape[1]
    assert abs(length - samples / factor) <= HOP
    assert length == max(round(samples / factor), 1)  # better than one hop: to the sample


def clicks():
    """Twelve clicks in three seconds, and where they are."""
    places = RATE // 8 + np.arange(12) * (RATE // 4) + 37 * np.arange(12) % 101
    audio = np.zeros((1, 3 * RATE + 2000), np.float32)
    audio[0, places] = 1
    return audio, places


def errors_ms(audio, expected):
    around = 600
    starts = np.maximum(np.round(expected).astype(int) - around, 0)
    found = [start + np.abs(audio[start : start + 2 * around]).argmax() for start in starts]
    return 1000 * (np.array(found) - expected) / RATE


@pytest.mark.parametrize("factor", [0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 0.98, 1.02, 1.1, 1.3, 1.5, 3.0])
def test_clicks_land_within_two_milliseconds_of_where_the_tempo_puts_them(factor):
    audio, places = clicks()
    assert np.abs(errors_ms(stretch(audio, RATE, factor)[0], places / factor)).max() < 2


@pytest.mark.parametrize("shift", [-1200, -400, -25, 25, 100, 400, 1200])
def test_clicks_stay_in_their_place_when_the_pitch_moves(shift):
    audio, places = clicks()
    assert np.abs(errors_ms(changed(PitchShift(shift), audio)[0], places)).max() < 2


def test_channels_stay_together(music):
    both = changed(TempoShift(0.9), np.stack([music[0], music[0]]), 44100)
    # The engine draws a little phase noise for each channel, 60 dB below.
    assert np.abs(both[0] - both[1]).max() < 1e-3 * np.abs(both).max()


def test_rubber_band_is_the_other_engine():
    pytest.importorskip("pedalboard")
    moved = changed(PitchShift(25, engine="rubberband"), sine(440))
    assert cents(frequency_of(moved), 440) == pytest.approx(25, abs=1)
    assert len(moved) == 3 * RATE
    slow = changed(TempoShift(0.7, engine="rubberband"), np.stack([sine(440), sine(220)]))
    assert slow.shape == (2, round(3 * RATE / 0.7))
    assert PitchShift(25, engine="rubberband").label == "pitch +25 cents (rubberband)"


def test_an_engine_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="no engine 'sox'; choose one of signalsmith, rubberband"):
        PitchShift(25, engine="sox")
