"""Explainers: planted truths, closed forms, and the reference packages' algorithms on the same sample."""

import sys
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.linear_model import Ridge

sys.path.insert(0, str(Path(__file__).parent))
from planted_interactions import LinearTaste, tagged

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError
from earwitness.recommend import BlackBox, load_explainer
from earwitness.recommend.explainers import (
    LIME,
    IntegratedGradients,
    KernelSHAP,
    PartialDependence,
    RandomWeights,
    Saliency,
)
from earwitness.recommend.explainers.base import checked_omegas, keep_largest
from earwitness.recommend.fidelity import (
    approximated,
    binary_fidelity,
    explainability,
    multiclass_fidelity,
    ranking_fidelity,
    settled,
    share_tied,
)
from earwitness.recommend.neighbours import ItemNeighbours, UserNeighbours


def all_different() -> Interactions:
    """Items of which no two have the same tags: equal items tie, and no ranking with ties can reach 1."""
    tags = np.unique(np.random.default_rng(4).random((40, 12)) < 0.35, axis=0)
    tags = tags[tags.any(1)]
    return tagged(tags, np.random.default_rng(5).random((20, len(tags))) < 0.4)


DATA = all_different()
RNG = np.random.default_rng(0)
TASTE = RNG.normal(size=(DATA.n_users, DATA.n_tags))
LINEAR = BlackBox(LinearTaste(TASTE), DATA)
USERS, ITEMS = np.arange(DATA.n_users), np.arange(DATA.n_items)
SOUND = {
    "saliency": Saliency(),
    "saliency-own": Saliency(support="own"),
    "integrated-gradients": IntegratedGradients(steps=3),
    "pdp-difference": PartialDependence(form="difference"),
    "kernel-shap": KernelSHAP(samples=2000),
    "lime": LIME(samples=500),
}


def fidelity(explainer, omega: int) -> np.ndarray:
    ready = explainer.prepare(LINEAR, USERS, omega)
    g = approximated(LINEAR, ready, USERS, ITEMS, [omega])[0]
    f = LINEAR.scores(USERS)
    return np.array([ranking_fidelity(f[u], g[u])[0] for u in USERS])


@pytest.mark.parametrize("name", [name for name in SOUND if name != "lime"])
def test_a_linear_recommender_is_recovered_by_every_sound_explainer_with_enough_tags(name: str) -> None:
    np.testing.assert_allclose(fidelity(SOUND[name], DATA.n_tags), 1, atol=1e-6)


def test_lime_recovers_a_linear_recommender_but_for_its_ridge() -> None:
    assert fidelity(LIME(samples=5000, kernel_width=1e6), DATA.n_tags).mean() > 0.97


@pytest.mark.parametrize("name", ["saliency", "lime", "kernel-shap", "pdp-difference"])
def test_more_tags_tell_more(name: str) -> None:
    assert fidelity(SOUND[name], 1).mean() < fidelity(SOUND[name], 8).mean()


def test_random_weights_tell_nothing() -> None:
    rng = np.random.default_rng(1)
    tags = np.zeros((60, 20))
    for row in tags:  # as many tags an item, so that no width tells anything
        row[rng.choice(20, 5, replace=False)] = 1
    data = tagged(tags, np.ones((200, 60)))
    model = BlackBox(LinearTaste(rng.normal(size=(200, 20))), data)
    users = np.arange(200)
    g = approximated(model, RandomWeights(), users, np.arange(60), [1, 4, 20])
    f = model.scores(users)
    values = np.array([ranking_fidelity(f[u], g[:, u]) for u in users])
    error = values.std(0) / np.sqrt(len(users))
    assert (np.abs(values.mean(0)) < 1.96 * error).all()


def test_random_weights_are_the_largest_of_as_many_normal_draws_as_tags() -> None:
    users = np.arange(4000)
    kept = RandomWeights().ranked(LINEAR, users, 3, 4)
    direct = np.sort(np.abs(np.random.default_rng(0).normal(size=(4000, DATA.n_tags))), axis=1)[:, ::-1]
    for rank in range(4):
        assert kstest(np.abs(kept.weights[:, rank]), direct[:, rank]).pvalue > 0.001
    counts = np.bincount(kept.tags.ravel(), minlength=DATA.n_tags)
    assert np.abs(counts / counts.mean() - 1).max() < 0.15
    assert abs((kept.weights > 0).mean() - 0.5) < 0.02
    assert all(len(set(row)) == 4 for row in kept.tags[:200])


def test_a_users_random_weights_do_not_depend_on_who_else_is_asked() -> None:
    together = RandomWeights(seed=5).ranked(LINEAR, USERS, 2, 3)
    alone = RandomWeights(seed=5).ranked(LINEAR, USERS[7:8], 2, 3)
    np.testing.assert_array_equal(together.weights[7], alone.weights[0])


def forward_by_regressions(Z, weights, y, omega):
    """lime_base.forward_selection: at each step the tag whose addition fits best."""
    used: list[int] = []
    for _ in range(omega):
        scores = {}
        for j in set(range(Z.shape[1])) - set(used):
            columns = [*used, j]
            scores[j] = Ridge(alpha=1e-12).fit(Z[:, columns], y, weights).score(Z[:, columns], y, weights)
        used.append(max(sorted(scores), key=lambda j: scores[j]))
    return used


@pytest.mark.parametrize("omega", [1, 3, 7])
def test_lime_is_the_reference_algorithm_on_the_same_sample(omega: int) -> None:
    rng = np.random.default_rng(omega)
    explainer = LIME(samples=300)
    sample = explainer.sample(0, 10)
    scores = rng.normal(size=(6, 10)) @ sample.on.T + (rng.normal(size=(6, 10)) @ sample.on.T) ** 2 / 5
    ((kept, weights),) = explainer.fit(sample, scores, [omega])
    for user in range(6):
        if omega <= 6:
            used = forward_by_regressions(sample.on, sample.weights, scores[user], omega)
        else:
            coefficients = Ridge(alpha=0.01).fit(sample.on, scores[user], sample.weights).coef_
            used = np.argsort(-np.abs(coefficients), kind="stable")[:omega].tolist()
        assert kept[user].tolist() == used
        expected = Ridge(alpha=1).fit(sample.on[:, used], scores[user], sample.weights).coef_
        np.testing.assert_allclose(weights[user], expected, rtol=0, atol=1e-12)


def test_lime_samples_switch_off_a_uniform_number_of_tags_and_weigh_the_nearer_more() -> None:
    sample = LIME(samples=6000).sample(4, 5)
    assert (sample.on[0] == 1).all()
    assert sample.weights[0] == 1
    off = 5 - sample.on[1:].sum(1)
    np.testing.assert_allclose(np.bincount(off.astype(int))[1:] / len(off), 0.2, atol=0.03)
    np.testing.assert_allclose(sample.on[1:].mean(0), sample.on[1:].mean(), atol=0.03)
    by_size = [sample.weights[sample.on.sum(1) == size][0] for size in range(6)]
    assert by_size == sorted(by_size)
    distance = 100 * (1 - np.sqrt(3 / 5))
    assert by_size[3] == pytest.approx(np.sqrt(np.exp(-(distance**2) / 25**2)))


def test_lars_keeps_at_most_omega_tags() -> None:
    explanation = LIME(samples=200, selection="lars").explain(LINEAR, USERS, 0, [2])[0]
    assert ((explanation.tags >= 0).sum(1) <= 2).all()
    assert (explanation.tags >= 0).any()


def shapley(value, k: int) -> np.ndarray:
    """By the definition, over all coalitions."""
    shares = np.zeros(k)
    for j in range(k):
        others = [i for i in range(k) if i != j]
        for size in range(k):
            for group in combinations(others, size):
                without = np.isin(np.arange(k), group).astype(float)
                with_j = without.copy()
                with_j[j] = 1
                shares[j] += factorial(size) * factorial(k - size - 1) / factorial(k) * (value(with_j) - value(without))
    return shares


class Interacting:
    """Every pair of tags matters: not linear."""

    name = "interacting"

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def score(self, users, item, tags):
        del item
        linear = self.weights[users] @ np.asarray(tags).T
        return np.tanh(linear) + linear**2 / 10


def test_kernel_shap_gives_shapley_values_where_all_coalitions_fit() -> None:
    model = BlackBox(Interacting(TASTE), DATA)
    item = int(np.argmax(np.diff(DATA.item_tags.indptr)))
    columns, _ = DATA.own_tags(item)
    dense = KernelSHAP(samples=2 ** len(columns)).explain(model, USERS[:3], item, [DATA.n_tags])[0].dense(DATA.n_tags)
    for user in range(3):
        expected = shapley(lambda on, u=user: model.scored(np.array([u]), item, on[None], columns)[0, 0], len(columns))
        np.testing.assert_allclose(dense[user, columns], expected, atol=1e-9)


@pytest.mark.parametrize("explainer", [KernelSHAP(samples=14), IntegratedGradients(steps=400)])
def test_shares_sum_to_what_the_tags_do_together(explainer) -> None:
    model = BlackBox(Interacting(TASTE), DATA)
    for item in (0, 5):
        columns, values = DATA.own_tags(item)
        g = explainer.explain(model, USERS, item, [DATA.n_tags])[0].approximate(columns, values)
        f = model.scored(USERS, item, np.stack([values, 0 * values]), columns)
        np.testing.assert_allclose(g, f[:, 0] - f[:, 1], atol=1e-3)


def test_partial_dependence_is_its_definition_written_out() -> None:
    model = UserNeighbours(size=5).fit(DATA)
    raw, difference = (PartialDependence(form=form).dependence(model, USERS[:4]) for form in ("raw", "difference"))
    for user in range(4):
        on = np.zeros((0, DATA.n_tags))
        gap = np.zeros((0, DATA.n_tags))
        for item in DATA.consumed(user):
            rows = np.repeat(DATA.item_tags[item].toarray(), DATA.n_tags, 0)
            with_tag, without = rows.copy(), rows.copy()
            np.fill_diagonal(with_tag, 1)
            np.fill_diagonal(without, 0)
            high = model.score(np.array([user]), item, with_tag)
            on = np.vstack([on, high])
            gap = np.vstack([gap, high - model.score(np.array([user]), item, without)])
        np.testing.assert_allclose(raw[user], on.mean(0), atol=1e-9)
        np.testing.assert_allclose(difference[user], gap.mean(0), atol=1e-9)


def test_partial_dependence_is_the_same_for_every_item() -> None:
    ready = PartialDependence(background=3).prepare(LINEAR, USERS, 4)
    first, second = (ready.explain(LINEAR, USERS[5:9], item, [4])[0] for item in (0, 9))
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_allclose(first.weights, PartialDependence(background=3).ranked(LINEAR, USERS[5:9], 0, 4).weights)


@pytest.mark.parametrize("name", ["random", "pdp", "saliency", "lime", "kernel-shap", "integrated-gradients"])
def test_an_explanation_names_at_most_omega_tags(name: str) -> None:
    model = ItemNeighbours(size=5).fit(DATA)
    ready = load_explainer(name).prepare(model, USERS, 4)
    for omega, explanation in zip([1, 2, 4], ready.explain(model, USERS, 1, [1, 2, 4]), strict=True):
        assert ((explanation.dense(DATA.n_tags) != 0).sum(1) <= omega).all()


def test_the_largest_weights_are_kept_in_order_and_ties_go_to_the_first() -> None:
    kept = keep_largest(np.array([[0.5, -2.0, 0.0, 2.0, 1.0]]), np.array([10, 11, 12, 13, 14]), 3)
    assert kept.tags.tolist() == [[11, 13, 14]]
    assert kept.weights.tolist() == [[-2.0, 2.0, 1.0]]
    short = keep_largest(np.array([[0.0, 3.0]]), np.array([4, 7]), 3)
    assert short.tags.tolist() == [[7, -1, -1]]
    assert short.partial_sums(np.array([4, 7]), np.array([1.0, 2.0])).tolist() == [[6.0, 6.0, 6.0]]


def test_an_item_without_tags_is_approximated_by_zero() -> None:
    tags = np.eye(4)[:, :3]  # the last item has none
    data = tagged(tags, np.ones((3, 4)))
    model = BlackBox(LinearTaste(np.ones((3, 3))), data)
    for name in ("lime", "kernel-shap", "saliency", "saliency-own", "integrated-gradients", "random"):
        explanation = load_explainer(name).explain(model, np.arange(3), 3, [2])[0]
        assert (explanation.approximate(*data.own_tags(3)) == 0).all()


def test_scores_that_differ_by_rounding_are_tied() -> None:
    assert share_tied(np.array([0.1 + 0.2, 0.3, 1.0])) == pytest.approx(2 / 3)
    assert (settled(np.array([5.0, 5.0])) == 5).all()
    assert np.isnan(ranking_fidelity(np.ones(4), np.arange(4.0))[0])
    assert ranking_fidelity(np.arange(4.0), np.ones(4))[0] == 0
    assert ranking_fidelity(np.arange(4.0), np.arange(4.0), "kendall")[0] == pytest.approx(1)


def test_fidelity_to_a_binary_decision_is_the_area_under_the_curve() -> None:
    assert binary_fidelity([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(0.75)
    assert np.isnan(binary_fidelity([1, 1], [0.2, 0.3]))
    with pytest.raises(InputError, match="give 0 or 1"):
        binary_fidelity([0, 2], [0.1, 0.2])


def test_fidelity_to_a_distribution_is_minus_the_divergence() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert multiclass_fidelity(p[1:], np.log(p[1:])) == pytest.approx([0], abs=1e-9)
    expected = -(0.5 * np.log(0.5 / (1 / 3)) * 2)
    assert multiclass_fidelity(p[:1], np.zeros((1, 3)))[0] == pytest.approx(expected)
    with pytest.raises(InputError, match="no distributions"):
        multiclass_fidelity(2 * p, p)


def test_the_price_of_complexity_is_taken_off() -> None:
    assert explainability([0.4, np.nan, 0.6], 8, penalty=0.1, scale="log") == pytest.approx(0.5 - 0.1 * np.log(8))


@pytest.mark.parametrize(("omegas", "words"), [([0, 2], "numbers of tags from 1"), ([99], "12 different tags")])
def test_impossible_complexities_are_refused(omegas: list[int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked_omegas(omegas, DATA.n_tags)


@pytest.mark.parametrize("options", [{"samples": 1}, {"selection": "best"}])
def test_impossible_options_of_lime_are_refused(options: dict) -> None:
    with pytest.raises(InputError):
        LIME(**options)
