"""Mixed models agree with lme4, lmerTest and emmeans (tests/oracles/mixed_models; tolerances of the specification)."""

import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.errors import InputError
from earwitness.stats import (
    bootstrap_mixed_model,
    contrasts,
    marginal_means,
    marginal_slopes,
    mixed_model,
    nakagawa_r2,
    term_tests,
)
from earwitness.stats.linear import wald

ORACLES = Path(__file__).parents[1] / "oracles" / "mixed_models"
STRATEGIES = ["SS-R", "MS-SR@FC", "MS-CR@6", "MS-CR@4", "MS-CR@2", "MSS-CR"]
EXPLAINERS = ["Random", "PDP", "Saliency", "LIME"]

CASES = [
    ("strategy", "model1"),
    ("strategy", "model1_homoscedastic"),
    ("strategy", "model2"),
    ("strategy", "model_emm"),
    ("explain", "full_covariance"),
    ("explain", "uncorrelated"),
    ("explain", "crossed_intercepts"),
    ("crossed_nested", "correlated_slope"),
    ("crossed_nested", "intercepts"),
]


@cache
def oracle(name):
    return json.loads((ORACLES / f"{name}.json").read_text())


@cache
def data(name):
    table = pd.read_csv(ORACLES / f"{name}.csv")
    if name == "strategy":
        table["strategy"] = pd.Categorical(table["strategy"], STRATEGIES)
        for k, strategy in enumerate(STRATEGIES, 1):
            table[f"r{k}"] = (table["strategy"] == strategy) * 1.0
            table[f"n{k}"] = table[f"r{k}"] * table["n_star"]
    if name == "explain":
        table["explainer"] = pd.Categorical(table["explainer"], EXPLAINERS)
        table["log_omega"], table["m"] = np.log(table["omega"]), table["mainstreaminess"]
        table["group"] = table["dataset"] + ":" + table["recommender"]
        for explainer in EXPLAINERS[1:]:
            table[explainer] = (table["explainer"] == explainer) * 1.0
    return table


@cache
def fitted(name, key, reml=True):
    rows = data(name)[data(name)["strategy"] != "SS-R"] if key == "model_emm" else data(name)
    return mixed_model(oracle(name)[key]["formula"], rows, reml=reml)


def plain(term):
    return term.replace("(Intercept)", "Intercept")


@pytest.mark.parametrize(("name", "key"), CASES)
def test_estimates_are_those_of_lme4(name, key):
    model, expected = fitted(name, key), oracle(name)[key]
    assert model.criterion == pytest.approx(expected["REML_criterion"], abs=1e-4)
    np.testing.assert_allclose(model.beta, list(expected["fixef"].values()), atol=1e-5)
    assert model.n == expected["nobs"]
    assert model.singular == expected["singular"]
    assert ("singular fit" in str(model)) == expected["singular"]
    table = model.to_frame()
    np.testing.assert_allclose(table["se"], list(expected["se"].values()), rtol=1e-3)
    np.testing.assert_allclose(table["df"], list(expected["df_satterthwaite"].values()), rtol=1e-2)
    np.testing.assert_allclose(table["p"], list(expected["p_satterthwaite"].values()), atol=1e-5)
    np.testing.assert_allclose(model.vcov, np.array(expected["vcov"]), rtol=2e-3, atol=1e-7)
    r2 = nakagawa_r2(model)
    assert r2.marginal == pytest.approx(expected["r2"]["R2_marginal"], abs=1e-4)
    assert r2.conditional == pytest.approx(expected["r2"]["R2_conditional"], abs=1e-4)


@pytest.mark.parametrize(("name", "key"), CASES)
def test_variances_and_covariances_are_those_of_lme4(name, key):
    found = fitted(name, key).variance_components
    for row in oracle(name)[key]["varcomp"]:
        group = re.sub(r"\.\d+$", "", row["grp"]).replace(".", ":").replace("subject:site", "site:subject")
        terms = {plain(row["var1"]), plain(row["var2"])} - {""}
        same = [r for r in found.itertuples() if r.group == group and ({r.term, r.other} - {""}) == terms]
        assert len(same) == 1, row
        assert same[0].variance == pytest.approx(row["vcov"], abs=1e-4)
        assert same[0].sd == pytest.approx(row["sdcor"], abs=1e-3)


@pytest.mark.parametrize(("name", "key"), [case for case in CASES if "ranef" in oracle(case[0])[case[1]]])
def test_conditional_modes_are_those_of_lme4(name, key):
    modes = fitted(name, key).conditional_modes().set_index(["group", "level", "term"])["mode"]
    for group, rows in oracle(name)[key]["ranef"].items():
        swap = group == "subject:site"
        for row in rows:
            level = ":".join(reversed(row["level"].split(":"))) if swap else row["level"]
            for term in set(row) - {"level"}:
                found = modes["site:subject" if swap else group, level, plain(term)]
                assert found == pytest.approx(row[term], abs=2e-4)


@pytest.mark.parametrize(("name", "key"), CASES)
def test_maximum_likelihood_agrees_too(name, key):
    model, expected = fitted(name, key, reml=False), oracle(name)[key]["ML"]
    assert model.criterion == pytest.approx(-2 * expected["logLik"], abs=1e-4)
    np.testing.assert_allclose(model.beta, list(expected["fixef"].values()), atol=1e-5)
    assert model.sigma == pytest.approx(expected["sigma"], abs=1e-4)


def check_means(found, expected, df_column=True):
    np.testing.assert_allclose(found["estimate"], [r["emmean"] for r in expected], atol=1e-5)
    np.testing.assert_allclose(found["se"], [r["SE"] for r in expected], rtol=1e-3)
    limits = ("lower.CL", "upper.CL") if df_column else ("asymp.LCL", "asymp.UCL")
    np.testing.assert_allclose(found["low"], [r[limits[0]] for r in expected], atol=1e-4)
    np.testing.assert_allclose(found["high"], [r[limits[1]] for r in expected], atol=1e-4)
    if df_column:
        np.testing.assert_allclose(found["df"], [r["df"] for r in expected], rtol=1e-2)


def check_pairs(found, expected):
    np.testing.assert_allclose(found["estimate"], [r["estimate"] for r in expected["none"]], atol=1e-5)
    for adjustment, column in (("none", "p"), ("holm", "p_holm"), ("tukey", "p_tukey")):
        np.testing.assert_allclose(found[column], [r["p.value"] for r in expected[adjustment]], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "key", "factor", "at", "entry", "df"),
    [
        ("strategy", "model_emm", "strategy", None, "emmeans_strategy", "satterthwaite"),
        ("strategy", "model_emm", "strategy", None, "emmeans_strategy_z", "z"),
        ("strategy", "model_emm", "strategy", {"n_star": 0}, "emmeans_at_n0", "satterthwaite"),
        ("crossed_nested", "correlated_slope", "treatment", None, "emm", "satterthwaite"),
        ("crossed_nested", "correlated_slope", "treatment", None, "emm_z", "z"),
        ("explain", "uncorrelated", "explainer", None, ("emm_satterthwaite", "explainer"), "satterthwaite"),
        ("explain", "uncorrelated", "explainer", None, ("emm_asymptotic", "explainer"), "z"),
    ],
)
def test_marginal_means_and_their_contrasts_are_those_of_emmeans(name, key, factor, at, entry, df):
    expected = oracle(name)[key]
    for part in (entry,) if isinstance(entry, str) else entry:
        expected = expected[part]
    means = marginal_means(fitted(name, key), factor, at=at, df=df)
    check_means(means.to_frame(), expected["emm"], df == "satterthwaite")
    check_pairs(contrasts(means).to_frame(), expected["pairs"])


@pytest.mark.parametrize(("df", "entry"), [("satterthwaite", "emm_satterthwaite"), ("z", "emm_asymptotic")])
def test_means_over_omega_and_slopes_per_explainer_are_those_of_emmeans(df, entry):
    expected, model = oracle("explain")["uncorrelated"][entry], fitted("explain", "uncorrelated")
    at = {"log_omega": np.log(2.0 ** np.arange(7))}
    check_means(marginal_means(model, "log_omega", at=at, df=df).to_frame(), expected["omega"], df != "z")
    grid = marginal_means(model, ["log_omega", "explainer"], at=at, df=df).to_frame()
    order = grid.assign(explainer=pd.Categorical(grid["explainer"], EXPLAINERS)).sort_values(["log_omega", "explainer"])
    check_means(order, expected["explainer_by_omega"], df != "z")
    if "slopes" in expected:
        slopes = marginal_slopes(model, "log_omega", "explainer", df=df).to_frame()
        np.testing.assert_allclose(slopes["estimate"], [r["log_omega.trend"] for r in expected["slopes"]], atol=1e-5)
        np.testing.assert_allclose(slopes["se"], [r["SE"] for r in expected["slopes"]], rtol=1e-3)


def test_slopes_per_strategy_are_those_of_emmeans():
    expected = oracle("strategy")["model_emm"]["emtrends"]
    slopes = marginal_slopes(fitted("strategy", "model_emm"), "n_star", "strategy").to_frame()
    np.testing.assert_allclose(slopes["estimate"], [r["n_star.trend"] for r in expected], atol=1e-5)
    np.testing.assert_allclose(slopes["se"], [r["SE"] for r in expected], rtol=1e-3)
    np.testing.assert_allclose(slopes["df"], [r["df"] for r in expected], rtol=1e-2)


def test_strategies_coded_as_cell_means_compare_as_in_the_oracle():
    model = fitted("strategy", "model1")
    expected = oracle("strategy")["model1"]["pairwise_intercepts"]
    L = np.array([np.eye(11)[i] - np.eye(11)[j] for i, j in combinations(range(6), 2)])
    found = wald(L, model)
    np.testing.assert_allclose(found["estimate"], [r["estimate"] for r in expected], atol=1e-5)
    np.testing.assert_allclose(found["se"], [r["SE"] for r in expected], rtol=1e-3)
    np.testing.assert_allclose(found["df"], [r["df_satterthwaite"] for r in expected], rtol=1e-2)
    np.testing.assert_allclose(found["p"], [r["p_satterthwaite"] for r in expected], atol=1e-5)


def test_each_term_is_tested_as_by_emmeans():
    found = term_tests(fitted("crossed_nested", "correlated_slope"), df="z").to_frame()
    expected = oracle("crossed_nested")["correlated_slope"]["joint_tests"]
    assert found["term"].tolist() == [r["model term"] for r in expected]
    np.testing.assert_allclose(found["F"], [r["F.ratio"] for r in expected], atol=6e-4)  # printed to three digits
    np.testing.assert_allclose(found["p"], [r["p.value"] for r in expected], atol=1e-5)


def test_formula_expressions_equal_columns_made_before():
    written = mixed_model(
        "fidelity ~ explainer * log(omega) + (1 + PDP + Saliency + LIME + m || dataset:recommender)", data("explain")
    )
    assert written.criterion == pytest.approx(fitted("explain", "uncorrelated").criterion, abs=1e-6)
    means = marginal_means(written, "explainer")  # log(omega) at its mean, not omega at its mean
    expected = oracle("explain")["uncorrelated"]["emm_satterthwaite"]["explainer"]
    check_means(means.to_frame(), expected["emm"])


def check_bootstrap(name, key, n, within, relative):
    expected = oracle(name)[key]["bootstrap_parametric"]
    found = bootstrap_mixed_model(fitted(name, key), n_resamples=n, rng=np.random.default_rng(5)).to_frame()
    found = found[~found["term"].str.startswith("sd ")]
    se = np.array(list(expected["se"].values()))
    assert (np.abs(found["low"] - list(expected["lower"].values())) < within * se).all()
    assert (np.abs(found["high"] - list(expected["upper"].values())) < within * se).all()
    np.testing.assert_allclose(found["se"], se, rtol=relative)


def test_bootstrap_intervals_are_those_of_lme4():
    # The 2.5 % point of 150 draws has a standard error of 0.22 of their spread; the spread itself one of 6 %.
    check_bootstrap("crossed_nested", "intercepts", 150, 0.9, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "key"), [("explain", "uncorrelated"), ("crossed_nested", "intercepts")])
def test_many_bootstrap_intervals_are_those_of_lme4(name, key):
    check_bootstrap(name, key, 500, 0.6, 0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "n", "within", "relative"), [("model1", 500, 0.9, 0.25), ("model2", 500, 0.6, 0.15)])
def test_bootstrap_intervals_of_the_strategy_models_are_those_of_lme4(key, n, within, relative):
    check_bootstrap("strategy", key, n, within, relative)


def planted(groups=30, each=10, slope=0.5, seed=0):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    table = pd.DataFrame({"g": [f"g{k:02d}" for k in g], "x": rng.normal(size=len(g))})
    table["y"] = slope * table["x"] + rng.normal(size=groups)[g] + 0.5 * rng.normal(size=len(g))
    return table


def test_resampling_whole_groups_agrees_with_wald():
    table = planted()
    model = mixed_model("y ~ x + (1 | g)", table)
    boot = bootstrap_mixed_model(model, clusters=table["g"], n_resamples=100, rng=np.random.default_rng(0)).to_frame()
    np.testing.assert_allclose(boot["se"][:2], model.to_frame()["se"], rtol=0.3)
    assert boot["term"].tolist() == ["Intercept", "x", "sd Intercept by g", "sigma"]


def test_estimates_do_not_depend_on_units():
    table = planted()
    base = mixed_model("y ~ x + (1 + x | g)", table).to_frame()
    far = mixed_model("y ~ x + (1 + x | g)", table.assign(x=table["x"] * 1e3, y=table["y"] * 1e-3)).to_frame()
    np.testing.assert_allclose(far["df"], base["df"], rtol=1e-3)
    np.testing.assert_allclose(far["p"], base["p"], rtol=1e-2)
    np.testing.assert_allclose(far["estimate"] * [1e3, 1e6], base["estimate"], rtol=1e-5)


def test_many_groups_take_the_sparse_way_to_the_same_numbers(monkeypatch):
    dense = mixed_model("y ~ x + (1 + x | g)", planted())
    dense_table, dense_modes = dense.to_frame(), dense.conditional_modes()
    monkeypatch.setattr("earwitness.stats._deviance.DENSE", 7)
    sparse = mixed_model("y ~ x + (1 + x | g)", planted())
    np.testing.assert_allclose(sparse.to_frame()["df"], dense_table["df"], rtol=1e-6)
    np.testing.assert_allclose(sparse.conditional_modes()["se"], dense_modes["se"], rtol=1e-9)
    np.testing.assert_allclose(sparse.conditional_modes()["mode"], dense_modes["mode"], rtol=1e-9)


def test_a_group_with_one_row_counts_for_what_it_is_worth():
    table = planted()
    model = mixed_model("y ~ x + (1 | g)", pd.concat([table, table.iloc[[0]].assign(g="alone")]))
    modes = model.conditional_modes().set_index("level")
    assert modes.loc["alone", "se"] > modes.loc["g00", "se"]
    assert not model.singular


def test_rows_with_missing_values_are_left_out_and_counted():
    table = planted()
    table.loc[[3, 7], "y"] = np.nan
    model = mixed_model("y ~ x + (1 | g)", table)
    assert (model.n, model.dropped) == (298, 2)
    assert "2 rows with missing values left out" in str(model)


def test_no_variance_between_groups_is_a_singular_fit_that_says_so():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(20, 10))
    table = pd.DataFrame({"y": (y - y.mean(1, keepdims=True)).ravel(), "g": np.repeat(np.arange(20), 10)})
    model = mixed_model("y ~ 1 + (1 | g)", table)
    assert model.singular
    assert "singular fit: Intercept by g estimated as zero" in str(model)
    assert np.isfinite(model.to_frame()[["low", "high"]]).all(axis=None)


@pytest.mark.parametrize(
    ("formula", "change", "message"),
    [
        ("y ~ x + (1 | h)", {}, "no column 'h'"),
        ("y ~ yy + (1 | g)", {}, "did you mean 'y'"),
        ("y ~ x + f + (1 | g)", {"f": "only"}, "factor 'f' has one level only"),
        ("y ~ x + (1 | f)", {"f": "only"}, "grouping 'f' has one group only"),
        ("y ~ x + (1 | f)", {"f": lambda t: np.arange(len(t))}, "cannot be told from the residual"),
        ("y ~ x + z + (1 | g)", {"z": lambda t: 2 * t["x"] - 1}, "collinear: z"),
        ("y ~ x + (1 + z | g)", {"z": 3.0}, "collinear: z by g"),
        ("y ~ x + (1 | g)", {"y": 1.0}, "response is constant"),
        ("y ~ x + (1 | g)", {"y": lambda t: 2 * t["x"]}, "without any residual"),
        ("y ~ x + (1 | g)", {"y": np.nan}, "no row has a value"),
        ("y ~ log(x) + (1 | g)", {"x": 0.0}, "infinite values"),
        ("y ~ x + (1 | g)", {"y": "a"}, "text or truth values"),
        ("y ~ x", {}, "no random effect"),
        ("y ~ s(x) + (1 | g)", {}, "use `additive_model`"),
        ("y ~ x + (1 | g) + (1 + x | g)", {}, "stands twice"),
        ("y ~ x + 1 | g", {}, "write them in brackets"),
        ("y = x + (1 | g)", {}, "needs one '~'"),
        ("y ~ x + (1 | g*x)", {}, "cannot read the groups"),
        ("y ~ x + * + (1 | g)", {}, "cannot read"),
    ],
)
def test_bad_input_is_named_and_mended(formula, change, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        mixed_model(formula, planted().assign(**change))


def test_an_empty_cell_of_an_interaction_is_named():
    table = planted()
    table["a"] = np.where(np.arange(len(table)) % 2, "p", "q")
    table["b"] = np.where(np.arange(len(table)) % 4 == 1, "u", "v")
    with pytest.raises(InputError, match="empty cell of an interaction"):
        mixed_model("y ~ a * b + (1 | g)", table)


def test_means_of_unknown_columns_are_refused():
    model = mixed_model("y ~ x + (1 | g)", planted())
    with pytest.raises(InputError, match="no column 'z'"):
        marginal_means(model, "z")
    with pytest.raises(InputError, match="`at` names 'w'"):
        marginal_means(model, "x", at={"w": 1})
    with pytest.raises(InputError, match="nothing to compare"):
        contrasts(marginal_means(model, "x"))
    with pytest.raises(InputError, match="choose 'satterthwaite' or 'z'"):
        model.to_frame(df="residual")
