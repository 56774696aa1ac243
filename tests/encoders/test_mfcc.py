"""MFCC statistics: the written-out computation, and what must hold whatever the sound."""

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio.frontends import mfcc
from earwitness.encoders import Encoder, load_encoder


def written_out(sound: np.ndarray, n: int, first: int, ddof: int, periodic: bool) -> np.ndarray:
    """The recipe step by step with librosa: [samples] at 22,050 Hz to [6 (n - first)]."""
    window = scipy.signal.get_window("hann", 1024, fftbins=periodic)
    power = np.abs(librosa.stft(sound, n_fft=1024, hop_length=256, window=window)) ** 2
    bands = librosa.feature.melspectrogram(S=power, sr=22050, n_mels=128)
    level = librosa.power_to_db(bands, ref=1.0, amin=1e-10, top_db=80.0)
    m = librosa.feature.mfcc(S=level, n_mfcc=n)[first:]
    d = m[:, 1:] - m[:, :-1]
    dd = d[:, 1:] - d[:, :-1]
    return np.concatenate([part for x in (m, d, dd) for part in (x.mean(1), x.std(1, ddof=ddof))])


@pytest.mark.parametrize(("name", "recipe"), [("mfcc", (25, 1, 1, False)), ("mfcc-120", (20, 0, 0, True))])
def test_the_statistics_are_those_of_the_written_out_recipe(name, recipe, recording):
    sound = librosa.resample(recording[:80_000], orig_sr=16000, target_sr=22050)
    expected = written_out(sound, *recipe)
    given = load_encoder(name).encode(sound[None])[0]
    np.testing.assert_allclose(given, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "size"), [("mfcc", 144), ("mfcc-120", 120)])
def test_they_are_encoders_of_the_stated_size(name, size):
    encoder = load_encoder(name)
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.embedding_size, encoder.window) == (name, size, None)


def test_the_first_coefficient_is_loudness_and_only_mfcc_120_has_it(recording):
    sound = recording[None, :30_000]
    quiet, loud = (
        np.concatenate([load_encoder(name).encode(gain * sound)[0] for name in ("mfcc", "mfcc-120")])
        for gain in (0.5, 1)
    )
    changed = np.flatnonzero(np.abs(loud - quiet) > 1e-2)
    assert changed.tolist() == [144]
    assert loud[144] - quiet[144] == pytest.approx(20 * np.log10(2) * np.sqrt(128), rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3000), st.sampled_from(["mfcc", "mfcc-120"]))
def test_even_a_single_sample_has_finite_statistics(samples, name):
    sound = np.random.default_rng(samples).normal(0, 0.1, (2, samples)).astype(np.float32)
    vectors = load_encoder(name).encode(sound)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


def test_the_mean_of_the_differences_is_the_way_from_the_first_frame_to_the_last(recording):
    sound = recording[:30_000]
    frames = mfcc(sound, 22050, n_coefficients=25, n_fft=1024, hop=256, n_mels=128, symmetric=True)[1:]
    statistics = load_encoder("mfcc").encode(sound[None]).reshape(3, 2, 24)
    steps = frames.shape[1] - 1
    np.testing.assert_allclose(statistics[1, 0], (frames[:, -1] - frames[:, 0]) / steps, atol=1e-4)
