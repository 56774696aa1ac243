"""Designs are as balanced and as little aliased as the runs at hand allow (tests/oracles/experimental_design)."""

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.errors import InputError
from earwitness.stats import alias_matrix, aliasing, balance, max_aliasing, sequential_design

ORACLES = Path(__file__).parents[1] / "oracles" / "experimental_design"
ALIAS = json.loads((ORACLES / "alias.json").read_text())
SOURCES = ["self", "year", "bpm", "taste", "tag", "lyrics", "cdr_tag", "artist"]


@pytest.mark.parametrize("name", ALIAS["designs"])
def test_alias_matrices_are_those_of_the_oracle(name):
    expected = ALIAS["designs"][name]
    design = pd.DataFrame(expected["runs"], columns=expected["columns"])
    found, wanted = alias_matrix(design), expected["alias_two_factor"]
    np.testing.assert_allclose(found.table.to_numpy(), np.array(wanted["matrix"]), atol=1e-9)
    assert (found.table.index.tolist(), found.table.columns.tolist()) == (wanted["rows"], wanted["cols"])
    assert found.max_abs == pytest.approx(wanted["max_abs"], abs=1e-9)
    pairwise = expected["pairwise_main"]
    np.testing.assert_allclose(np.abs(aliasing(design).table), np.abs(np.array(pairwise["matrix"])), atol=1e-9)
    assert max_aliasing(design) == pytest.approx(pairwise["max_abs"], abs=1e-9)


def test_balance_and_aliasing_of_mixed_levels_are_those_of_the_oracle():
    runs, expected = pd.read_csv(ORACLES / "mixed_runs.csv"), ALIAS["mixed_runs"]
    found = balance(runs)
    assert found.by_factor["n"] == expected["balance"]["n"]
    assert found.by_factor["strategy"] == expected["balance"]["strategy"]
    assert max(found.by_factor[s] for s in SOURCES) == expected["balance"]["source"]
    assert found.unbalance == expected["balance"]["total"]
    assert max_aliasing(runs.drop(columns="n")) == pytest.approx(expected["pairwise_main"]["max_abs"], abs=1e-9)
    assert alias_matrix(runs[SOURCES]).max_abs == pytest.approx(
        expected["alias_two_factor_sources"]["max_abs"], abs=1e-9
    )
    for source, value in expected["n_vs_sources"].items():
        assert abs(np.corrcoef(runs["n"], runs[source])[0, 1]) == pytest.approx(abs(value), abs=1e-9)


def test_levels_that_are_used_up_do_not_count_against_balance():
    expected = ALIAS["exhausted_example"]
    sizes = {2: 140, 3: 280, 4: 350, 5: 280, 6: 140, 7: 40}
    pool = pd.DataFrame({"n": np.repeat(list(sizes), list(sizes.values()))})
    design = pd.DataFrame({"n": np.repeat([int(k) for k in expected["counts_n"]], list(expected["counts_n"].values()))})
    assert balance(design, pool).unbalance == expected["unbalance_n_excluding_exhausted"]
    assert balance(design).unbalance == expected["unbalance_n_including_all"]
    assert balance(pool, pool).unbalance == 0


def test_the_footnote_of_the_thesis_is_unbalanced_by_four():
    counts = ALIAS["footnote_example"]["counts"]
    design = pd.DataFrame({"strategy": np.repeat(list(counts), list(counts.values()))})
    assert balance(design).unbalance == ALIAS["footnote_example"]["unbalance"]


def thesis_pool():
    subsets = [c for k in range(2, 8) for c in combinations(SOURCES, k)]
    strategies = ["MS-SR@FC", "MS-CR@6", "MS-CR@4", "MS-CR@2", "MSS-CR"]
    rows = [{**{s: int(s in c) for s in SOURCES}, "strategy": t, "n": len(c)} for t, c in product(strategies, subsets)]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(3))
def test_352_runs_of_the_thesis_pool_are_no_worse_than_the_published_design(seed):
    pool = thesis_pool()
    assert len(pool) == 1230
    design = sequential_design(pool, 352, structural=["n"], seed=seed)
    assert design.unbalance[-1] == balance(design.table, pool).unbalance <= 31  # published: 29
    assert design.aliasing[-1] == pytest.approx(max_aliasing(design.table.drop(columns="n")))
    assert design.aliasing[-1] <= 0.13  # published: 0.194
    assert len(set(design.rows)) == 352


def small_pool():
    rows = [(a, b, c, a + b) for a, b, c in product([0, 1], [0, 1], "xyz")]
    return pd.DataFrame(rows, columns=["a", "b", "c", "count"]).drop(index=[0, 7]).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(5))
def test_every_run_drawn_is_among_the_best_by_brute_force(seed):
    pool = small_pool()
    design = sequential_design(pool, len(pool), structural=["count"], seed=seed)
    for step, chosen in enumerate(design.rows):
        done = list(design.rows[:step])
        left = [row for row in range(len(pool)) if row not in done]
        unbalance = {row: balance(pool.iloc[[*done, row]], pool).unbalance for row in left}
        O = [row for row in left if unbalance[row] == min(unbalance.values())]  # noqa: E741
        alias = {row: max_aliasing(pool.iloc[[*done, row]].drop(columns="count")) for row in O}
        assert chosen in O
        assert alias[chosen] == pytest.approx(min(alias.values()), abs=1e-9)


def test_the_same_seed_gives_the_same_design_also_when_taken_up_again():
    pool = thesis_pool()
    whole = sequential_design(pool, 40, structural=["n"], seed=4)
    resumed = sequential_design(pool, 40, structural=["n"], seed=4, start=whole.rows[:17])
    assert resumed.rows == whole.rows
    assert sequential_design(pool, 40, structural=["n"], seed=5).rows != whole.rows
    assert str(whole).startswith("40 runs, unbalance")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sequential_design(small_pool(), 99), "size is 99"),
        (lambda: sequential_design(small_pool(), 5, start=[1, 1]), "names a run twice"),
        (lambda: sequential_design(small_pool(), 5, structural=["z"]), "no factor of the pool"),
        (lambda: balance(pd.DataFrame({"a": []})), "no runs"),
        (lambda: balance(pd.DataFrame({"a": [1, None]})), "missing levels"),
        (lambda: alias_matrix(pd.DataFrame({"a": [1, 2, 3]})), "3 levels"),
        (lambda: alias_matrix(pd.DataFrame({"a": [0, 1, 0], "b": [1, 0, 1]})), "collinear"),
    ],
)
def test_bad_designs_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
