"""Target tasks score what vectors hold, and ask only about clips that were not learnt from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.learning.cold_start import ColdStart
from earwitness.learning.content_factorization import Penalties
from earwitness.learning.probes import Probe, predicted, reduced
from earwitness.learning.targets import column_target, listening_target, target_score

SMALL = Probe(hidden=(16,), iterations=60, learning_rate=0.02)


def clips(n=90, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.choice(["cello", "flute", "organ"], n)
    return pd.DataFrame(
        {
            "clip": [f"c{k}" for k in range(n)],
            "path": [f"set/{k // 10}/c{k}.wav" for k in range(n)],
            "label": label,
            "tempo": rng.uniform(60, 180, n),
            "song": [f"s{k // 3}" for k in range(n)],
            "split": np.where(np.arange(n) % 9 < 6, "train", "test"),
        }
    )


def telling(table, noise=0.3, seed=1):
    """Vectors that hold the label in one direction, the tempo in another, and nothing in eight more."""
    rng = np.random.default_rng(seed)
    known = np.column_stack([pd.factorize(table["label"])[0], table["tempo"] / 40])
    return np.hstack([known + noise * rng.normal(size=known.shape), 5 * rng.normal(size=(len(table), 8))])


def test_vectors_that_hold_the_label_read_it_and_others_are_at_chance():
    table = clips(n=240)
    label, tempo = column_target(table, "label"), column_target(table, "tempo")
    known, nothing = telling(table), np.random.default_rng(2).normal(size=(240, 10))
    assert (label.measure, tempo.measure) == ("accuracy", "R2")
    assert target_score(label, known, SMALL).estimate.low > 0.6
    assert target_score(tempo, known, SMALL).estimate.low > 0.5
    blind = target_score(label, nothing, SMALL).estimate
    assert blind.low < 0.4 < 0.6 > blind.high
    assert target_score(tempo, nothing, SMALL).estimate.value < 0.1


def test_scores_are_what_the_probe_says_of_each_fold_counted_by_hand():
    table = clips()
    X, target = telling(table, noise=1.0), column_target(table, "label", seed=3)
    scored = target_score(target, X, SMALL, seed=5)
    for repeat, value in enumerate(scored.repeats):
        said = predicted(X, target.truth, target.train[repeat], SMALL, number=False, seed=5 + repeat)
        tested = target.test[repeat]
        assert value == pytest.approx(np.mean(said[tested] == table["label"].to_numpy()[tested]))
    assert scored.estimate.value == pytest.approx(np.mean(scored.repeats))
    number = column_target(table, "tempo")
    of_number = target_score(number, X, SMALL)
    guess = predicted(X, number.truth, number.train[0], SMALL, number=True, seed=0)[number.test[0]]
    truth = table["tempo"].to_numpy()[number.test[0]]
    r2 = 1 - np.sum((guess - truth) ** 2) / np.sum((truth - truth.mean()) ** 2)
    assert of_number.repeats[0] == pytest.approx(r2, abs=1e-9)


@given(seed=st.integers(0, 1000), grouped=st.booleans())
@settings(max_examples=20, deadline=None)
def test_every_clip_is_asked_about_once_and_never_learnt_from_then(seed, grouped):
    table = clips(seed=seed)
    table.loc[::7, "label"] = ""
    target = column_target(table, "label", group="song" if grouped else None, seed=seed)
    present = (table["label"] != "").to_numpy()
    np.testing.assert_array_equal(target.test.sum(0), present)
    assert not (target.test & target.train).any()
    assert (target.train | target.test)[:, present].all()
    if grouped:
        for train, test in zip(target.train, target.test, strict=True):
            assert not set(table["song"][train]) & set(table["song"][test])


def test_a_given_split_is_kept_and_its_repeats_are_of_the_probe_alone():
    table = clips()
    target = column_target(table, "label", split="split")
    assert (target.test == (table["split"] == "test").to_numpy()).all()
    assert len(target.test) == 5
    assert target.note == "the given split with 5 probe seeds: variation of the probe only"
    scored = target_score(target, telling(table, noise=2.0), SMALL)
    assert len(set(scored.repeats)) > 1
    with pytest.raises(InputError, match="lie on both sides of the split"):
        column_target(table.assign(song=[f"s{k % 5}" for k in range(90)]), "label", split="split", group="song")


def test_the_same_seed_gives_the_same_score_and_standardising_undoes_scale():
    table = clips()
    target, X = column_target(table, "label"), telling(table)
    one, two = target_score(target, X, SMALL, seed=4), target_score(target, X, SMALL, seed=4)
    assert one.estimate == two.estimate
    stretched = target_score(target, X * 2.0 ** np.arange(10), SMALL, seed=4)  # exact in floating point
    assert stretched.estimate.value == pytest.approx(one.estimate.value, abs=0.02)
    assert (
        target_score(target, X * 1e4, Probe((16,), 60, learning_rate=0.02, standardize=False), seed=4).estimate
        != one.estimate
    )


def test_testing_clips_do_not_reach_the_probe():
    table = clips()
    target, X = column_target(table, "tempo"), telling(table)
    train, changed = target.train[0], X.copy()
    changed[~train] = 1e6
    truth = np.where(train, target.truth, np.nan)
    mine = predicted(X, target.truth, train, SMALL, number=True, seed=0)
    theirs = predicted(changed, truth, train, SMALL, number=True, seed=0)
    np.testing.assert_array_equal(mine[train], theirs[train])


def test_groups_widen_the_interval_where_clips_of_a_group_agree():
    table = clips(n=150)
    table["label"] = np.repeat(np.random.default_rng(0).choice(["a", "b"], 15), 10)
    table["song"] = np.repeat([f"s{k}" for k in range(15)], 10)
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(15, 4)) + 0.7 * (table["label"][::10] == "a").to_numpy()[:, None], 10, axis=0)
    by_clip = target_score(column_target(table, "label"), X, SMALL).estimate
    by_song = target_score(column_target(table, "label", group="song"), X, SMALL).estimate
    assert by_song.n == 15
    assert by_clip.n == 150
    assert by_song.high - by_song.low > by_clip.high - by_clip.low


def plays_of(table, seed=0, users=60):
    """Every user plays the clips on their side of a direction of the vectors."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(len(table), 3))
    taste = rng.normal(size=(users, 3))
    liked = np.argwhere(taste @ X.T > 1.0)
    rows = [(f"u{u}", table["path"][c].split("/")[-1], int(rng.integers(1, 9))) for u, c in liked]
    return X, pd.DataFrame(rows, columns=["user", "path", "count"])


def test_listening_is_predicted_from_vectors_that_tastes_follow():
    table = clips(n=120)
    X, plays = plays_of(table)
    target = listening_target(
        table, plays, penalties=Penalties(factors=3, user=0.01, item=0.01), cold=ColdStart(share=0.2, k=20)
    )
    assert (target.kind, target.measure) == ("recommendation", "nDCG@20")
    mine = target_score(target, X).estimate
    other = target_score(target, np.random.default_rng(9).normal(size=X.shape)).estimate
    assert mine.low > other.high
    assert mine.n <= 60


def test_what_cannot_be_asked_is_said_in_a_sentence():
    table = clips()
    with pytest.raises(InputError, match="have no column 'mood'"):
        column_target(table, "mood")
    with pytest.raises(InputError, match="every clip has the same value, 'x'"):
        column_target(table.assign(label="x"), "label")
    with pytest.raises(InputError, match="only 4 clips have a value"):
        column_target(table.assign(label=["a", "b"] * 2 + [None] * 86), "label")
    with pytest.raises(InputError, match="is no number"):
        column_target(table, "label", kind="regression")
    with pytest.raises(InputError, match="2 groups cannot be spread over 5 folds"):
        column_target(table.assign(song=np.arange(90) // 45), "label", group="song")
    with pytest.raises(InputError, match="nothing to test"):
        column_target(table.assign(split="train"), "label", split="split")
    with pytest.raises(InputError, match="90 clips, and there are 3 vectors"):
        target_score(column_target(table, "label"), np.zeros((3, 2)))
    with pytest.raises(InputError, match="none of the 1 plays is of one of the clips"):
        listening_target(table, pd.DataFrame({"user": ["u"], "path": ["no.wav"]}))
    with pytest.raises(InputError, match="no user has 5 clips that 5 users played"):
        listening_target(table, pd.DataFrame({"user": ["u"], "path": ["c1"]}))
    with pytest.raises(InputError, match="no column 'path'"):
        listening_target(table, pd.DataFrame({"user": ["u"]}))


def test_reduced_vectors_keep_the_directions_of_most_variance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 8)) + 0.01 * rng.normal(size=(50, 8))
    kept = reduced(X, 2)
    assert kept.shape == (50, 2)
    scaled = (X - X.mean(0)) / X.std(0)
    assert np.sum(kept.var(0)) > 0.99 * np.sum(scaled.var(0))
    assert reduced(X, 8) is X
