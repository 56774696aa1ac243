"""Charts of statistical results hold their data, survive awkward names and can be drawn."""

import numpy as np
import pandas as pd
import pytest
import vl_convert

from earwitness.charts import statistics as charts
from earwitness.stats import additive_model, alias_matrix, contrasts, marginal_means, mixed_model, smooth_curves


def drawn(chart):
    """Whether the chart renders to a picture with marks in it."""
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    return "<path" in svg


def table():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"a": rng.choice(["p", "q"], 300), "t": rng.choice(["cents", "dB"], 300)})
    data["g"], data["x"] = rng.integers(0, 9, 300), rng.uniform(0, 30, 300).round()
    data["y"] = (data["a"] == "p") + 0.05 * data["x"] + rng.normal(size=9)[data["g"]] + rng.normal(size=300)
    return data


def test_mixed_model_results_draw_themselves():
    model = mixed_model("y ~ a * x + (1 | g)", table())
    assert drawn(model.chart())  # its terms have brackets and colons
    assert drawn(marginal_means(model, "a").chart())
    assert drawn(marginal_means(model, ["x", "a"], at={"x": [0, 10, 20]}).chart())
    assert drawn(contrasts(marginal_means(model, "a")).chart())


@pytest.mark.parametrize("by", ["", ", by = a", ", by = a:t"])
def test_curves_draw_themselves(by):
    model = additive_model(f"y ~ a * t + s(x{by})", table(), knots=5)
    (curves,) = smooth_curves(model, points=9)
    assert drawn(curves.chart())


def test_two_factors_stand_side_by_side_and_columns_may_have_dots():
    model = mixed_model("y ~ a * t + (1 | g)", table())
    found = marginal_means(model, ["a", "t"]).to_frame().rename(columns={"t": "kind.of[change]"})
    chart = charts.marginal_means(found, ["a", "kind.of[change]"])
    assert drawn(chart)
    assert chart.to_dict()["layer"][0]["encoding"]["xOffset"]["field"] == "kind\\.of\\[change\\]"


def test_an_alias_matrix_draws_itself_and_keeps_its_sign():
    half = pd.DataFrame([(-1, -1, 1), (1, -1, -1), (-1, 1, -1), (1, 1, 1)], columns=list("ABC"))
    matrix = alias_matrix(half)
    assert drawn(matrix.chart())
    assert drawn(charts.alias_matrix(matrix.to_frame().assign(coefficient=0.0)))
