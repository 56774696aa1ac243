"""tau_ap agrees with the reference package ircor (tests/oracles/tau_ap.json) and with every order written out."""

import json
from itertools import pairwise, permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.stats import tau_ap
from earwitness.stats.rank_correlation import _rightly_above, rightly_above

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "tau_ap.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_values_are_those_of_ircor(case):
    for ties in "ab":
        for key, sign in ((f"tauAP_{ties}", 1), (f"tauAP_{ties}_increasing", -1)):
            expected = case["expected"].get(key)
            if expected is None:  # the reference refuses ties in x
                continue
            found = tau_ap(sign * np.array(case["x"]), sign * np.array(case["y"]), ties)
            np.testing.assert_allclose(found, float(expected), atol=1e-12)


def plain(x, y):
    """tau_ap without ties, as printed."""
    x = np.asarray(x)[np.argsort(-np.asarray(y))]
    return 2 / (len(x) - 1) * sum(np.mean(x[:r] > x[r]) for r in range(1, len(x))) - 1


def orders(values):
    """Every way to break the ties of a few values."""
    n = len(values)
    for order in permutations(range(n)):
        if all(values[a] >= values[b] for a, b in pairwise(order)):
            broken = np.empty(n)
            broken[list(order)] = range(n, 0, -1)
            yield broken


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=5))
def test_ties_are_worth_the_mean_over_every_way_to_break_them(pairs):
    x, y = np.array(pairs).T
    expected = np.mean([plain(a, b) for a, b in product(orders(x), orders(y))])
    assert tau_ap(x, y) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40))
def test_the_compiled_count_equals_the_plain_one(ranks):
    rank = np.array(ranks) + 1
    first, size = np.array([0, len(ranks) // 2]), np.array([len(ranks) // 2, len(ranks) - len(ranks) // 2])
    np.testing.assert_array_equal(rightly_above(rank, first, size, 0.5), _rightly_above(rank, first, size, 0.5))


def test_same_reversed_and_constant_orders():
    x = np.random.default_rng(0).permutation(50)
    assert tau_ap(x, x) == pytest.approx(1, abs=1e-12)
    assert tau_ap(x, -x) == pytest.approx(-1, abs=1e-12)
    assert tau_ap(x, np.zeros(50)) == pytest.approx(0, abs=1e-12)
    assert np.isnan(tau_ap(x, np.zeros(50), ties="b"))
    assert np.isnan(tau_ap([1], [1]))


def test_the_top_counts_most():
    x = np.arange(20, 0, -1.0)
    top, bottom = x.copy(), x.copy()
    top[[0, 1]], bottom[[-1, -2]] = top[[1, 0]], bottom[[-2, -1]]
    assert tau_ap(x, top) < tau_ap(x, bottom) < 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tau_ap([1, 2], [1]), "one score of each"),
        (lambda: tau_ap([1, np.nan], [1, 2]), "NaN or infinite"),
        (lambda: tau_ap([1, 2], [1, 2], ties="c"), "choose 'a'"),
    ],
)
def test_bad_scores_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
