"""Each finding is answered from its interval: what was planted holds, its opposite does not."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.charts import save
from earwitness.charts.learning_experiment import drawings
from earwitness.learning.design import make_design
from earwitness.learning.experiment_result import Analysis, analyse_experiment
from earwitness.recipes.kim2020_tables import finding_table, table_2_6
from earwitness.results import AuditResult

_SPEC = importlib.util.spec_from_file_location("planted", Path(__file__).with_name("planted.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

SOURCES = ("self", "tempo", "chroma", "genre", "loudness")
BETTER = {"ss-r": -2.0, "ms-sr@fc": -1.0, "ms-cr@6": 0.0, "ms-cr@4": 0.2, "ms-cr@2": 0.4, "mss-cr": 0.9}
ANALYSIS = Analysis(n_resamples=200)


@pytest.fixture(scope="module")
def design():
    return make_design(SOURCES, mixed=60, single_repeats=3, all_repeats=2)


def scores_of(design, sign=1.0, noise=0.2, **planted):
    names = {"intercepts": {k: sign * v for k, v in BETTER.items()}}
    scores = _MODULE.planted_scores(design, **(names | planted), noise=noise)
    size = np.where(scores["strategy"] == "ms-sr@fc", 50_000, 40_000 * scores["n"])
    wide = {"low": scores["score"] - 0.02, "high": scores["score"] + 0.02, "equal": scores["score"]}
    return scores.assign(measure="accuracy", parameters=size, dimension=256, **wide)


def baselines_of(scores, untrained, cepstra=0.0, tagger=0.0):
    """Baselines, in planted units below or above 0.5."""
    rows = []
    for number, target in enumerate(scores["target"].unique()):
        named = [("mfcc-120", 1, 0, cepstra), ("musicnn-msd", 1, 0, tagger)]
        named += [("untrained", 1, seed, untrained + 0.01 * seed) for seed in range(5)]
        named += [(f"untrained x {m}", m, 0, untrained) for m in range(2, 6)]
        for name, networks, seed, value in named:
            score = 0.5 + 0.01 * (number + 1) * value
            row = {"baseline": name, "networks": networks, "seed": seed, "target": target, "measure": "accuracy"}
            rows.append(row | {"score": score, "low": score - 0.1, "high": score + 0.1, "equal": score})
    return pd.DataFrame(rows)


def answers(scores, baselines):
    result = analyse_experiment(scores, SOURCES, baselines, analysis=ANALYSIS)
    return finding_table(result).set_index("finding")["answer"].to_dict()


def test_the_thesis_own_world_holds(design):
    slopes = {"ms-cr@6": 0.3, "ms-cr@4": 0.3, "ms-cr@2": 0.3, "mss-cr": 0.3}
    scores = scores_of(design, slopes=slopes, sources={"genre": 0.5})
    found = answers(scores, baselines_of(scores, untrained=-5, cepstra=-3, tagger=-4))
    for number in ("1", "2b", "5a", "5b", "5c", "6a", "6b", "6c", "8", "10a", "10b", "10c"):
        assert found[number] == "holds", number


def test_a_world_upside_down_does_not(design):
    slopes = {"ms-cr@6": -0.3, "ms-cr@4": -0.3, "ms-cr@2": -0.3, "mss-cr": -0.3}
    scores = scores_of(design, sign=-1.0, slopes=slopes)
    found = answers(scores, baselines_of(scores, untrained=5, cepstra=5))
    for number in ("1", "2b", "5a", "5b", "5c", "6a", "6b", "6c", "8", "10a", "10b", "10c"):
        assert found[number] == "does not", number


def test_of_a_world_of_noise_little_can_be_said(design):
    scores = scores_of(design, sign=0.0, noise=1.0)
    found = answers(scores, baselines_of(scores, untrained=0))
    said = [found[number] for number in ("5a", "5b", "5c", "6a", "6b", "6c", "6d", "7")]
    assert said.count("cannot be said") >= 6


def test_what_the_experiment_does_not_have_cannot_be_said(design):
    scores = scores_of(design)
    result = analyse_experiment(
        scores, SOURCES, baselines_of(scores, -5).query("baseline != 'musicnn-msd'"), analysis=ANALYSIS
    )
    told = finding_table(result).set_index("finding")
    assert told.loc["2a", "answer"] == "cannot be said"
    assert told.loc["2a", "told"] == "musicnn-msd was not measured"
    assert told.loc["3a", "told"] == "no target is about dance, rhythm or tempo"
    once = make_design(SOURCES, mixed=60, single_repeats=1, all_repeats=1)
    scores = scores_of(once)
    result = analyse_experiment(scores, SOURCES, baselines_of(scores, -5), analysis=ANALYSIS)
    told = finding_table(result).set_index("finding")
    assert told.loc["4", "told"] == "no source was learnt twice by itself"


def test_every_number_has_an_interval_or_says_why_not(design):
    scores = scores_of(design)
    result = analyse_experiment(scores, SOURCES, baselines_of(scores, -5), analysis=ANALYSIS)
    bare = result.table[result.table["low"].isna()]
    assert (bare["note"] != "").all()
    assert (result.table.dropna(subset="low")["low"] <= result.table.dropna(subset="low")["high"]).all()


def test_the_analysis_is_the_same_again_and_out_of_its_file(design, tmp_path):
    scores = scores_of(design, sources={"genre": 0.5})
    result, again = (analyse_experiment(scores, SOURCES, baselines_of(scores, -5), analysis=ANALYSIS) for _ in range(2))
    pd.testing.assert_frame_equal(result.table, again.table)
    read = AuditResult.from_json(result.to_json())
    assert [verdict.text for verdict in read.verdicts] == [verdict.text for verdict in result.verdicts]
    drawn = drawings(read)
    assert list(drawn) == [f"2.{number:02d}" for number in range(7, 16)]
    for number in ("2.09", "2.13"):
        save(drawn[number][1](), tmp_path / f"{number}.svg")
        assert (tmp_path / f"{number}.svg").stat().st_size > 5000
    table = table_2_6(read, SOURCES).set_index("source")
    assert table.loc["genre", "target 0"].isdigit()
    assert int(table.loc["genre", "target 0"]) > 80
    assert (table["target 0"] == "<1").any()
