"""The bootstrap tells how much a number would move had other items been drawn."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from earwitness.errors import InputError
from earwitness.stats import bootstrap, bootstrap_indices, bootstrap_statistics, paired_difference


def fresh():
    return np.random.default_rng(7)


def test_bootstrap_standard_error_of_a_mean_is_the_closed_form():
    x = fresh().exponential(size=300)
    draws = bootstrap_statistics(x, n_resamples=20_000, rng=fresh())
    # relative error of a standard deviation from 20,000 draws is 0.5 %; four of those
    assert draws.std() == pytest.approx(x.std() / np.sqrt(300), rel=0.02)


def test_bca_limits_agree_with_scipy():
    x = fresh().exponential(size=60)
    ours = bootstrap(x, np.median, method="bca", n_resamples=20_000, rng=fresh())
    theirs = scipy_bootstrap((x,), np.median, method="BCa", n_resamples=20_000, rng=fresh()).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_the_fast_mean_equals_the_written_out_loop_in_distribution():
    x = fresh().normal(size=50)
    fast = bootstrap_statistics(x, np.mean, n_resamples=20_000, rng=fresh())
    loop = bootstrap_statistics(x, lambda rows: rows.mean(), n_resamples=20_000, rng=np.random.default_rng(8))
    np.testing.assert_allclose(np.quantile(fast, [0.025, 0.975]), np.quantile(loop, [0.025, 0.975]), atol=0.01)


def test_the_order_of_blocks_changes_nothing(monkeypatch):
    x = fresh().normal(size=50)
    whole = bootstrap(x, np.median, rng=fresh())
    monkeypatch.setattr("earwitness.stats.resampling.BLOCK", 500)
    assert bootstrap(x, np.median, rng=fresh()) == whole


@pytest.mark.parametrize("statistic", [np.mean, np.median, lambda x: float(np.mean(x))])
def test_copies_within_a_group_add_no_certainty(statistic):
    x = fresh().normal(size=40)
    alone = bootstrap(x, statistic, n_resamples=4000, rng=fresh())
    copied = bootstrap(np.repeat(x, 5), statistic, groups=np.repeat(np.arange(40), 5), n_resamples=4000, rng=fresh())
    ignored = bootstrap(np.repeat(x, 5), statistic, n_resamples=4000, rng=fresh())
    assert copied.n == 40
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert ignored.high - ignored.low < 0.7 * (alone.high - alone.low)


def test_means_of_unequal_groups_weigh_items_not_groups():
    x, groups = np.array([0.0, 1.0, 1.0, 1.0]), np.array(["a", "b", "b", "b"])
    assert bootstrap(x, groups=groups, rng=fresh()).value == 0.75
    assert set(bootstrap_statistics(x, groups=groups, rng=fresh())) == {0.0, 0.75, 1.0}


def test_pairing_removes_what_both_scores_share():
    difficulty = 10 * fresh().normal(size=100)
    a = difficulty + 1 + 0.1 * np.random.default_rng(1).normal(size=100)
    b = difficulty
    estimate = paired_difference(a, b, rng=fresh())
    assert 0.9 < estimate.low < 1 < estimate.high < 1.1
    assert paired_difference(a, b, np.median, rng=fresh()).value == pytest.approx(np.median(a) - np.median(b))
    assert paired_difference(a, b, lambda x: np.mean(x), rng=fresh()).value == pytest.approx(estimate.value)


def test_a_statistic_of_two_columns_is_resampled_by_rows():
    x = fresh().normal(size=(200, 2)) @ np.linalg.cholesky([[1, 0.6], [0.6, 1]]).T
    estimate = bootstrap(x, lambda rows: np.corrcoef(rows.T)[0, 1], method="bca", rng=fresh())
    assert estimate.low < 0.6 < estimate.high
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * (1 - 0.36) / np.sqrt(200), rel=0.3)


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize(
    ("values", "groups", "note"),
    [
        ([3.0], None, "one item"),
        ([1.0, 2.0, 3.0], ["a", "a", "a"], "one group"),
        ([1.0, np.nan, 3.0], None, "1 of 3 items"),
        ([np.nan], None, "1 of 1 items"),
    ],
)
def test_where_no_interval_can_be_given_the_note_says_why(method, values, groups, note):
    estimate = bootstrap(values, groups=groups, method=method, rng=fresh())
    assert np.isnan([estimate.low, estimate.high]).all()
    assert note in estimate.note


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_constant_values_have_an_interval_without_width_and_a_note(method):
    estimate = bootstrap(np.full(9, 0.25), method=method, rng=fresh())
    assert (estimate.value, estimate.low, estimate.high) == (0.25, 0.25, 0.25)
    assert "agree" in estimate.note


def test_resamples_without_a_value_are_counted_in_the_note():
    rare = np.array([1.0] + [0.0] * 9)
    estimate = bootstrap(rare, lambda x: x[x > 0].mean() if (x > 0).any() else np.nan, rng=fresh())
    assert "resamples had no value" in estimate.note
    assert estimate.low == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap([], rng=fresh()), "at least one item"),
        (lambda: bootstrap(["a", "b"], rng=fresh()), "takes numbers"),
        (lambda: bootstrap([1, 2], method="basic", rng=fresh()), "choose 'percentile' or 'bca'"),
        (lambda: bootstrap([1, 2], level=95, rng=fresh()), "between 0 and 1"),
        (lambda: bootstrap([1, 2], n_resamples=0, rng=fresh()), "n_resamples"),
        (lambda: bootstrap([1, 2], groups=["a"], rng=fresh()), "one group for each item"),
        (lambda: paired_difference([1, 2], [1], rng=fresh()), "same order"),
        (lambda: bootstrap([[1, 2], [3, 4]], lambda x, axis=0: x.mean(axis), rng=fresh()), "single number"),
    ],
)
def test_bad_input_is_named_and_mended(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_indices_of_groups_keep_groups_whole():
    groups = np.array(["a", "b", "b", "c", "c", "c"])
    for index in bootstrap_indices(6, groups=groups, n_resamples=50, rng=fresh()):
        counts = np.bincount(index, minlength=6)
        assert counts[1] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


finite = st.floats(-1e3, 1e3)


@settings(max_examples=30, deadline=None)
@given(st.lists(finite, min_size=2, max_size=30), finite, st.floats(0.1, 10))
def test_intervals_move_and_stretch_with_the_values(x, shift, scale):
    base = bootstrap(x, n_resamples=50, rng=fresh())
    moved = bootstrap(np.array(x) * scale + shift, n_resamples=50, rng=fresh())
    np.testing.assert_allclose([moved.low, moved.high], np.array([base.low, base.high]) * scale + shift, atol=1e-6)


def test_ten_thousand_resamples_of_ten_thousand_items_take_two_seconds_at_most():
    x = fresh().normal(size=10_000)
    start = time.process_time()
    bootstrap(x, n_resamples=10_000, rng=fresh())
    assert time.process_time() - start < 2
