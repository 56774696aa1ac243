"""The probe and its measures against scikit-learn, which computes the same things one at a time."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, r2_score, recall_score, roc_auc_score

from earwitness.audits import _scores as scores
from earwitness.audits._folds import stratified_folds
from earwitness.audits._probe import LogisticProbe

ONCE = np.ones((1, 60), np.float32)


@pytest.fixture
def task():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 5)).astype("f4")
    return X, np.digitize(X[:, 0] + rng.normal(size=60), [-0.5, 0.4])


def test_classes_weigh_the_same_however_many_clips_they_have():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(190, int), np.ones(10, int)]
    X = rng.normal(size=(200, 3)).astype("f4")  # nothing to learn
    p = LogisticProbe("softmax").fit(X, np.eye(2, dtype="f4")[y], 1e-4).probabilities(X, 2)
    np.testing.assert_allclose(p.mean(0), 0.5, atol=0.01)


def test_a_path_of_penalties_ends_where_the_last_alone_would(task):
    X, y = task
    Y, path = np.eye(3, dtype="f4")[y], LogisticProbe("softmax")
    for strength in (1e-4, 1e-2, 1.0):
        path.fit(X, Y, strength)
    alone = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-6).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(path.probabilities(X, 3), alone, atol=1e-3)  # both stop at a small gradient


def test_a_class_or_tag_without_clips_to_learn_from_is_improbable(task):
    X, y = task
    Y = np.eye(4, dtype="f4")[y]
    for link in ("softmax", "sigmoid"):
        p = LogisticProbe(link).fit(X, Y, 1.0).probabilities(X, 4)
        assert (p[:, 3] == 0).all()
        assert (p[:, :3] > 0).all()


def test_measures_equal_scikit_learn_with_ties(task):
    _, y = task
    rng = np.random.default_rng(0)
    guess = np.round(y + rng.normal(size=60), 0)  # many ties
    for truth in (y > 0, y > 1):
        assert scores.roc_auc(truth, guess, ONCE)[0] == pytest.approx(roc_auc_score(truth, guess))
        assert scores.average_precision(truth, guess, ONCE)[0] == pytest.approx(average_precision_score(truth, guess))
        assert scores.recall(truth, guess > 0, ONCE)[0] == pytest.approx(recall_score(truth, guess > 0))
    value = y + 1e6  # far from 0, where squares cancel
    assert scores.r_squared(value, guess + 1e6, ONCE)[0] == pytest.approx(r2_score(value, guess + 1e6))


def test_weights_stand_for_repeated_clips(task):
    _, y = task
    rng = np.random.default_rng(1)
    guess, counts = rng.normal(size=60), rng.integers(0, 4, 60)
    weights, again = counts[None].astype("f4"), np.repeat(np.arange(60), counts)
    assert scores.roc_auc(y > 0, guess, weights)[0] == pytest.approx(roc_auc_score(y[again] > 0, guess[again]))
    assert scores.average_precision(y > 0, guess, weights)[0] == pytest.approx(
        average_precision_score(y[again] > 0, guess[again])
    )
    assert scores.r_squared(y, guess, weights)[0] == pytest.approx(r2_score(y[again], guess[again]))


def test_a_class_that_no_resample_holds_has_no_score():
    truth = np.array([True, False, False])
    weights = np.array([[0, 1, 2], [1, 1, 1]], np.float32)
    auc = scores.roc_auc(truth, np.array([0.9, 0.1, 0.2]), weights)
    assert np.isnan(auc[0])
    assert auc[1] == 1
    assert scores.mean_over_classes([auc, np.array([0.5, 0.5])]).tolist() == [0.5, 0.75]


@pytest.mark.parametrize("seed", range(5))
def test_folds_part_the_clips_and_keep_groups_and_classes_together(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 20, 150).astype(str)
    strata = rng.integers(0, 3, 150)
    folds = stratified_folds(strata, groups, 5, seed)
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(150))
    for learn, test in folds:
        assert not set(groups[learn]) & set(groups[test])
        assert set(strata[learn]) == {0, 1, 2}
