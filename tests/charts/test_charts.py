"""Every chart is valid Vega-Lite, says what it shows, and draws the numbers of the table."""

import json
from dataclasses import replace

import numpy as np
import pytest
import vl_convert

from earwitness.charts import linear_maps, maps, placement, robustness, save, structure, transfer
from earwitness.charts.theme import GREYS, OKABE_ITO, SOFT, series
from earwitness.errors import InputError

DRAW = {
    "transfer": transfer.charts,
    "tags": transfer.charts,
    "number": transfer.charts,
    "robustness": robustness.charts,
    "structure": structure.charts,
    "linear_maps": linear_maps.charts,
    "placement": placement.charts,
}


def rows_of(chart):
    """All inlined data of a chart."""
    found = []

    def walk(part):
        if isinstance(part, dict):
            found.extend(part["data"]["values"] if "values" in part.get("data", {}) else [])
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    specification = chart.to_dict()
    walk(specification)
    for rows in specification.get("datasets", {}).values():
        found.extend(rows)
    return found


@pytest.mark.parametrize("audit", DRAW)
def test_every_chart_is_drawn_and_described(results, audit):
    drawn = DRAW[audit](results[audit])
    assert drawn
    for title, chart in drawn.items():
        specification = chart.to_dict()
        assert len(specification["description"]) > 40, title
        assert "alpha" in specification["description"] or "beta" in specification["description"], title
        svg = vl_convert.vegalite_to_svg(json.dumps(specification))
        assert svg.startswith("<svg")
        assert "<script" not in svg
        assert len(json.dumps(specification)) < 150_000
        widths = [part.get("width", 0) for part in specification.get("concat", [specification])]
        assert max(widths) <= 420  # a phone's page scales this down and can still be read


def test_a_result_draws_itself(results):
    assert set(results["transfer"][1].charts()) == set(transfer.charts(results["transfer"][1:2]))
    assert results["structure"][0].charts()  # a control alone is drawn too


def test_curves_show_the_consistency_of_the_table(results):
    curves = next(iter(robustness.charts(results["robustness"]).values()))
    table = results["robustness"][1].table
    expected = table[(table["measure"] == "consistency") & (table["distance"] == "cosine")]
    drawn = {r["perturbation"]: r for r in rows_of(curves) if r.get("encoder") == "alpha" and "perturbation" in r}
    assert len(drawn) == len(expected) == 12
    for _, row in expected.iterrows():
        assert drawn[row["perturbation"]]["value"] == pytest.approx(row["value"], rel=1e-3)
        assert drawn[row["perturbation"]]["low"] == pytest.approx(row["low"], rel=1e-3)


def test_axes_go_from_mild_to_grave_in_natural_units_and_mark_what_is_hardly_heard(results):
    specification = next(iter(robustness.charts(results["robustness"]).values())).to_dict()
    panels = {panel["title"]: panel for panel in specification["concat"]}

    def rows(panel, layer):
        data = panel["layer"][layer].get("data") or panel["data"]
        return specification["datasets"][data["name"]]

    assert set(panels) == {"Pitch", "Tempo", "Pink noise", "Environmental noise", "MP3"}
    reverse = {name: panel["layer"][1]["encoding"]["x"]["scale"]["reverse"] for name, panel in panels.items()}
    assert reverse == {"Pitch": False, "Tempo": False, "Pink noise": True, "Environmental noise": True, "MP3": True}
    pitch = rows(panels["Pitch"], 0)[0]  # the band: from the left edge past 25 cents
    assert pitch["x"] < 25 < pitch["end"] < 400
    noise = rows(panels["Pink noise"], 0)[0]
    assert noise["x"] > 30 > noise["end"] > 0
    points = {(r["x"], r["direction"]) for r in rows(panels["Tempo"], 2)}
    assert points == {(2, "slower"), (2, "faster"), (50, "slower")}


def test_transfer_shows_intervals_chance_and_every_class(results):
    drawn = transfer.charts(results["transfer"])
    overall, classes, within = drawn.values()
    rows = {row["encoder"]: row for row in rows_of(overall) if "encoder" in row}
    assert list(rows) == ["alpha", "beta[0].x", "mfcc (control)"]  # controls last
    assert rows["alpha"]["value"] == pytest.approx(results["transfer"][1].estimate("ROC-AUC").value, rel=1e-3)
    assert {"value": 0.5} in rows_of(overall)
    assert {row["row"] for row in rows_of(classes) if "row" in row} == {
        "<script>alert(1)</script>",
        "two lines",
        "datum.x",
        "plain",
    }
    assert {row["row"] for row in rows_of(within) if "row" in row} == {"lab", "wild"}


def test_structure_shows_clips_beside_clouds_and_every_clip_on_the_map(results):
    drawn = structure.charts(results["structure"])
    result = results["structure"][1]
    indices = rows_of(drawn["How many groups: indices over their number, beside a cloud without groups"])
    mine = [r for r in indices if r["encoder"] == "alpha" and r["data"] == "clips" and r["k"] == 4]
    silhouette = result.estimate("silhouette", method="k-means", data="clips", k=4).value
    assert mine[0]["value"] == pytest.approx(silhouette, rel=1e-3)
    assert {r["data"] for r in indices} == {"clips", "cloud"}
    points = rows_of(drawn["Map of the clips in alpha"])
    assert len(points) == 48
    assert points[0]["clip"] == "clip 0"
    cells = rows_of(drawn["Labels and groups of alpha"])
    assert sum(cell["clips"] for cell in cells) == 48
    assert "Map of the clips in mfcc (control)" not in drawn


def test_every_group_has_its_column_and_says_its_label(results):
    drawn = structure.charts(results["structure"])
    cells = rows_of(drawn["Labels and 3 groups of alpha"])
    assert sum(cell["clips"] for cell in cells) == 48
    columns = {cell["group"] for cell in cells}
    assert len(columns) == 3
    assert not any(name.startswith("no label") for name in columns)  # fewer groups than labels: each has one
    items = results["structure"][1].items.copy()
    more = items.assign(at3_cluster=np.arange(48) % 6, at3_match=np.where(np.arange(48) % 6 < 4, items["label"], ""))
    more.loc[more["at3_cluster"] < 4, "at3_match"] = more["at3_cluster"].map(
        dict(enumerate(sorted(set(items["label"]))))
    )
    chart = structure.confusion(replace(results["structure"][1], items=more), "at3_")
    assert {"no label (group 5)", "no label (group 6)"} < {cell["group"] for cell in rows_of(chart)}


def test_linear_maps_show_unseen_seen_and_shuffled_pairs(results):
    drawn = linear_maps.charts(results["linear_maps"])
    rows = rows_of(drawn["How much of a change a linear map explains"])
    table = results["linear_maps"][1]
    mine = {
        row["data"]: row["value"]
        for row in rows
        if row.get("encoder") == "alpha" and row.get("map") == "ridge affine" and row["perturbation"] == "tempo +50 %"
    }
    assert set(mine) == {"held out", "train", "shuffled"}
    where = {"map": "ridge affine", "data": "held out", "perturbation": "tempo +50 %"}
    assert mine["held out"] == pytest.approx(table.estimate("R2", **where).value, rel=1e-3)


def test_a_large_map_is_thinned(results, monkeypatch):
    monkeypatch.setattr(maps, "MOST_POINTS", 20)
    drawn = structure.charts(results["structure"])
    assert len(rows_of(drawn["Map of the clips in alpha"])) == 20


def test_a_map_without_labels_shows_groups(results):
    result = results["structure"][1]
    items = result.items.drop(columns=["asked_cluster", "match", "asked_match"]).assign(label="")
    drawn = structure.charts([replace(result, items=items)])
    assert {row["shown"] for row in rows_of(drawn["Map of the clips in alpha"])} == {
        f"group {cluster + 1}" for cluster in items["cluster"]
    }


def test_controls_are_grey_and_dashed_and_encoders_are_not(results):
    found = {one.name: one for one in series(results["transfer"])}
    assert found["mfcc (control)"].colour in GREYS
    assert found["mfcc (control)"].dash != (1, 0)
    assert found["alpha"].colour == OKABE_ITO[0]
    assert found["beta[0].x"].dash == (1, 0)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_and_the_first_colours_stand_out_from_the_card():
    assert 1.05 / (luminance(SOFT) + 0.05) >= 4.5  # WCAG 2, text
    for colour in (*OKABE_ITO[:3], *GREYS[:3]):
        assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2, graphics


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".html", ".json"])
def test_a_chart_is_saved_in_every_format(results, suffix, tmp_path):
    chart = next(iter(transfer.charts(results["number"]).values()))
    path = tmp_path / f"figure{suffix}"
    save(chart, path)
    start = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF", ".html": b"<!DOCTYPE", ".json": b"{"}[suffix]
    content = path.read_bytes()
    assert content.startswith(start)
    if suffix == ".html":
        assert b'src="http' not in content  # opens without a network


def test_an_unknown_format_is_said(tmp_path):
    with pytest.raises(InputError, match=r"'figure\.gif': let the name end in \.png"):
        save(None, tmp_path / "figure.gif")
