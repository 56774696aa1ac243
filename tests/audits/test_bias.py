"""The audit of bias: closed forms, scikit-learn's numbers, planted effects, and nothing where there is nothing."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from earwitness.audits import bias, why_no_bias
from earwitness.audits._bias_scores import points
from earwitness.audits._crossed import auc_of, lessons
from earwitness.audits._directions import Shrunk, contrast
from earwitness.audits._domains import ask, plan
from earwitness.audits._geometry import Geometry, gaussian, standardised
from earwitness.audits._logistic import fit_logistic
from earwitness.audits._sampling import equal_sample, keep_mix, stratified_resamples
from earwitness.audits._shuffled import CosineTest, DropTest, domain_test, p_value, shuffles
from earwitness.errors import InputError
from earwitness.results import AuditResult

_SPEC = importlib.util.spec_from_file_location("planted_bias", Path(__file__).with_name("planted_bias.py"))
planted_bias = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(planted_bias)
biased, build, fair = planted_bias.biased, planted_bias.build, planted_bias.fair

FEW = {"n_resamples": 200}
WHOLE = {"train": "", "test": "", "class": ""}
ASKED = {
    "label": "label", "domain": "domain", "group": None, "stratum": None, "absent": None, "least": 5, "most": 2000,
    "seed": 0,
}  # fmt: skip


@pytest.mark.parametrize(("n", "d"), [(40, 90), (120, 15)])  # between clips, and between features
@pytest.mark.parametrize("strength", [1e-3, 1.0])
def test_probes_are_scikit_learns_logistic_regression(n, d, strength):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(n, d)) + 2, rng.random(n) < 0.3
    X -= X.mean(0)
    found = fit_logistic(Geometry.of(X), y, strength)
    theirs = LogisticRegression(C=strength, class_weight="balanced", tol=1e-12, max_iter=20_000).fit(X, y)
    np.testing.assert_allclose(X.T @ found.alpha, theirs.coef_[0], atol=1e-6 * np.abs(theirs.coef_).max())
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=1e-6)


def test_a_probe_of_one_side_says_nothing():
    found = fit_logistic(Geometry.of(np.eye(4)), np.zeros(4, bool), 1.0)
    assert not found.alpha.any()
    assert found.intercept == 0


@pytest.mark.parametrize(("n", "d"), [(30, 50), (60, 8)])
def test_the_direction_is_the_discriminant_of_the_shrunk_covariance_within_domains(n, d):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5
    member = np.repeat([0, 1], [n // 3, n - n // 3])
    clips = Geometry.of(X)
    shrunk = Shrunk.of(clips)
    w = X.T @ shrunk.directions(contrast(member, 0)[:, None])[:, 0]
    assert shrunk.intensity == pytest.approx(ledoit_wolf_shrinkage(X), abs=1e-10)
    within = np.concatenate([X[member == k] - X[member == k].mean(0) for k in (0, 1)])
    S = (1 - shrunk.intensity) * within.T @ within / n + shrunk.ridge * np.eye(d)
    written_out = np.linalg.solve(S, X[member == 1].mean(0) - X[member == 0].mean(0))
    cosine = w @ written_out / np.linalg.norm(w) / np.linalg.norm(written_out)
    assert cosine == pytest.approx(1, abs=1e-9)


def test_cosines_between_weights_are_those_of_the_coefficients():
    rng = np.random.default_rng(3)
    X, a, b = rng.normal(size=(20, 40)), rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    expected = [
        (X.T @ a[:, k]) @ (X.T @ b[:, k]) / np.linalg.norm(X.T @ a[:, k]) / np.linalg.norm(X.T @ b[:, k])
        for k in range(3)
    ]
    np.testing.assert_allclose(Geometry.of(X).cosine(a, b), expected, atol=1e-12)
    np.testing.assert_allclose(Geometry(X, None).cosine(a, b), expected, atol=1e-12)


def test_the_gaussian_kernel_has_length_one_and_the_median_width():
    X = np.array([[0.0], [1.0], [3.0]])  # distances 1, 2, 3
    gram = gaussian(X).gram
    np.testing.assert_allclose(np.diag(gram), 1)
    assert gram[0, 1] == pytest.approx(np.exp(-1 / 8))


def test_features_that_hardly_vary_are_left_out():
    X = np.random.default_rng(0).normal(size=(50, 4)) * [1, 1, 1e-9, 1] + [0, 0, 1, 0]
    found = standardised(X)
    assert not found[:, 2].any()
    np.testing.assert_allclose(found[:, [0, 1, 3]].std(0), 1)


@given(st.integers(0, 1000), st.integers(2, 60))
@settings(deadline=None, max_examples=40)
def test_areas_are_scikit_learns_with_ties(seed, n):
    rng = np.random.default_rng(seed)
    truth, scores = np.arange(n) % 2 == 0, rng.integers(0, 5, (n, 2)).astype(float)
    expected = [roc_auc_score(truth, scores[:, k]) for k in (0, 1)]
    np.testing.assert_allclose(auc_of(np.stack([truth, truth], 1), scores), expected, atol=1e-12)


def test_published_samples_truncate_each_genre():
    # IRMAS's cello: 84 + 23 + 187 clips, cut to OpenMIC's 290; 288 in the paper.
    genres = np.repeat(["pop_rock", "jazz_blue", "classical"], [84, 23, 187])
    rng = np.random.default_rng(42)
    assert len(keep_mix(genres, 290, rng, exact=False)) == 288
    kept = genres[keep_mix(genres, 290, rng)]
    assert len(kept) == 290
    assert [int((kept == name).sum()) for name in ("pop_rock", "jazz_blue", "classical")] == [83, 23, 184]


@given(st.integers(0, 200))
@settings(deadline=None, max_examples=30)
def test_equal_samples_are_equal_and_keep_the_mix(seed):
    rng = np.random.default_rng(seed)
    truth, member = rng.integers(-1, 2, 300).astype(np.int8), rng.integers(0, 3, 300)
    strata = rng.choice(["x", "y"], 300, p=[0.8, 0.2])
    found = equal_sample(truth, member, strata, rng)
    for side in (0, 1):
        sizes = {int((truth[rows] == side).sum()) for rows in found}
        assert sizes == {min(int(((member == d) & (truth == side)).sum()) for d in range(3))}
    for d, rows in enumerate(found):
        assert (member[rows] == d).all()
        for side in (0, 1):
            before, after = (member == d) & (truth == side), truth[rows] == side
            share = (strata[before] == "x").mean() * after.sum()
            assert abs((strata[rows][after] == "x").sum() - share) <= 1


def test_resamples_keep_every_stratum_and_draw_groups_whole():
    units, strata = np.repeat(np.arange(20), 3), np.repeat([0, 1], 30)
    found = stratified_resamples(units, strata, 50, 0)
    np.testing.assert_array_equal(found.weights[:, strata == 0].sum(1), 30)
    assert (found.weights[:, 0::3] == found.weights[:, 1::3]).all()
    assert found.units == 20


def test_the_planted_direction_is_found_within_five_degrees():
    rng = np.random.default_rng(0)  # 8,000 clips, 20 dimensions, a shift of three standard deviations
    d = np.arange(8000) % 2
    u = rng.normal(size=20)
    u /= np.linalg.norm(u)
    X = rng.normal(size=(8000, 20)) + 3 * np.outer(d, u)
    Z = standardised(X)
    w = Z.T @ Shrunk.of(Geometry.of(Z)).directions(contrast(d, 0)[:, None])[:, 0] / X.std(0)
    assert np.degrees(np.arccos(abs(w @ u) / np.linalg.norm(w))) < 5


def test_planted_bias_is_found_and_its_harm_measured():
    embeddings, _ = biased()
    result = bias(embeddings, **FEW)
    within, across, drop = (result.estimate(m, **WHOLE) for m in ("within ROC-AUC", "across ROC-AUC", "drop"))
    assert within.value > 0.95
    assert across.value < 0.3
    assert drop.low > 0.5
    assert drop.value == pytest.approx(within.value - across.value)
    assert [v.status for v in result.verdicts][:2] == ["breaks", "breaks"]
    assert result.estimate("domain ROC-AUC, linear", **WHOLE).low > 0.6
    assert result.estimate("shuffle p", of="drop", **{"class": ""}).value < 0.01


def test_a_shift_alone_is_known_but_does_no_harm():
    embeddings = fair(n=180)
    shift = np.where(embeddings.column("domain") == "u", 2.0, 0.0)
    moved = replace(embeddings, vectors=embeddings.vectors + np.outer(shift, np.eye(20)[15]).astype("f4"))
    result = bias(moved, **FEW)
    assert result.verdicts[0].status != "breaks"
    assert "No effect found" in result.verdicts[0].text
    assert result.verdicts[1].status == "breaks"


def test_where_nothing_was_planted_the_verdicts_say_so():
    result = bias(fair(), **FEW)
    assert all("No effect found" in verdict.text for verdict in result.verdicts)
    assert "breaks" not in {verdict.status for verdict in result.verdicts}


def test_the_tests_hold_their_level():
    passed = {"drop": 0, "domain": 0, "cosine": 0}
    for seed in range(30):
        question = ask(fair(n=48, dims=10, seed=seed), **ASKED)
        planned = plan(question, 3, seed)
        taught, clips = lessons(question, planned, seed), Geometry.of(standardised(question.embeddings.vectors))
        members = np.vstack([question.member, shuffles(question, planned.test, 39, seed)])
        drop, cosine = DropTest(question, clips, taught), CosineTest(question, clips)
        drops = np.array([drop(m) for m in members])
        cosines = np.array([np.nanmean(cosine(m).classwise) for m in members])
        told = domain_test(clips, taught, members, 2)
        for name, values in (("drop", drops), ("cosine", cosines), ("domain", told)):
            passed[name] += p_value(values[0], values[1:]) <= 0.1
    # 3 of 30 are expected; more than 8 by chance happens once in 500.
    assert max(passed.values()) <= 8
    assert sum(passed.values()) >= 2  # and they are not blind


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_with_no_bias_planted_the_audit_says_so_95_times_in_100():
    said = 0
    for seed in range(100):
        result = bias(fair(seed=seed), seed=seed, n_resamples=100)
        said += "breaks" not in {verdict.status for verdict in result.verdicts}
    assert said >= 91  # 95 are expected at least; fewer than 91 by chance once in 35


def test_shuffles_keep_labels_folds_and_groups():
    embeddings = fair(n=90)
    groups = [f"g{i // 2}" for i in range(90)]
    domain = np.where(np.arange(90) // 2 % 2, "u", "v")
    table = embeddings.clips.assign(group=groups, label=np.repeat(["a", "b", "c"], 30), domain=domain)
    embeddings = replace(embeddings, clips=table)
    question = ask(embeddings, **{**ASKED, "group": "group"})
    planned = plan(question, 3, 0)
    for member in shuffles(question, planned.test, 20, 0):
        for fold in range(3):
            for k in range(3):
                here = (planned.test == fold) & (question.truth[:, k] == 1)
                assert (member[here] == 0).sum() == (question.member[here] == 0).sum()


def test_scale_and_place_of_features_make_no_difference():
    embeddings = fair(n=60, dims=8)
    moved = replace(embeddings, vectors=(embeddings.vectors * np.logspace(-2, 2, 8) + 7).astype("f4"))
    one, other = (bias(e, n_resamples=50).table for e in (embeddings, moved))
    np.testing.assert_allclose(one["value"], other["value"], atol=5e-3)  # float32 vectors, ranks of near ties


def test_the_same_seed_gives_the_same_result_and_items_give_the_scores_again():
    result = bias(fair(n=60, dims=8), n_resamples=50)
    again = bias(fair(n=60, dims=8), n_resamples=50)
    pd.testing.assert_frame_equal(result.table, again.table)
    kept = AuditResult.from_json(result.to_json())
    found = points(kept.items, kept.parameters["classes"], kept.parameters["domains"])
    assert found["drop", "", "", ""] == pytest.approx(result.estimate("drop", **WHOLE).value, abs=1e-12)


def test_every_number_has_an_interval_or_says_why_not():
    table = bias(fair(n=60, dims=8), n_resamples=50).table
    bare = table[table["low"].isna()]
    assert (bare["note"] != "").all()
    assert table["n"].gt(0).all()


def test_controls_are_compared_clip_by_clip():
    embeddings, _ = biased(n=120)
    control = bias(
        replace(fair(n=120, classes=2, dims=6), clips=embeddings.clips, encoder="mfcc"), role="control", **FEW
    )
    result = bias(embeddings, controls=[control], **FEW)
    difference = result.estimate("difference", of="drop", control="mfcc")
    assert difference.value == pytest.approx(
        result.estimate("drop", **WHOLE).value - control.estimate("drop", **WHOLE).value
    )
    assert difference.low > 0.3
    assert "mfcc" in result.verdicts[0].controls
    with pytest.raises(InputError, match="classes"):
        bias(fair(n=120), controls=[control], **FEW)


def test_where_nothing_can_be_shuffled_no_test_is_claimed():
    embeddings = fair(n=60, dims=6)
    table = embeddings.clips.assign(genre=embeddings.clips["domain"])  # each stratum lies in one domain
    result = bias(replace(embeddings, clips=table), stratum="genre", **FEW)
    assert all(verdict.text.startswith("No test could be made") for verdict in result.verdicts)
    assert {verdict.status for verdict in result.verdicts} <= {"open", "holds"}


def test_three_domains_have_nine_cells_and_each_is_parted_from_the_others():
    result = bias(fair(n=180, domains=3), n_resamples=50)
    assert len(result.rows("ROC-AUC")) == 9
    assert len(result.rows("pair drop")) == 6
    assert set(result.rows("domain ROC-AUC, linear")["test"]) == {"", "u", "v", "w"}
    assert set(result.rows("cosine")["train"]) == {"", "u", "v", "w"}


def test_what_a_partly_labelled_domain_does_not_name_is_unknown():
    label = ["a|-b", "b|-a", "a", "-a|-b", ""] * 6 + ["a", "b", "a|b", "c", "b"] * 6
    domain = ["part"] * 30 + ["full"] * 30
    embeddings = build(np.random.default_rng(0).normal(size=(60, 5)), label, domain)
    question = ask(embeddings, **ASKED)
    assert question.classes == ("a", "b")  # c is in one domain only
    by_clip = dict(zip(question.embeddings.column("clip"), question.truth.tolist(), strict=True))
    assert [by_clip[f"clip-{i:04d}"] for i in range(4)] == [[1, 0], [0, 1], [1, -1], [0, 0]]
    assert [by_clip[f"clip-{i:04d}"] for i in (30, 32)] == [[1, 0], [1, 1]]
    assert question.left_out == {"without a label": 6, "classes too rare in a domain": ["c"]}
    absent = embeddings.clips.assign(label=["a", "b"] * 30, absent=["b", "a"] * 15 + [""] * 30)
    other = ask(replace(embeddings, clips=absent), **{**ASKED, "absent": "absent"})
    assert not (other.truth < 0).any()


def test_partly_labelled_clips_are_audited():
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c"])
    y = rng.integers(0, 3, 150)
    X = rng.normal(size=(150, 8)) + 2 * np.eye(8)[y]
    label = [f"{names[k]}|-{names[(k + 1) % 3]}" if i < 75 else names[k] for i, k in enumerate(y)]
    result = bias(build(X, label, ["part"] * 75 + ["full"] * 75), n_resamples=50)
    assert "unknown" in result.items
    assert result.parameters["shuffled within"] == "rarest class"  # no two domains know the same of a clip
    assert result.estimate("shuffle p", of="domain ROC-AUC, linear", **{"class": ""}).value > 0.02
    assert result.estimate("within ROC-AUC", **WHOLE).value > 0.8


OPTIONS = {
    "fewer clips than folds": {"least": 2, "folds": 7},
    "one fold": {"folds": 1},
    "few shuffles": {"n_shuffles": 50},
    "no column": {"domain": "dataset"},
}


def spoilt(what):
    embeddings = fair(n=60, dims=8)
    table, X, options = embeddings.clips.copy(), embeddings.vectors.copy(), OPTIONS.get(what, {})
    if what == "one domain":
        table["domain"] = "u"
    elif what == "labels equal domains":
        table["label"] = np.where(table["domain"] == "u", "a", "b")
    elif what == "class absent":
        table = table.assign(label=np.where(table["domain"] == "u", table["label"], "a"))
    elif what == "fewer clips than folds":
        table["domain"] = np.where(np.arange(60) < 54, "u", "v")
    elif what == "constant":
        X[:] = 3
    elif what == "nan":
        X[5, 2] = np.nan
    elif what == "both has and has not":
        table.loc[3, "label"] = "a|-a"
    return replace(embeddings, clips=table, vectors=X), options


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("one domain", "needs two domains or more in 'domain', and there is only 'u'"),
        ("labels equal domains", "'label' says the same as 'domain'"),
        ("class absent", "no class of 'label' .* has 5 clips with it and 5 without in each domain"),
        ("fewer clips than folds", "domain 'v' has 6 clips, fewer than the 7 folds"),
        ("constant", "the same vector"),
        ("nan", "1 vector of planted hold NaN or infinity"),
        ("both has and has not", "clip 'clip-0003' both has and has not 'a'"),
        ("one fold", "folds is 1"),
        ("few shuffles", "n_shuffles is 50: give 200"),
        ("no column", "no column 'dataset'"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(what, sentence):
    embeddings, options = spoilt(what)
    with pytest.raises(InputError, match=sentence):
        bias(embeddings, **{**FEW, **options})


def test_more_dimensions_than_clips_and_dead_features_are_no_hindrance():
    embeddings = fair(n=60, dims=300)
    X = embeddings.vectors.copy()
    X[:, 100:150] = 7
    result = bias(replace(embeddings, vectors=X), n_resamples=50)
    assert result.table.loc[result.table["measure"] != "change", "value"].notna().all()


def test_large_collections_are_drawn_from_evenly():
    result = bias(fair(n=400, dims=6), most=90, n_resamples=50)
    assert result.parameters["clips"] == 90
    assert result.parameters["clips by domain"] == [45, 45]
    assert "all but 90 clips" in result.verdicts[0].text


def test_why_bias_cannot_be_asked_is_said_before_anything_is_embedded():
    table = fair(n=60).clips
    assert why_no_bias(table, label="label", domain="domain") == ""
    assert "--domain" in why_no_bias(table, label="label", domain=None)
    assert "two domains" in why_no_bias(table.assign(domain="x"), label="label", domain="domain")
