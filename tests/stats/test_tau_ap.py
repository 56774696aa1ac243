"""AP rank correlation against ircor, against its definition, and what is true of it whatever the numbers."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.stats.tau_ap import tau_ap

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "tau_ap.json").read_text())["cases"]
distinct_scores = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30, unique=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_both_forms_equal_ircor(case: dict) -> None:
    for form in ("a", "b"):
        expected = case["expected"][f"tauAP_{form}"]
        if expected is None:
            continue  # ircor refuses ties in the reference; ours counts them one half, tested below
        np.testing.assert_allclose(tau_ap(case["x"], case["y"], form), float(expected), rtol=0, atol=1e-12)


def untied(x: list[float], ranking: tuple[int, ...]) -> float:
    n = len(ranking)
    right = [sum(x[j] > x[ranking[r]] for j in ranking[:r]) / r for r in range(1, n)]
    return 2 * sum(right) / (n - 1) - 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=5))
def test_it_is_the_mean_over_every_way_to_break_the_ties_of_both(pairs: list[tuple[int, int]]) -> None:
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    ranks = range(len(pairs))
    estimates = [p for p in permutations(ranks) if all(y[p[k]] >= y[p[k + 1]] for k in ranks[:-1])]
    references = [p for p in permutations(ranks) if all(x[p[k]] >= x[p[k + 1]] for k in ranks[:-1])]
    values = [untied([-r.index(i) for i in ranks], e) for e in estimates for r in references]
    assert tau_ap(x, y) == pytest.approx(np.mean(values), abs=1e-12)


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


def test_a_constant_tells_nothing() -> None:
    assert tau_ap([3, 1, 2], [5, 5, 5]) == 0
    assert tau_ap([5, 5, 5], [3, 1, 2]) == 0
    assert np.isnan(tau_ap([3, 1, 2], [5, 5, 5], "b"))


@pytest.mark.parametrize(
    ("reference", "estimate", "words"),
    [
        ([1, np.nan], [1, 2], "score 1 of the reference is NaN"),
        ([1, 2], [1, 2, 3], "2 scores"),
        ([1], [1], "two items"),
    ],
)
def test_what_cannot_be_ranked_is_refused(reference: list[float], estimate: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        tau_ap(reference, estimate)
