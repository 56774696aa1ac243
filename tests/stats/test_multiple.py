"""Several tests at once: adjusted p-values, and who cannot be told apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from earwitness.errors import InputError
from earwitness.stats import adjust_p, tie_groups
from earwitness.stats.multiple import _letters


def test_holm_and_benjamini_hochberg_by_hand():
    p = [0.01, 0.02, 0.03, 0.5]
    np.testing.assert_allclose(adjust_p(p, "holm"), [0.04, 0.06, 0.06, 0.5])
    np.testing.assert_allclose(adjust_p(p, "bh"), [0.04, 0.04, 0.04, 0.5])


@settings(max_examples=25, deadline=None)  # statsmodels collects garbage at every call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_are_those_of_statsmodels(p):
    np.testing.assert_allclose(adjust_p(p, "holm"), multipletests(p, method="holm")[1], atol=1e-12)
    np.testing.assert_allclose(adjust_p(p, "bh"), multipletests(p, method="fdr_bh")[1], atol=1e-12)


def test_tests_that_were_not_made_do_not_count():
    np.testing.assert_allclose(adjust_p([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    assert adjust_p([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjustment_never_makes_a_claim_easier(p):
    holm, bh = adjust_p(p, "holm"), adjust_p(p, "bh")
    assert (bh >= np.array(p) - 1e-12).all()
    assert (holm >= bh - 1e-12).all()


def test_p_values_outside_zero_and_one_are_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        adjust_p([0.5, 1.5])
    with pytest.raises(InputError, match="choose 'holm' or 'bh'"):
        adjust_p([0.5], "bonferroni")


def planted(shifts, n=300, seed=0):
    rng = np.random.default_rng(seed)
    item = rng.normal(size=n)
    return {name: item + shift + 0.5 * rng.normal(size=n) for name, shift in shifts.items()}


def test_planted_ties_are_found_and_planted_differences_too():
    result = tie_groups(planted({"best": 1, "second": 1, "mfcc": 0}), rng=np.random.default_rng(0))
    assert {frozenset(g) for g in result.groups} == {frozenset({"best", "second"}), frozenset({"mfcc"})}
    assert list(result.table["name"])[-1] == "mfcc"
    assert result.to_frame()["letters"].tolist() == ["a", "a", "b"]


def test_the_pairwise_p_value_of_a_mean_is_the_paired_t_test():
    scores = planted({"a": 0.06, "b": 0}, n=200)
    result = tie_groups(scores, n_resamples=20_000, rng=np.random.default_rng(0))
    assert result.pairs["p"][0] == pytest.approx(ttest_rel(scores["a"], scores["b"]).pvalue, rel=0.1)


def test_a_chain_of_ties_overlaps():
    letters = _letters(["a", "b", "c"], {frozenset({"a", "c"})})
    assert letters == {"a": "a", "b": "ab", "c": "b"}


@given(st.sets(st.frozensets(st.sampled_from("abcdef"), min_size=2, max_size=2)))
def test_two_share_a_letter_exactly_if_they_do_not_differ(differ):
    letters = _letters(list("abcdef"), differ)
    for a in "abcdef":
        for b in "abcdef":
            if a != b:
                assert bool(set(letters[a]) & set(letters[b])) == (frozenset({a, b}) not in differ)


def test_identical_scores_tie_constant_differences_do_not_and_one_item_tells_nothing():
    x = np.random.default_rng(0).normal(size=20)
    result = tie_groups({"x": x, "same": x.copy(), "more": x + 1}, rng=np.random.default_rng(0))
    assert result.groups == [("more",), ("x", "same")]
    assert tie_groups({"x": [1.0], "y": [2.0]}, rng=np.random.default_rng(0)).groups == [("y", "x")]
    assert str(tie_groups({"x": [1.0]}, rng=np.random.default_rng(0))) == "x"
    with pytest.raises(InputError, match="at least one competitor"):
        tie_groups({}, rng=np.random.default_rng(0))
