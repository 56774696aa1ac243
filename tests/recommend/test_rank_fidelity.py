"""What is true of AP rank correlation as a measure of explanations, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.stats import tau_ap

distinct_scores = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30, unique=True)


@given(distinct_scores)
def test_a_ranking_agrees_with_itself_and_contradicts_its_reverse(scores: list[int]) -> None:
    assert tau_ap(scores, scores) == pytest.approx(1, abs=1e-12)
    assert tau_ap(scores, [-s for s in scores]) == pytest.approx(-1, abs=1e-12)


@given(distinct_scores, st.randoms(use_true_random=False))
def test_turning_the_reference_round_changes_the_sign_where_there_are_no_ties(scores: list[int], random) -> None:
    estimate = random.sample(scores, len(scores))
    assert tau_ap([-s for s in scores], estimate) == pytest.approx(-tau_ap(scores, estimate), abs=1e-12)


@given(st.integers(4, 40), st.data())
def test_a_swap_nearer_the_top_costs_more(n: int, data: st.DataObject) -> None:
    high, low = sorted(data.draw(st.lists(st.integers(0, n - 2), min_size=2, max_size=2, unique=True)))
    truth = -np.arange(n, dtype=float)

    def swapped(at: int) -> float:
        estimate = truth.copy()
        estimate[[at, at + 1]] = estimate[[at + 1, at]]
        return tau_ap(truth, estimate)

    assert swapped(high) < swapped(low) < 1


@given(distinct_scores)
def test_only_the_order_matters(scores: list[int]) -> None:
    shuffled = np.random.default_rng(0).permutation(scores)
    assert tau_ap(scores, shuffled) == tau_ap(np.exp(np.array(scores) / 500), 3 * shuffled - 7.0)
