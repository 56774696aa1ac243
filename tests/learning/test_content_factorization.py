"""The factorisation minimises what it says it does, step by step (tests/oracles/multisource/wmf.json)."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.learning.cold_start import ColdStart, cold_start_ndcg, fit_without, ndcg, ranked, user_scores
from earwitness.learning.content_factorization import (
    ContentFactors,
    Penalties,
    drawn_start,
    factorize,
    objective,
)

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "multisource" / "wmf.json").read_text())
R, X = sp.csr_matrix(np.array(ORACLE["R"])), np.array(ORACLE["X"])
START = ContentFactors(*(np.array(ORACLE["init"][name]) for name in "UVW"))
CASES = [pytest.param(case, id=f"{case['name']}-{case['variant']}") for case in ORACLE["cases"]]


def penalties(case, iterations):
    return Penalties(
        factors=3,
        iterations=iterations,
        alpha=case["alpha"],
        user=case["lambda_u"],
        item=case["lambda_v"],
        content=case["lambda_w"],
        variant=case["variant"],
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("iterations", [1, 15])
def test_factors_and_objective_are_those_of_the_oracle(case, iterations):
    found = factorize(R, X, penalties(case, iterations), start=START)
    wanted = case["after"][str(iterations)]
    for values, name in ((found.users, "U"), (found.items, "V"), (found.content, "W")):
        np.testing.assert_allclose(values, wanted[name], atol=1e-8)
    assert found.trace[-1] == pytest.approx(wanted["objective"], abs=1e-8)
    np.testing.assert_allclose(found.trace, case["objective_trace"][: iterations + 1], atol=1e-8)


@given(seed=st.integers(0, 2**32 - 1), wide=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_objective_never_rises(seed, wide):
    rng = np.random.default_rng(seed)
    counts = sp.random(12, 15, 0.3, format="csr", rng=rng, data_rvs=lambda n: rng.integers(1, 9, n).astype(float))
    content = rng.normal(size=(15, 20 if wide else 4))
    asked = Penalties(factors=3, iterations=10, alpha=0.5, user=0.2, item=0.5, content=0.3)
    trace = np.array(factorize(counts, content, asked, start=drawn_start(12, 15, content.shape[1], 3, rng)).trace)
    assert (np.diff(trace) <= 1e-9 * trace[:-1]).all()


@pytest.mark.parametrize("width", [4, 11])
def test_at_the_minimum_the_numerical_gradient_of_every_block_is_zero(width):
    # Where nothing moves any more, all three blocks are at their minimum given the others.
    rng = np.random.default_rng(width)
    content = rng.normal(size=(7, width))
    asked = Penalties(factors=2, iterations=2500, alpha=0.5, user=0.2, item=0.5, content=0.3)
    found = factorize(R, content, asked, start=drawn_start(5, 7, width, 2, rng))
    parts = {"users": found.users, "items": found.items, "content": found.content}

    def gradient(block, at):
        slopes = np.zeros_like(at)
        for place in np.ndindex(at.shape):
            step = np.zeros_like(at)
            step[place] = 1e-5
            moved = [ContentFactors(**(parts | {block: at + sign * step})) for sign in (1, -1)]
            up, down = (objective(R, content, each, asked) for each in moved)
            slopes[place] = (up - down) / 2e-5
        return slopes

    for block, values in parts.items():
        # Rounding of J, some 10, at steps of 1e-5 leaves 1e-10; the rest is what 2,500 rounds have not moved yet.
        np.testing.assert_allclose(gradient(block, values), 0, atol=1e-7)
        away = values + rng.normal(size=values.shape)
        assert np.abs(gradient(block, away)).max() > 0.1  # it was there to be found


def test_a_user_without_plays_has_no_taste():
    counts = sp.vstack([R, sp.csr_matrix((1, 7))]).tocsr()
    found = factorize(counts, X, Penalties(factors=3), start=drawn_start(6, 7, 4, 3, np.random.default_rng(0)))
    assert not found.users[-1].any()
    assert found.users[:-1].all()


def oracle_fit():
    cold, held_out = ORACLE["cold_start"], np.zeros(7, bool)
    held_out[cold["held_out"]] = True
    names = {"alpha": "alpha", "user": "lambda_u", "item": "lambda_v", "content": "lambda_w"}
    asked = Penalties(factors=3, **{ours: cold[theirs] for ours, theirs in names.items()})
    start = ContentFactors(START.users, START.items[~held_out], START.content)
    return cold, held_out, factorize(R[:, ~held_out], X[~held_out], asked, start=start)


def test_cold_start_scores_rankings_and_ndcg_are_those_of_the_oracle():
    cold, held_out, found = oracle_fit()
    np.testing.assert_allclose(found.scores(X), cold["scores"], atol=1e-8)
    np.testing.assert_allclose(found.items, cold["V_kept"], atol=1e-8)
    values = user_scores(R, found.users, X @ found.content, held_out, ColdStart())
    for each in cold["per_user"]:
        user = each["user"]
        seen = np.array(each["seen_in_training"])
        assert ranked(found.scores(X)[user], seen, ColdStart()).tolist() == each["ranking_without_seen"]
        assert values[user] == pytest.approx(each.get("ndcg@500", np.nan), abs=1e-12, nan_ok=True)
        short = user_scores(R, found.users, X @ found.content, held_out, ColdStart(k=2))
        assert short[user] == pytest.approx(each.get("ndcg@2", np.nan), abs=1e-12, nan_ok=True)
    assert np.nanmean(values) == pytest.approx(cold["mean_ndcg@500"], abs=1e-12)


def test_ndcg_is_that_of_the_specification():
    cut, *_ = ORACLE["ndcg_examples"]
    assert ndcg(cut["ranking"], cut["relevant"], 5) == pytest.approx(0.49818925746641285, abs=1e-15)
    assert ndcg(cut["ranking"], cut["relevant"], 2) == pytest.approx(0.38685280723454163, abs=1e-15)
    uncut = ORACLE["ndcg_examples"][1]["value_with_untruncated_idcg"]
    assert ndcg(cut["ranking"], cut["relevant"], 2, cut_ideal=False) == pytest.approx(uncut, abs=1e-15)


def test_lists_cut_first_are_shorter_by_what_was_seen():
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert ranked(scores, np.array([0, 3]), ColdStart(k=3)).tolist() == [1, 2, 4]
    assert ranked(scores, np.array([0, 3]), ColdStart(k=3, ranking="cut_first")).tolist() == [1, 2]


def planted(rng, users=120, tracks=160):
    """Plays that follow a taste for two directions of the content, and content with six more that nobody hears."""
    content = rng.normal(size=(tracks, 8))
    liking = rng.normal(size=(users, 2)) @ content[:, :2].T
    return sp.csr_matrix((liking > 1.5) * rng.integers(1, 20, liking.shape)), content


def test_content_that_tastes_follow_recommends_new_tracks_and_other_content_does_not():
    rng = np.random.default_rng(0)
    plays, content = planted(rng)
    asked, cold = Penalties(factors=4, item=1e-2, user=1e-2), ColdStart(share=0.2, k=20)
    heard = np.nanmean(cold_start_ndcg(plays, content, asked, cold))
    shuffled = np.nanmean(cold_start_ndcg(plays, rng.permutation(content), asked, cold))
    assert heard > shuffled + 0.2


def test_a_fit_never_sees_the_tracks_that_are_held_out():
    rng = np.random.default_rng(0)
    plays, content = planted(rng)
    held_out = np.arange(160) % 5 == 0
    changed, other = plays.toarray(), content.copy()
    changed[:, held_out] = rng.integers(0, 9, changed[:, held_out].shape)
    other[held_out] *= 1000
    mine = fit_without(plays, content, held_out, Penalties(factors=3), rng=np.random.default_rng(1))
    theirs = fit_without(sp.csr_matrix(changed), other, held_out, Penalties(factors=3), rng=np.random.default_rng(1))
    np.testing.assert_array_equal(mine[0], theirs[0])
    np.testing.assert_array_equal(mine[1][~held_out], theirs[1][~held_out])


def test_what_cannot_be_factorised_is_said_in_a_sentence():
    with pytest.raises(InputError, match="give one row of finite numbers for each"):
        factorize(R, X[:3], start=START)
    with pytest.raises(InputError, match="choose exact, eq_2_7_literal_weights, public_code"):
        Penalties(variant="code")
    with pytest.raises(InputError, match="must be above 0"):
        Penalties(user=0)
    with pytest.raises(InputError, match="too few to hold out"):
        cold_start_ndcg(R[:, :2], X[:2])
    alone = sp.csr_matrix(([1.0], ([0], [0])), shape=(3, 40))
    with pytest.raises(InputError, match="no user played a track that was held out"):
        cold_start_ndcg(alone, np.random.default_rng(0).normal(size=(40, 3)), repeats=1, seed=1)
