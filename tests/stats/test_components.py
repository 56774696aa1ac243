"""Variance components in percent agree with lme4 (tests/oracles/mixed_models/strategy.json)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.errors import InputError
from earwitness.stats import variance_components

ORACLES = Path(__file__).parents[1] / "oracles" / "mixed_models"
SOURCES = ["self", "year", "bpm", "taste", "tag", "lyrics", "cdr_tag", "artist"]


@cache
def runs():
    return pd.read_csv(ORACLES / "strategy.csv")


@cache
def found():
    return variance_components(runs()[runs()["strategy"] != "SS-R"], "y", SOURCES, by="dataset")


EXPECTED = json.loads((ORACLES / "strategy.json").read_text())["source_variance_components"]


@pytest.mark.parametrize("dataset", EXPECTED["per_dataset"])
def test_percentages_of_the_sources_are_those_of_lme4(dataset):
    expected = EXPECTED["per_dataset"][dataset]
    table = found().to_frame()
    table = table[table["by"] == dataset].set_index("factor")
    for source in SOURCES:
        assert table.loc[source, "percent"] == pytest.approx(expected["percent"][source], abs=0.1)
        assert table.loc[source, "variance"] == pytest.approx(expected["variance"][source], abs=1e-4)
    assert table["percent"].sum() == pytest.approx(100)
    assert found().residual[dataset] == pytest.approx(expected["variance"]["Residual"], abs=1e-4)


def test_correlation_with_single_source_performance_is_that_of_the_oracle():
    single = runs()[runs()["strategy"] == "SS-R"]
    mean = {(s, d): rows["y"].mean() for s in SOURCES for d, rows in single[single[s] == 1].groupby("dataset")}
    table = found().to_frame()
    pairs = [(mean[row.factor, row.by], row.percent) for row in table.itertuples()]
    assert np.corrcoef(np.array(pairs).T)[0, 1] == pytest.approx(EXPECTED["pearson_percent_vs_mean_ssr"], abs=1e-4)


def test_zero_variances_are_valid_noted_and_printed_below_one():
    assert any("IRMAS: singular fit: Intercept by self" in note for note in found().notes)
    wide = found().wide()
    assert wide.loc["self", "IRMAS"] == "<1"
    assert wide.loc["artist", "GTZAN"] == "68"
    assert "GTZAN: artist 68 %" in str(found())


def test_planted_components_come_back():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": np.repeat(np.arange(60), 60), "b": np.tile(np.arange(60), 60)})
    table["y"] = 2 * rng.normal(size=60)[table["a"]] + rng.normal(size=60)[table["b"]] + rng.normal(size=3600)
    result = variance_components(table, "y", ["a", "b"]).to_frame().set_index("factor")
    assert result.loc["a", "percent"] == pytest.approx(80, abs=10)


def test_a_source_always_present_is_named_with_its_data_set():
    with pytest.raises(InputError, match="dataset Arousal: the grouping 'self' has one group only"):
        variance_components(runs()[runs()["self"] == 1], "y", SOURCES, by="dataset")
    with pytest.raises(InputError, match="at least one factor"):
        variance_components(runs(), "y", [])
