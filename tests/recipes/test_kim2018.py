"""Chapter 3 of Kim (2021): its tables as printed, and tables and verdicts out of planted scores."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from earwitness.charts import artist_groups as figures
from earwitness.errors import InputError
from earwitness.learning.artist_groups.experiment import Outcome
from earwitness.learning.artist_groups.plan import cases
from earwitness.learning.artist_groups.scores import Scores
from earwitness.recipes import Options, load_recipe
from earwitness.recipes import _kim2018_tables as tables
from earwitness.recipes._kim2018_verdicts import verdicts
from earwitness.results import AuditResult

# Means by number of tasks that the specification recomputed from the printed Table 3.4 (its Figure 3.3).
MEANS = {
    ("STN", "log loss"): (1.0727, 0.9504, 0.8901, 0.8451, 0.7894),
    ("STN", "macro F1"): (0.4433, 0.5369, 0.5901, 0.6197, 0.6599),
    ("MTN", "log loss"): (0.9468, 0.8877, 0.8383, 0.7727),
    ("MTN", "macro F1"): (0.5360, 0.5820, 0.6161, 0.6571),
}


@pytest.mark.parametrize("kind", ["STN", "MTN"])
@pytest.mark.parametrize("measure", ["log loss", "macro F1"])
def test_the_printed_table_has_the_means_that_were_recomputed(kind: str, measure: str) -> None:
    printed = tables.published("3_4")
    mine = printed[printed["kind"] == kind]
    means = mine.groupby(mine["tasks"].str.len())[measure].mean()
    np.testing.assert_allclose(means, MEANS[kind, measure], atol=6e-5)


def test_the_printed_table_has_a_row_for_every_case_of_the_plan() -> None:
    planned = {(case.tasks, case.kind) for case in cases("gmdes") if case.kind in ("STN", "MTN")}
    assert planned == set(map(tuple, tables.published("3_4")[["tasks", "kind"]].to_numpy()))


def planted(gain: float) -> Scores:
    """Answers that are the surer of the truth the more tasks there are; g counts for two."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    outcomes = []
    for case in cases("gmde"):
        tasks = 0 if case.kind == "untrained" else len(case.tasks) + 2 * ("g" in case.tasks)
        logits = rng.normal(0, 0.3, (90, 3))
        logits[np.arange(90), truth] += gain * tasks
        outcomes.append(Outcome(case, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 1))
    return Scores(truth, outcomes)


def test_planted_gains_are_told_and_none_is_told_where_there_is_none() -> None:
    told = {verdict.title: verdict.status for verdict in verdicts(planted(0.3))}
    assert told["More tasks tell genres better"] == "holds"
    assert told["Genre among the tasks helps"] == "holds"
    assert told["What was learnt is more than an architecture gives"] == "holds"
    nothing = {verdict.title: verdict.status for verdict in verdicts(planted(0.0))}
    assert list(nothing.values()).count("holds") + list(nothing.values()).count("breaks") <= 1
    assert nothing["What was learnt is more than an architecture gives"] == "open"


def test_the_tables_average_over_the_same_combinations_or_as_printed() -> None:
    scores = planted(0.3)
    found = tables.table_3_3(scores)
    row = found[(found["kind"] == "STN") & (found["tasks"] == "with g") & (found["measure"] == "log loss")]
    of = {case.tasks: scores.values("log loss")[place, 0] for place, case in enumerate(scores.cases)
          if case.kind == "STN" and "g" in case.tasks}  # fmt: skip
    both = np.mean([value for tasks, value in of.items() if len(tasks) > 1])
    assert row["value"].tolist() == pytest.approx([both, np.mean(list(of.values()))])
    best = tables.table_3_5(scores)
    pairs = {tasks: value for tasks, value in of.items() if len(tasks) == 2}
    mine = best[(best["kind"] == "STN") & (best["number"] == 2)]
    assert mine["tasks"].iloc[0] == min(pairs, key=lambda tasks: pairs[tasks])
    text = tables.in_layout(scores)
    heads = re.findall(r"kind +(.*)", text)
    assert heads[0].split() == heads[1].split() == ["STN", "MTN"] * 2  # log loss, then macro F1
    assert text.count("\n") > 30


def test_the_pictures_show_every_case() -> None:
    scores = planted(0.3)
    rows = tables.figure_3_3(scores)
    results = []
    for kind in ("STN", "MTN"):
        mine = rows[rows["kind"] == kind]
        table = mine.assign(measure="mean " + mine["measure"], tasks="")
        each = tables.table_3_4(scores)
        each = each[each["kind"] == kind].assign(number=lambda t: t["tasks"].str.len())
        joined = table[["measure", "value", "low", "high", "number", "tasks"]]
        results.append(AuditResult("artist_groups", kind, "planted", pd.concat([joined, each], ignore_index=True)))
    drawn = json.dumps(figures.combinations(results).to_dict())
    shown = set(re.findall(r'"tasks": "([a-z]+)"', drawn))
    assert shown == {case.tasks for case in scores.cases if case.kind == "STN"}
    assert len(figures.by_number(results).to_dict()["hconcat"]) == 2


def test_one_source_is_wanted(tmp_path: object) -> None:
    with pytest.raises(InputError, match="wants one source of clips with genres and artists"):
        load_recipe("kim2018")([], tmp_path, Options())
