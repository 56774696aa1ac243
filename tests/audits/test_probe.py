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


@pytest.mark.parametrize("strength", [1e-2, 1.0])
def test_softmax_equals_scikit_learn(task, strength):
    X, y = task
    ours = LogisticProbe("softmax", strength).fit(X, np.eye(3, dtype="f4")[y], np.ones(60)).probabilities(X)
    theirs = LogisticRegression(C=strength, tol=1e-6).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # both stop at a small gradient, not at none


def test_sigmoid_equals_one_binary_regression_a_tag(task):
    X, y = task
    Y = np.stack([y > 0, y > 1], 1).astype("f4")
    ours = LogisticProbe("sigmoid", 0.1).fit(X, Y, np.ones(60)).probabilities(X)
    for k in range(2):
        theirs = LogisticRegression(C=0.1, tol=1e-6).fit(X, Y[:, k]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(ours[:, k], theirs, atol=1e-3)


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
