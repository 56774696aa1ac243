"""Noise has the level that was asked for, and the spectrum that its name says."""

import numpy as np
import pytest

from earwitness.audio.perturbations import EnvironmentalNoise, PinkNoise, clip_generator
from earwitness.audio.perturbations.noise import mix, pink
from earwitness.audio.samples import root_mean_square
from earwitness.errors import InputError

RATE = 22050


LEVELS = [-15, -3, 3, 12, 27.5, 30]


@pytest.mark.parametrize("snr_db", LEVELS)
def test_the_asked_ratio_to_pink_noise_is_achieved(snr_db, music):
    audio = music[:, ::2]
    perturbation = PinkNoise(snr_db)
    changed = perturbation(audio, RATE, clip_generator(0, "clip", perturbation.key))
    noise = pink(*audio.shape, clip_generator(0, "clip", perturbation.key))
    parts = np.stack([audio.ravel(), noise.ravel()], 1).astype(float)
    shares, left, *_ = np.linalg.lstsq(parts, changed.ravel().astype(float))
    assert left[0] < 1e-6 * np.sum(changed**2)  # the two, and nothing else
    powers = np.square(shares) * np.square(parts).mean(0)
    assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize("snr_db", LEVELS)
@pytest.mark.parametrize("seconds", [1, 5])
def test_the_asked_ratio_to_a_recording_is_achieved(snr_db, seconds, write):
    time = np.arange(4 * RATE) / RATE
    sine, hum = (np.sin(2 * np.pi * frequency * time).astype(np.float32) for frequency in (1000, 300))
    recording = np.tile(hum, 2)[None, : seconds * RATE]  # longer than the clip, and shorter
    perturbation = EnvironmentalNoise(snr_db, str(write("hum.wav", 0.2 * recording, RATE, subtype="FLOAT")))
    for seed in range(3):
        changed = perturbation(0.3 * sine, RATE, clip_generator(seed, "clip", perturbation.key))
        power = np.abs(np.fft.rfft(changed.astype(float))) ** 2  # both tones lie in exactly one bin
        assert 10 * np.log10(power[4 * 1000] / power[4 * 300]) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize("snr_db", [-15.0, 0.0, 30.0])
@pytest.mark.parametrize("shape", [(1, 5000), (2, 5001)])
def test_mixing_sets_the_ratio_over_the_whole_clip(shape, snr_db, music):
    audio = music[: shape[0], : shape[1]]
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    added = mix(audio, noise, snr_db) - audio
    assert 20 * np.log10(root_mean_square(audio) / root_mean_square(added)) == pytest.approx(snr_db, abs=1e-3)


def test_noise_without_power_adds_nothing(music):
    np.testing.assert_array_equal(mix(music, 0 * music, 0), music)


def test_pink_noise_has_equal_power_in_every_octave():
    samples = 1 << 18
    noise = pink(3, samples, np.random.default_rng(0))
    power = (np.abs(np.fft.rfft(noise)) ** 2).mean(0)
    octaves = [power[2**k : 2 ** (k + 1)].sum() for k in range(8, 17)]
    levels = 10 * np.log10(octaves / np.mean(octaves))
    assert np.abs(levels).max() < 0.5  # the lowest octave averages 3 x 256 values: 4.34 / sqrt(768) = 0.16 dB each
    assert np.abs(noise.mean(1)).max() < 1e-3 * noise.std()


def test_channels_get_independent_pink_noise():
    correlation = np.corrcoef(pink(2, 1 << 17, np.random.default_rng(0)))[0, 1]
    assert abs(correlation) < 0.3  # few independent values carry the low frequencies


@pytest.mark.parametrize("samples", [1, 2, 3, 31, 1000, 44100, 99991])
def test_pink_noise_has_any_length(samples):
    assert pink(2, samples, np.random.default_rng(0)).shape == (2, samples)


def noise_part(perturbation, audio, rate, seed):
    """What was added, up to a gain: the sound changed, minus the share of the original in it."""
    changed = perturbation(audio, rate, clip_generator(seed, "clip", perturbation.key))
    share = np.vdot(changed, audio) / np.vdot(audio, audio)
    return changed - share * audio


def find(part, recording):
    """Where in the recording the part lies, and its correlation there."""
    size = len(recording) + len(part)
    product = np.fft.irfft(np.fft.rfft(recording, size) * np.conj(np.fft.rfft(part, size)), size)
    place = int(product[: len(recording) - len(part) + 1].argmax())
    there = recording[place : place + len(part)]
    return place, float(np.corrcoef(there, part)[0, 1])


def test_environmental_noise_is_a_stretch_of_the_recording_from_a_random_place(write, trumpet):
    rng = np.random.default_rng(1)
    recording = rng.standard_normal(6 * RATE).astype(np.float32) * 0.1
    path = write("street.wav", recording[None], RATE, subtype="FLOAT")
    found = [find(noise_part(EnvironmentalNoise(-6, str(path)), trumpet, RATE, seed), recording) for seed in range(4)]
    assert min(correlation for _, correlation in found) > 0.99
    assert len({place for place, _ in found}) == 4


def test_a_recording_that_is_too_short_is_repeated_as_a_whole(write, trumpet):
    recording = np.random.default_rng(1).standard_normal(5000).astype(np.float32) * 0.1
    path = write("short.wav", recording[None], RATE, subtype="FLOAT")
    part = noise_part(EnvironmentalNoise(-20, str(path)), trumpet, RATE, 0)
    assert np.corrcoef(part[:30000], part[5000:35000])[0, 1] > 0.99  # it has its own length as a period
    assert np.corrcoef(part[:30000], part[1:30001])[0, 1] < 0.1  # and does not repeat sample by sample


def test_the_bundled_bar_has_any_rate_and_any_number_of_channels(music):
    for rate in (8000, 48000):
        for channels in (1, 2, 3):
            audio = np.tile(music[:1], (channels, 1))
            assert EnvironmentalNoise(10)(audio, rate, np.random.default_rng(0)).shape == audio.shape


def test_a_noise_file_that_cannot_be_used_is_no_fault_of_the_clip(tmp_path, write, trumpet):
    text = tmp_path / "words.wav"
    text.write_text("words")
    silent = write("silent.wav", np.zeros((1, 100), np.float32), RATE)
    for path, message in ((tmp_path / "none.wav", "cannot be read"), (text, "is not audio"), (silent, "is silent")):
        with pytest.raises(InputError, match=message):
            EnvironmentalNoise(10, str(path))(trumpet, RATE, np.random.default_rng(0))


def test_the_label_names_a_place_of_the_users():
    assert EnvironmentalNoise(30, "x/street.wav").label == "environmental noise (street) 30 dB"
