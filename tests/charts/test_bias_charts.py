"""Pictures of bias and correction draw the table's numbers, say what they show, and keep their words readable."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import vl_convert

from earwitness.audits import bias, correction
from earwitness.charts import bias as bias_charts
from earwitness.charts import correction as correction_charts
from earwitness.charts import wang2023
from earwitness.charts.theme import GREYS
from earwitness.embeddings import Embeddings
from earwitness.recipes.wang2023 import published

LABELS = np.array(["<script>alert(1)</script>", "two\nlines", "plain"])


def made(name, seed):
    rng = np.random.default_rng(seed)
    y, d = np.arange(90) % 3, (np.arange(90) // 3) % 2
    X = rng.normal(size=(90, 8)) + 2 * np.eye(8)[y] + 1.5 * np.outer(d, np.eye(8)[5])
    clips = {"clip": [f"clip {i}" for i in range(90)], "label": LABELS[y], "domain": np.array(["in\nhouse", "</b>"])[d]}
    return Embeddings(X.astype("f4"), pd.DataFrame(clips), name, "1", "test")


@pytest.fixture(scope="module")
def results():
    found = {"bias": [], "correction": []}
    for name, seed, role in (("mfcc", 1, "control"), ("alpha", 2, "audited")):
        found["bias"].append(bias(made(name, seed), role=role, n_resamples=50))
        few = {"methods": ("lda", "mean"), "n_resamples": 50}
        found["correction"].append(correction(made(name, seed), role=role, **few))
    return found


def data_of(chart):
    specification = chart.to_dict()
    return [row for rows in specification.get("datasets", {}).values() for row in rows]


@pytest.mark.parametrize(("audit", "draw"), [("bias", bias_charts.charts), ("correction", correction_charts.charts)])
def test_every_chart_is_drawn_and_described(results, audit, draw):
    drawn = draw(results[audit])
    assert len(drawn) == 4
    assert set(results[audit][1].charts())  # a result draws itself
    for title, chart in drawn.items():
        specification = chart.to_dict()
        assert "alpha" in specification["description"], title
        svg = vl_convert.vegalite_to_svg(json.dumps(specification))
        assert "<script" not in svg
        assert len(json.dumps(specification)) < 150_000
        assert max(part.get("width", 0) for part in specification.get("concat", [specification])) <= 420


def test_the_matrix_has_every_pair_of_domains_and_its_words_can_be_read(results):
    chart = next(iter(bias_charts.charts(results["bias"]).values())).to_dict()
    cells = [row for row in data_of(next(iter(bias_charts.charts(results["bias"]).values()))) if "train" in row]
    assert len(cells) == 2 * 4
    table = results["bias"][1].table
    expected = table[(table["measure"] == "ROC-AUC") & (table["class"] == "")]
    assert sorted(c["value"] for c in cells[:4]) == pytest.approx(sorted(expected["value"]), rel=1e-3)
    assert [panel["title"] for panel in chart["concat"]] == ["alpha", "mfcc (control)"]
    for panel, scheme in zip(chart["concat"], bias_charts.SCHEMES, strict=True):
        assert panel["layer"][0]["encoding"]["color"]["scale"]["range"] == list(scheme.colours)


@pytest.mark.parametrize("scheme", bias_charts.SCHEMES)
def test_numbers_stand_out_from_every_shade(scheme):
    for share in np.linspace(0, 1, 201):
        shade = mixed(*scheme.colours, share)
        ink = "#ffffff" if share > scheme.white_from else "#000000"
        assert contrast(shade, channels(ink)) >= 4.5


def channels(colour):
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def mixed(low, high, share):
    return channels(low) * (1 - share) + channels(high) * share


def contrast(one, other):
    light = []
    for colour in (one, other):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        light.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_figure_3_has_both_levels_of_chance_in_every_panel(results):
    drawn = bias_charts.charts(results["bias"])
    chart = drawn["How much probes lean on the direction between domains"].to_dict()
    assert len(chart["concat"]) == 3 * 2
    for panel in chart["concat"]:
        assert [layer["mark"]["type"] for layer in panel["layer"]] == ["bar", "rule", "rule"]


def test_controls_are_grey(results):
    chart = bias_charts.charts(results["bias"])["What each class loses in another domain"].to_dict()
    scale = chart["layer"][2]["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True))["mfcc (control)"] == GREYS[0]


def test_corrections_are_drawn_beside_random_removals_and_the_oracle(results):
    chart = correction_charts.charts(results["correction"])["What each correction changes in another domain"]
    rows = [row for row in data_of(chart) if row.get("encoder") == "alpha" and "value" in row]
    assert [row["row"] for row in rows] == ["lda", "mean", "lda by class", "mean by class", correction_charts.ORACLE]
    change = results["correction"][1].estimate("change", correction="mean", of="across ROC-AUC", **{"class": ""})
    assert rows[1]["value"] == pytest.approx(change.value, rel=1e-3)
    bands = [row for row in data_of(chart) if "value" not in row and row.get("encoder") == "alpha"]
    assert {row["row"] for row in bands} == {"lda", "mean", "lda by class", "mean by class"}


def test_maps_show_every_clip_before_and_after(results):
    drawn = correction_charts.charts(results["correction"])
    best = results["correction"][1].parameters["best"]
    points = data_of(drawn[f"Map of the clips of alpha before and after {best}"])
    assert len(points) == 2 * 90
    assert {row["domain"] for row in points} == {"in house", "</b>"}


def test_a_result_without_corrections_is_drawn(results):
    result = results["correction"][1]
    table = result.table[result.table["correction"].isin(["none", "oracle"])]
    bare = replace(result, table=table, parameters={**result.parameters, "best": "none"})
    assert len(correction_charts.charts([bare])) == 4


def test_the_papers_figures_are_drawn_of_the_published_numbers():
    first = wang2023.within_and_across(published("roc_auc")).to_dict()
    assert len(first["concat"]) == 4
    assert "vggish irmas irmas 0.916" in first["description"]
    third = wang2023.cosines(published("cosines")).to_dict()
    assert len(third["concat"]) == 6
    assert third["concat"][2]["title"]["text"][2] == "vggish 0.125, openl3 0.083, yamnet 0.006"
    counts = pd.DataFrame(
        {"dataset": ["irmas", "openmic"], "instrument": "cello", "genre": "classical", "clips": [184, 150]}
    )
    assert "IRMAS 184, OpenMIC 150" in wang2023.genres(counts).to_dict()["description"]
