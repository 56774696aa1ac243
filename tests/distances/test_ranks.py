"""Rank correlation: against scipy, on ties, negative zero, both widths of float, and where there is no order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr

from earwitness.distances.ranks import average_ranks, correlation_of_ranks, rank_correlation
from earwitness.errors import InputError

brief = settings(max_examples=60, deadline=None)  # the first call of a kernel may have to compile it

sizes = st.integers(1, 60)
single = sizes.flatmap(
    lambda n: arrays(np.float32, n, elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([0, 1, -1]))
)
double = sizes.flatmap(lambda n: arrays(np.float64, n, elements=st.floats(-1e300, 1e300) | st.sampled_from([0.0, 0.1])))


@brief
@given(single | double)
def test_ranks_are_scipys(values):
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))


@brief
@given(double)
def test_ranks_follow_order_and_sum_to_that_of_the_first_whole_numbers(values):
    ranks = average_ranks(values)
    assert ranks.sum() == len(values) * (len(values) + 1) / 2
    np.testing.assert_array_equal(average_ranks(-values), len(values) + 1 - ranks)
    np.testing.assert_array_equal(average_ranks(ranks), ranks)


def test_negative_zero_ties_with_zero():
    assert average_ranks(np.array([0.0, -0.0, -1.0], np.float32)).tolist() == [2.5, 2.5, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [0, 50])
def test_the_correlation_of_large_matrices_is_scipys(dtype, step):
    rng = np.random.default_rng(0)
    x = rng.gamma(4, 1000, (300, 250)).astype(dtype)
    y = (x + rng.gamma(4, 2000, x.shape)).astype(dtype)
    if step:
        x, y = np.round(x / step), np.round(y / step)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic, abs=1e-11)


def test_the_same_order_is_one_and_the_opposite_minus_one():
    x = np.random.default_rng(1).normal(size=(20, 30))
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1, abs=1e-15)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1, abs=1e-15)
    assert rank_correlation(x, x.T.copy().T) == pytest.approx(1, abs=1e-15)


def test_ranks_made_once_serve_for_many():
    x, y = np.random.default_rng(2).normal(size=(2, 40))
    assert correlation_of_ranks(average_ranks(x), average_ranks(y)) == rank_correlation(x, y)


def test_what_has_no_order_is_refused():
    with pytest.raises(InputError, match="all values to be ranked are equal"):
        rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="or there are none"):
        rank_correlation([], [])
    with pytest.raises(InputError, match="must be finite"):
        average_ranks([1.0, np.nan])
    with pytest.raises(InputError, match=r"shapes \(2,\) and \(1, 2\) differ"):
        rank_correlation([1.0, 2.0], [[1.0, 2.0]])
