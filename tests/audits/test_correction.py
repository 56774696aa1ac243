"""The audit of corrections: what should help helps, what should not does not, and nothing has seen the tested clips."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.audits import bias, correction
from earwitness.audits._corrected import correct, correct_by_class
from earwitness.audits._crossed import lessons
from earwitness.audits._domains import ask, coordinates, plan
from earwitness.audits._geometry import Geometry
from earwitness.audits._judged import grounds, judge
from earwitness.audits._logistic import cost_of, fit_logistic
from earwitness.audits._removal import random_changes, scores_without
from earwitness.correction import METHODS
from earwitness.errors import InputError
from earwitness.results import AuditResult

_SPEC = importlib.util.spec_from_file_location("planted_bias", Path(__file__).with_name("planted_bias.py"))
planted_bias = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(planted_bias)
biased, fair = planted_bias.biased, planted_bias.fair

FEW = {"n_resamples": 200}
ASKED = {
    "label": "label", "domain": "domain", "group": None, "stratum": None, "absent": None, "least": 5, "most": 2000,
    "seed": 0,
}  # fmt: skip
ACROSS = {"of": "across ROC-AUC", "class": ""}


@pytest.fixture(scope="module")
def planted() -> AuditResult:
    embeddings, _ = biased(n=160, correlated=True)
    return correction(embeddings, methods=("mean", "leace", "zscore"), by_class=False, **FEW)


def change(result, name):
    return result.estimate("change", correction=name, **ACROSS)


def test_a_planted_bias_is_taken_out_by_what_should_and_not_by_what_should_not(planted):
    before = planted.estimate("across ROC-AUC", correction="none", train="", **{"class": ""})
    assert before.high < 0.4
    assert change(planted, "mean").low > 0.3  # the means differ along the planted direction, and by nothing else
    assert change(planted, "zscore").high < 0.1  # a class is marked the other way round: moving domains mends nothing
    assert planted.estimate("random change", correction="mean").high < change(planted, "mean").low
    assert planted.verdicts[0].status == "holds"
    assert "mean" in planted.verdicts[0].text
    assert planted.parameters["best"] in ("mean", "leace")


def test_the_oracle_is_what_probes_reach_within_the_tested_domain(planted):
    oracle = planted.estimate("across ROC-AUC", correction="oracle", **{"class": ""})
    within = planted.estimate("within ROC-AUC", correction="none", train="", **{"class": ""})
    assert (oracle.value, oracle.low, oracle.high) == (within.value, within.low, within.high)


def test_the_discriminants_normal_leaves_the_domain_where_equal_means_take_it_out_for_a_linear_probe():
    # Features correlate, so that the normal is far from the difference of the means.
    embeddings = fair(n=160, dims=10, seed=3)
    mixed = (
        embeddings.vectors
        @ np.diag(np.logspace(0.5, -1, 10))
        @ np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    )
    shift = np.outer(embeddings.column("domain") == "v", np.linalg.svd(mixed, full_matrices=False)[2][0])
    moved = replace(embeddings, vectors=(mixed + 14 * shift).astype("f4"))
    result = correction(moved, methods=("lda", "mean", "leace"), by_class=False, **FEW)
    told = {r["correction"]: r for _, r in result.rows("domain ROC-AUC, linear").iterrows()}
    assert told["none"]["low"] > 0.9
    assert told["lda"]["low"] > 0.8
    assert told["mean"]["high"] < 0.65
    assert told["leace"]["high"] < 0.65
    assert "can still be told after lda" in result.verdicts[1].text


def test_p_values_are_adjusted_over_corrections(planted):
    p = planted.rows("change p").set_index("correction")["value"]
    adjusted = planted.rows("adjusted p").set_index("correction")["value"]
    assert (adjusted >= p).all()
    assert adjusted.min() == pytest.approx(min(1, p.min() * len(p)))


def test_a_kernels_features_are_another_space_and_no_correction():
    # A ring: the class is the distance from the middle, which only the kernel's probes can read.
    rng = np.random.default_rng(0)
    y, d = np.arange(120) % 2, (np.arange(120) // 2) % 2
    angle = rng.uniform(0, 2 * np.pi, 120)
    X = (1 + 2 * y)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.2 * rng.normal(size=(120, 2))
    embeddings = planted_bias.build(
        np.c_[X, rng.normal(size=(120, 2))], np.array(["in", "out"])[y], np.array(["u", "v"])[d]
    )
    result = correction(embeddings, methods=("klda",), by_class=False, **FEW)
    assert result.parameters["corrections"] == ["k", "klda"]
    assert change(result, "k").low > 0.2
    across = {
        r["correction"]: r["value"] for _, r in result.rows("across ROC-AUC", train="", **{"class": ""}).iterrows()
    }
    assert change(result, "klda").value == pytest.approx(across["klda"] - across["k"])
    assert result.parameters["best"] == "klda"
    assert result.verdicts[0].status != "holds"


def test_where_nothing_is_to_be_gained_no_correction_helps():
    result = correction(fair(n=120), methods=("lda", "mean", "leace"), by_class=False, **FEW)
    assert result.verdicts[0].status != "holds"
    assert "No correction helps here" in result.verdicts[0].text
    assert "would gain" in result.verdicts[0].text


def test_the_uncorrected_scores_are_those_of_the_audit_of_bias():
    embeddings, _ = biased(n=120)
    scores = correction(embeddings, methods=("mean",), by_class=False, **FEW)
    known = bias(embeddings, **FEW)
    for measure in ("within ROC-AUC", "across ROC-AUC"):
        one = scores.estimate(measure, correction="none", train="", **{"class": ""})
        other = known.estimate(measure, train="", test="", **{"class": ""})
        assert one.value == pytest.approx(other.value, abs=1e-3)  # items of the other are rounded to six decimals


def question_of(embeddings, **options):
    question = ask(embeddings, **{**ASKED, **options})
    return question, lessons(question, plan(question, 5, 0), 0)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("none", "random")])
def test_what_is_tested_is_not_learnt_from(method):
    rng = np.random.default_rng(0)
    embeddings = fair(n=120, dims=6)
    table = embeddings.clips.assign(genre=rng.choice(["x", "y"], 120))
    question, taught = question_of(replace(embeddings, clips=table), stratum="genre")
    lesson = taught[0]
    Z = coordinates(question, lesson.train)
    spoilt = Z.copy()
    spoilt[lesson.test] = 100 * rng.normal(size=(len(lesson.test), 6))
    found, other = (correct(method, question, lesson, X, X, 0) for X in (Z, spoilt))
    for one, two in zip(found.vectors, other.vectors, strict=True):
        np.testing.assert_allclose(one[lesson.train], two[lesson.train], atol=1e-9)
    # And labels of the tested clips are not looked at.
    blind = replace(question, truth=np.where(np.isin(np.arange(120), lesson.test)[:, None], 0, question.truth))
    for one, two in zip(correct_by_class("mean by class", question, lesson, Z),
                        correct_by_class("mean by class", blind, lesson, Z), strict=True):  # fmt: skip
        np.testing.assert_array_equal(one.vectors[0], two.vectors[0])


@pytest.mark.parametrize(("dims", "removed"), [(200, 1), (200, 6), (12, 2)])
def test_probes_without_directions_are_those_learnt_anew(dims, removed):
    rng = np.random.default_rng(0)
    X, asked, y = rng.normal(size=(60, dims)), rng.normal(size=(30, dims)), rng.random(60) < 0.4
    X[:, 0] += y
    V = np.linalg.qr(rng.normal(size=(dims, 3 * removed)))[0].T.reshape(3, removed, dims)
    one = fit_logistic(Geometry.of(X), y, 0.1)
    Z, Z_asked = (np.einsum("nd,brd->nbr", part, V) for part in (X, asked))
    found = scores_without(X @ X.T, asked @ X.T, Z, Z_asked, y, cost_of(y, 0.1), one)
    for draw in range(3):
        less, less_asked = (part - part @ V[draw].T @ V[draw] for part in (X, asked))
        again = fit_logistic(Geometry.of(less), y, 0.1)
        np.testing.assert_allclose(found[:, draw], less_asked @ (less.T @ again.alpha) + again.intercept, atol=1e-3)


def test_removing_all_but_nothing_changes_nothing_and_removing_all_leaves_chance():
    embeddings, _ = biased(n=120, strength=0.0)
    question, taught = question_of(embeddings)
    starts = grounds(question, taught, 0)
    assert not random_changes(question, starts, "linear", [0] * 5, 3, 0).any()
    lost = random_changes(question, starts, "linear", [11] * 5, 8, 0)
    level = judge("none", question, starts, 0)
    assert lost.mean() < -0.02
    assert level.removed == [0] * 5


@pytest.mark.slow
def test_with_three_domains_a_correction_is_also_tried_on_one_that_it_has_not_seen():
    result = correction(fair(n=120, domains=3), methods=("mean", "zscore"), by_class=False, **FEW)
    unseen = set(result.rows("left-out ROC-AUC")["correction"])
    assert unseen == {"none", "mean"}  # standardising by domain needs clips of the domain
    assert result.estimate("left-out ROC-AUC", correction="none").value > 0.6


def test_strata_are_asked_for_by_name_and_what_is_impossible_is_told():
    embeddings = fair(n=60, dims=6)
    with pytest.raises(InputError, match="'mlda' needs a column of strata"):
        correction(embeddings, methods=("mlda",))
    with pytest.raises(InputError, match=r"no correction 'ldaa'\. Did you mean 'lda'"):
        correction(embeddings, methods=("ldaa",))
    with pytest.raises(InputError, match="n_random is 5"):
        correction(embeddings, n_random=5)
    rare = embeddings.clips.assign(genre=[f"genre {i // 4}" for i in range(60)])
    result = correction(
        replace(embeddings, clips=rare), methods=("mlda", "lda"), by_class=False, stratum="genre", **FEW
    )
    assert result.parameters["corrections"] == ["lda"]
    assert "Not possible: mlda" in result.verdicts[0].text


def test_the_same_seed_gives_the_same_result_and_it_is_read_back():
    embeddings, _ = biased(n=80)
    one, other = (correction(embeddings, methods=("mean",), by_class=False, n_resamples=50) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, other.table)
    assert AuditResult.from_json(one.to_json()).verdicts == one.verdicts
    bare = one.table[one.table["low"].isna()]
    assert (bare["note"] != "").all()


def test_where_the_means_of_the_domains_coincide_no_direction_is_left(planted):
    cosines = planted.rows("cosine").set_index("correction")
    assert cosines.loc["none", "value"] > 0.3
    for name in ("mean", "leace", "zscore"):
        assert np.isnan(cosines.loc[name, "value"])
        assert "no direction is left" in cosines.loc[name, "note"]
