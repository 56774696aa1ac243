"""Clusters are matched with labels one to one, as well as possible."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.stats import assignment_accuracy


def test_renamed_clusters_agree_fully():
    labels = np.repeat(["blues", "jazz", "pop"], [3, 5, 4])
    result = assignment_accuracy(labels, np.repeat([7, 2, 9], [3, 5, 4]))
    assert (result.accuracy, result.ceiling, result.purity, result.relative) == (1, 1, 1, 1)
    assert result.matching == {7: "blues", 2: "jazz", 9: "pop"}


def test_ten_equal_labels_in_seven_clusters_reach_seven_tenths():
    labels = np.repeat(np.arange(10), 20)
    result = assignment_accuracy(labels, np.minimum(labels, 6))
    assert result.ceiling == pytest.approx(0.7)
    assert result.accuracy == pytest.approx(0.7)
    assert result.relative == pytest.approx(1)


def test_surplus_clusters_count_as_errors_but_not_against_purity():
    result = assignment_accuracy(["a"] * 4 + ["b"] * 2, [0, 0, 0, 1, 2, 2])
    assert result.accuracy == pytest.approx(5 / 6)
    assert (result.ceiling, result.purity) == (1, 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_no_matching_written_out_does_better(pairs):
    labels, clusters = np.array(pairs).T
    best = max(np.mean(np.array(order)[clusters] == labels) for order in permutations(range(4)))
    result = assignment_accuracy(labels, clusters)
    assert result.accuracy == pytest.approx(best)
    assert result.accuracy <= result.purity
    assert result.accuracy <= result.ceiling + 1e-12


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [([1, 2], [1], "2 labels but 1"), ([], [], "at least one"), (["a", None], [0, 1], "no label")],
)
def test_bad_tables_are_refused(labels, clusters, message):
    with pytest.raises(InputError, match=message):
        assignment_accuracy(labels, clusters)
