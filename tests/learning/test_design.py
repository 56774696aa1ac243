"""The experiment's design is that of section 2.4.3 of the thesis."""

from itertools import pairwise

import numpy as np
import pytest

from earwitness.errors import InputError
from earwitness.learning.design import STRATEGIES, Run, make_design, pool, source_sets
from earwitness.stats import balance, max_aliasing

EIGHT = ("self", "bpm", "year", "taste", "tag", "lyrics", "cdr_tag", "artist")


@pytest.fixture(scope="module")
def published():
    return make_design(EIGHT, seed=0)


def test_eight_sources_have_246_sets_and_a_pool_of_1230_runs():
    sets = source_sets(EIGHT)
    assert len(sets) == len(set(sets)) == 246
    assert {len(kept) for kept in sets} == set(range(2, 8))
    table = pool(EIGHT)
    assert len(table) == len(table.drop_duplicates()) == 1230
    assert table["n"].value_counts().to_dict() == {2: 140, 3: 280, 4: 350, 5: 280, 6: 140, 7: 40}


def test_the_published_size_is_425_runs(published):
    assert (len(published.single), len(published.every), len(published.mixed)) == (48, 25, 352)
    table = published.to_frame()
    assert len(table) == table["run"].nunique() == 425
    assert (table[list(EIGHT)].sum(axis=1) == table["n"]).all()
    assert table["phase"].value_counts().to_dict() == {"mixed": 352, "single": 48, "all": 25}
    assert {run.strategy for run in published.every} == set(STRATEGIES)


def test_352_runs_are_as_balanced_and_as_little_aliased_as_the_specification_asks(published):
    mixed = published.sequential.table
    assert balance(mixed, pool(EIGHT)).unbalance <= 31
    assert max_aliasing(mixed.drop(columns="n")) <= 0.13
    assert all(140 <= mixed[source].sum() <= 212 for source in EIGHT)
    counts = mixed["n"].value_counts()
    assert counts[7] < counts.drop(7).min()  # there are only 40 of seven sources


def test_a_shorter_design_is_the_beginning_of_a_longer_one():
    long = make_design(EIGHT, mixed=60, seed=3).mixed
    for shorter in (0, 1, 24, 59):
        assert make_design(EIGHT, mixed=shorter, seed=3).mixed == long[:shorter]
    assert make_design(EIGHT, mixed=60, seed=4).mixed != long


def test_ties_broken_by_every_factor_let_strategies_drift_less():
    def spread(unbalance):
        table = make_design(EIGHT, mixed=352, unbalance=unbalance, seed=0).sequential.table
        found = balance(table, pool(EIGHT))
        return found.unbalance, found.by_factor["strategy"]

    largest, strategy = spread("max")
    largest_of_all, strategy_of_all = spread("lexicographic")
    assert largest_of_all <= largest
    assert strategy_of_all < strategy


def test_every_run_has_a_name_of_its_own_that_does_not_depend_on_the_design():
    mine = {run.name for run in make_design(EIGHT, mixed=80).runs}
    assert len(mine) == 48 + 25 + 80
    assert Run("ms-cr@2", ("self", "tag"), 1).name == "ms-cr@2--self+tag--1"


@pytest.mark.parametrize("sources", [(), ("self", "tag"), ("self", "tag", "tag")])
def test_fewer_than_three_different_sources_are_refused(sources):
    with pytest.raises(InputError, match="three different learning sources"):
        make_design(sources)


def test_more_runs_than_there_are_is_refused():
    with pytest.raises(InputError, match="16 runs of some sources are wanted, and 3 sources have 15"):
        make_design(("a", "b", "c"), mixed=16)
    with pytest.raises(InputError, match="one run or more"):
        make_design(("a", "b", "c"), mixed=1, single_repeats=0)


def test_unbalance_stays_small_from_the_first_run_on(published):
    reached = published.sequential.unbalance
    assert reached[49] <= 8
    assert max(abs(b - a) for a, b in pairwise(reached)) <= 2
    assert np.isfinite(published.sequential.aliasing).all()
