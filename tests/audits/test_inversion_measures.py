"""The numbers and sounds of an inversion, by hand: percentiles, places in a listener, limits, the threshold."""

import base64
import zlib

import numpy as np
import pytest

from earwitness.audits._inversion_measures import Nearness, Space, binomial, mean_squares, nearness_rows, shares_nearer
from earwitness.audits._made_sound import quantised, spectrogram, thresholded
from earwitness.audits._resamples import Resamples


@pytest.mark.parametrize(("loss", "share"), [(0.5, 0), (2.5, 0.5), (2, 0.375), (4, 0.875), (9, 1)])
def test_a_percentile_is_the_share_of_clips_that_lie_nearer_and_half_of_those_as_near(loss, share):
    found = Nearness(loss, np.array([4.0, 1, 3, 2, 0]), np.array([True, True, True, True, False]))
    assert shares_nearer(found)[found.counted].mean() == share
    rows = nearness_rows("class", found, None, Resamples.draw(5, None, 500, 0))
    assert rows[2]["value"] == share
    assert rows[1]["value"] == pytest.approx(loss / 2.5)
    assert rows[2]["low"] <= share <= rows[2]["high"]


def test_mean_squares_are_over_the_dimensions():
    assert mean_squares(np.array([[1.0, 2, 3, 4]]), np.array([1.0, 0, 3, 0])).tolist() == [5.0]


def test_a_listener_places_each_clip_without_itself_in_the_mean():
    rng = np.random.default_rng(3)
    X, labels = rng.normal(size=(23, 4)) * [1, 10, 0.1, 3] + 5, np.array([*"aaaaaabbbbbbbbbcccccccc"], dtype=object)
    space = Space.of(X, labels)
    Z = (X - X.mean(0)) / X.std(0)
    for name in "abc":
        expected = []
        for i in np.flatnonzero(labels == name):
            rest = np.arange(23) != i
            means = {c: Z[rest & (labels == c)].mean(0) for c in "abc"}
            expected.append(min(means, key=lambda c: ((means[c] - Z[i]) ** 2).sum()) == name)
        np.testing.assert_array_equal(space.placed(name), expected)
    order = sorted("abc", key=lambda c: ((Z[labels == c].mean(0) - Z[0]) ** 2).sum())
    assert [space.ranks(X[0])[c] for c in order] == [1, 2, 3]


def test_a_dimension_that_never_changes_does_not_place_anything():
    X = np.random.default_rng(0).normal(size=(8, 2))
    labels = np.array([*"aaaabbbb"], dtype=object)
    still = np.column_stack([X, np.full(8, 3.0)])
    sound = np.array([0.1, 0.2, 900.0])
    assert Space.of(still, labels).ranks(sound) == Space.of(X, labels).ranks(sound[:2])


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(0, 3, 0, 0.7076), (3, 3, 0.2924, 1), (1, 2, 0.0126, 0.9874)])
def test_limits_over_starts_are_exact(hits, n, low, high):
    """Clopper and Pearson, as R's binom.test gives them."""
    found = binomial(hits, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_threshold_takes_what_is_faint_and_leaves_what_is_loud():
    time_s = np.arange(16000) / 16000
    loud, clear, faint = (a * np.sin(2 * np.pi * f * time_s) for a, f in ((0.5, 1000), (0.05, 3000), (0.0005, 6000)))
    left = thresholded((loud + clear + faint).astype(np.float32), 40)
    spectrum = np.abs(np.fft.rfft(left)) / 8000
    assert spectrum[1000] == pytest.approx(0.5, rel=0.01)
    assert spectrum[3000] == pytest.approx(0.05, rel=0.05)  # its side lobes are below the threshold
    assert spectrum[6000] < 0.0005 / 20  # what the loud tone's own ends leave there
    assert len(thresholded(np.ones(100, np.float32), 40)) == 100
    noise = np.random.default_rng(0).uniform(-1, 1, 3001).astype(np.float32)
    np.testing.assert_allclose(thresholded(noise, 400), noise, atol=1e-6)


def test_a_quantised_sound_has_steps_of_24_bits():
    sound = np.array([-1, 1, 0.1, 2**-24, 3 * 2**-24], np.float32)
    np.testing.assert_array_equal(quantised(sound) * 2**23, [-(2**23), 2**23 - 1, 838861, 0, 2])


def test_a_spectrogram_is_brightest_where_the_tone_is():
    time_s = np.arange(32000) / 16000
    record = spectrogram(np.sin(2 * np.pi * 2000 * time_s).astype(np.float32), 16000)
    levels = np.frombuffer(zlib.decompress(base64.b64decode(record["levels"])), np.uint8)
    levels = levels.reshape(record["frames"], record["bins"])
    hertz = levels.astype(float).mean(0).argmax() * record["hertz"] / (record["bins"] - 1)
    assert hertz == 2000
    assert levels.max() == 255
    assert (record["seconds"], record["hertz"]) == (2.0, 8000)
