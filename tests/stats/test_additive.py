"""Additive models agree with mgcv and emmeans (tests/oracles/gam; tolerances of the specification)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

from earwitness.errors import InputError
from earwitness.stats import additive_model, contrasts, marginal_means, smooth_curves, term_tests
from earwitness.stats.linear import wald
from earwitness.stats.splines import Spline

ORACLES = Path(__file__).parents[1] / "oracles" / "gam"
FORMULAS = {
    "performance": "y ~ (task + encoder + transformation)^2 + s(mag01, by = task:encoder:transformation)",
    "consistency": "consistency ~ encoder * transformation + s(mag01, by = encoder:transformation)",
}
METHODS = {"reml": "cr8_REML", "gcv": "cr8_GCV.Cp"}


@cache
def oracle(name):
    return json.loads((ORACLES / f"{name}.json").read_text())


@cache
def fitted(name, method="reml"):
    return additive_model(FORMULAS[name], pd.read_csv(ORACLES / f"{name}.csv"), method=method)


@pytest.mark.parametrize("name", FORMULAS)
def test_curves_chosen_by_reml_are_those_of_mgcv(name):
    model, expected = fitted(name), oracle(name)["cr8_REML"]
    assert model.score == pytest.approx(expected["score"], abs=0.02)
    assert model.edf.sum() == pytest.approx(expected["edf_total"], abs=0.05)
    edf = {row["term"].replace("s(mag01):by", "s(mag01):"): row["edf"] for row in expected["smooth"]}
    found = model.smooth_table.set_index("term")["edf"]
    assert set(found.index) == set(edf)
    np.testing.assert_allclose(found, [edf[term] for term in found.index], atol=0.05)
    assert model.r2 == pytest.approx(expected["R2"], abs=1e-4)
    assert model.r2_adjusted == pytest.approx(expected["r_sq_adj"], abs=1e-4)
    assert model.scale == pytest.approx(expected["scale"], rel=1e-3)


@pytest.mark.parametrize("name", FORMULAS)
def test_fitted_values_and_their_errors_are_those_of_mgcv(name):
    model, expected = fitted(name), oracle(name)["cr8_REML"]
    found = wald(model.rows(model.table.iloc[expected["rows_0based"]]), model)
    np.testing.assert_allclose(found["estimate"], expected["fitted_first50"], atol=5e-4)
    np.testing.assert_allclose(found["se"], expected["se_fit_first50"], rtol=2e-2)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("method", METHODS)
def test_marginal_means_are_those_of_emmeans(name, method):
    model, expected = fitted(name, method), oracle(name)[METHODS[method]]
    for factor, rows in expected["emm_marginal"].items():
        found = marginal_means(model, factor).to_frame().set_index(factor)
        levels = [row["level"] for row in rows]
        np.testing.assert_allclose(
            found.loc[levels, "estimate"], [r["emmean"] for r in rows], atol=1e-5 if method == "reml" else 1e-4
        )
        if method == "reml":
            np.testing.assert_allclose(found.loc[levels, "se"], [r["SE"] for r in rows], rtol=1e-4)


@pytest.mark.parametrize("name", FORMULAS)
def test_cell_means_are_those_of_emmeans(name):
    rows = pd.DataFrame(oracle(name)["cr8_REML"]["emm_cells_marginal"])
    factors = [c for c in rows.columns if c not in ("emmean", "SE")]
    found = marginal_means(fitted(name), factors).to_frame().merge(rows, on=factors)
    assert len(found) == len(rows)
    np.testing.assert_allclose(found["estimate"], found["emmean"], atol=1e-5)
    np.testing.assert_allclose(found["se"], found["SE"], rtol=1e-3)  # a single cell leans on its own curve's lambda


@pytest.mark.parametrize("name", FORMULAS)
def test_each_term_is_tested_as_by_emmeans(name):
    expected = oracle(name)["cr8_REML"]["joint_tests_marginal"]
    found = term_tests(fitted(name)).to_frame().head(len(expected))
    assert found["term"].tolist() == [row["term"] for row in expected]
    assert found["df1"].tolist() == [row["df1"] for row in expected]
    np.testing.assert_allclose(found["df2"], [row["df2"] for row in expected], atol=0.05)
    np.testing.assert_allclose(found["F"], [row["F"] for row in expected], rtol=1e-3)
    np.testing.assert_allclose(found["p"], [row["p"] for row in expected], atol=1e-10)


@pytest.mark.parametrize("name", FORMULAS)
def test_generalised_cross_validation_is_no_worse_than_mgcv(name):
    assert fitted(name, "gcv").score <= 1.005 * oracle(name)["cr8_GCV.Cp"]["score"]


def test_the_basis_is_the_natural_cubic_spline():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=40))
    spline = Spline.learn(x, 6, "x")
    coefficients = rng.normal(size=5)
    at_knots = spline.constraint @ coefficients
    exact = CubicSpline(spline.knots, at_knots, bc_type="natural")
    np.testing.assert_allclose(spline.basis(x) @ coefficients, exact(x), atol=1e-12)
    assert np.mean(spline.basis(x) @ coefficients) == pytest.approx(0, abs=1e-12)
    fine = np.linspace(spline.knots[0], spline.knots[-1], 20_001)
    bending = np.trapezoid(exact(fine, 2) ** 2, fine)
    assert coefficients @ spline.penalty @ coefficients == pytest.approx(bending, rel=1e-6)


def test_beyond_the_knots_curves_go_on_straight():
    spline = Spline.learn(np.linspace(0, 1, 30), 5, "x")
    out = spline.basis(np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(out[0] - out[1], out[1] - out[2], atol=1e-12)
    np.testing.assert_allclose(out[5] - out[4], out[4] - out[3], atol=1e-12)
    near = spline.basis(np.array([1.0, 1.0 - 1e-6]))
    np.testing.assert_allclose((near[0] - near[1]) / 1e-6, out[4] - out[3], atol=1e-4)


def planted(seed=0, n=400):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"a": rng.choice(["p", "q"], n), "t": rng.choice(["cents", "dB"], n)})
    table["x"] = np.where(table["t"] == "dB", -15, 0) + np.where(table["t"] == "dB", 45, 300) * rng.uniform(
        size=n
    ).round(2)
    return table


def test_a_planted_curve_is_found_and_a_planted_line_stays_a_line():
    table = planted()
    u = np.where(table["t"] == "dB", (table["x"] + 15) / 45, table["x"] / 300)
    noise = 0.1 * np.random.default_rng(1).normal(size=len(table))
    table["y"] = np.where(table["a"] == "p", np.sin(2 * np.pi * u), 2 * u) + noise
    model = additive_model("y ~ a * t + s(x, by = a:t)", table, within="t")
    edf = model.smooth_table.set_index("term")["edf"]
    assert (edf[["s(x):p:dB", "s(x):p:cents"]] > 4).all()
    assert (edf[["s(x):q:dB", "s(x):q:cents"]] < 2.5).all()
    assert model.scale == pytest.approx(noise.var(), rel=0.1)
    (shown,) = smooth_curves(model, points=11)
    curves = shown.to_frame()
    assert str(shown).startswith("curves of x by a:t")
    assert curves.groupby("t", observed=True)["x"].max().round().to_dict() == {"cents": 300, "dB": 30}
    line = curves[(curves["a"] == "q") & (curves["t"] == "cents")]
    assert ((line["low"] < 2 * line["x"] / 300) & (2 * line["x"] / 300 < line["high"])).mean() > 0.7


def test_a_factor_without_effect_is_not_found_and_one_with_effect_is():
    table = planted()
    table["y"] = (table["t"] == "dB") + np.random.default_rng(2).normal(size=len(table))
    model = additive_model("y ~ a * t + s(x, by = a:t)", table, within="t")
    p = term_tests(model).to_frame().set_index("term")["p"]
    assert p["t"] < 1e-6
    assert (p.drop("t") > 0.005).all()
    pairs = contrasts(marginal_means(model, ["a", "t"]), by="a")
    assert pairs.to_frame()["contrast"].tolist() == ["cents - dB"] * 2
    assert "2 of 2 differ" in str(pairs)


def test_one_smooth_of_all_rows_needs_no_factor():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.uniform(size=100), "w": rng.normal(size=100)})
    table["y"] = np.exp(table["x"]) + 0.5 * table["w"] + 0.05 * rng.normal(size=100)
    table.loc[0, "y"] = np.nan
    model = additive_model("y ~ w + s(x)", table)
    assert "1 rows with missing values left out" in str(model)
    assert model.to_frame().set_index("term").loc["w", "estimate"] == pytest.approx(0.5, abs=0.02)
    curve = smooth_curves(model)[0].to_frame()
    assert np.corrcoef(curve["estimate"], np.exp(curve["x"]))[0, 1] > 0.999


@pytest.mark.parametrize(
    ("formula", "change", "options", "message"),
    [
        ("y ~ a + s(x, by = a:t)", {}, {"knots": 2}, "3 or more"),
        ("y ~ a + s(x, by = a:t)", {}, {"method": "aic"}, "choose 'reml' or 'gcv'"),
        ("y ~ a + s(x, by = a:t) + (1 | t)", {}, {}, "use `mixed_model`"),
        ("y ~ a + s(x, by = a:z)", {}, {}, "no column 'z'"),
        ("y ~ a + s(x, k = 4)", {}, {}, "write s"),
        ("y ~ a + s(a)", {}, {}, "must be numbers"),
        ("y ~ a + s(x, by = y)", {}, {}, "must be a factor"),
        ("y ~ a + s(x, by = t)", {"x": lambda t: t["x"].round(-2)}, {}, "too few for 8 knots"),
        (
            "y ~ a + s(x, by = a:t)",
            {"a": lambda t: np.where(t["t"] == "dB", "p", t["a"])},
            {},
            "0 distinct values where",
        ),
        (
            "y ~ a + s(x, by = t)",
            {"x": lambda t: np.where(t["t"] == "dB", 1.0, t["x"])},
            {"within": "t"},
            "one value only",
        ),
        ("y ~ x + s(x)", {}, {}, "collinear: s"),
        ("y ~ a + s(x)", {"a": "p"}, {}, "one level only"),
        ("y ~ a + s(x)", {"y": 2.0}, {}, "constant"),
        ("y ~ a + s(x)", {"y": np.nan}, {}, "no row has a value"),
    ],
)
def test_bad_input_is_named_and_mended(formula, change, options, message):
    table = planted().assign(y=np.random.default_rng(0).normal(size=400)).assign(**change)
    with pytest.raises(InputError, match=message):
        additive_model(formula, table, **options)
