"""Recommenders: the factors do what their equations say, and what an explainer may ask agrees with the plain score."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from planted_interactions import LinearTaste, planted

from earwitness.errors import InputError
from earwitness.recommend import BlackBox, load_recommender
from earwitness.recommend.accuracy import entropy_diversity, ndcg, per_user_accuracy, recommended
from earwitness.recommend.baselines import WRMF, MostPopular, RandomScores, factorize
from earwitness.recommend.neighbours import ItemNeighbours, ProfileNeighbours, UserNeighbours, tag_projection, unit_rows
from earwitness.recommend.networks import FactorizationMachine, NeuralCollaborativeFilter
from earwitness.recommend.protocol import TagModel
from earwitness.recommend.training import Training

DATA = planted()
SHORT = Training(epochs=2, batch=64)
MODELS = {
    "iNN": ItemNeighbours(size=6).fit(DATA),
    "iNN literal": ItemNeighbours(size=6, factors="literal").fit(DATA),
    "iNN exact": ItemNeighbours(size=None).fit(DATA),
    "uNN": UserNeighbours(size=6).fit(DATA),
    "uNN literal": UserNeighbours(size=6, factors="literal").fit(DATA),
    "uNN exact": UserNeighbours(size=None).fit(DATA),
    "uNN profile": ProfileNeighbours(UserNeighbours(size=6).fit(DATA)),
    "FM": FactorizationMachine(size=4, training=SHORT).fit(DATA),
    "NCF": NeuralCollaborativeFilter(size=4, units=32, training=SHORT).fit(DATA),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_model
def test_the_function_of_tags_at_the_items_own_tags_is_the_score(model: TagModel) -> None:
    users = np.arange(5)
    as_they_are = np.stack([model._as_it_is(users, item)[:, 0] for item in range(model.data_.n_items)], 1)
    np.testing.assert_allclose(as_they_are, model.scores(users), rtol=1e-5, atol=1e-5)


@every_model
@pytest.mark.parametrize("item", [0, 7])
def test_the_gradient_is_that_of_torch_and_of_small_steps(model: TagModel, item: int) -> None:
    users, every = np.arange(8), np.arange(model.data_.n_tags)
    columns, values = model.data_.own_tags(item)
    closed = model.gradient(users, item, values, columns, every)
    np.testing.assert_allclose(closed, TagModel.gradient(model, users, item, values, columns, every), atol=1e-4)
    tags = np.zeros(model.data_.n_tags)
    tags[columns] = values
    if not isinstance(model, NeuralCollaborativeFilter):  # its kinks lie within a step of single precision
        step = 1e-2 * np.eye(len(tags))
        moved = (model.score(users, item, tags + step) - model.score(users, item, tags - step)) / 2e-2
        np.testing.assert_allclose(closed, moved, atol=2e-3)


@every_model
def test_switching_a_tag_is_scoring_the_changed_tags(model: TagModel) -> None:
    users = np.arange(8)
    np.testing.assert_allclose(model.switched(users, 3), TagModel.switched(model, users, 3), rtol=1e-4, atol=1e-4)


def test_the_user_neighbourhood_as_a_function_of_an_items_tags_is_a_full_recomputation() -> None:
    model, rng = UserNeighbours(size=6).fit(DATA), np.random.default_rng(0)
    user, item = 2, 5
    changed = (rng.random(DATA.n_tags) < 0.4).astype(float)
    T = DATA.item_tags.toarray()
    T[item] = changed
    R = DATA.presence().toarray()
    B = R @ T @ model.W_ / model.c_[:, None]  # norms held
    assert model.score(np.array([user]), item, changed[None])[0, 0] == pytest.approx(B[user] @ (B.T @ R)[:, item])


def test_factors_keep_the_cosines_and_fold_in_training_items() -> None:
    cosine = ItemNeighbours(size=8).fit(DATA)
    true = unit_rows(DATA.item_tags.toarray())[0]
    pairs = np.triu_indices(DATA.n_items, 1)
    near = np.corrcoef((cosine.A_ @ cosine.A_.T)[pairs], (true @ true.T)[pairs])[0, 1]
    printed = ItemNeighbours(size=8, factors="literal").fit(DATA)
    far = np.corrcoef((printed.A_ @ printed.A_.T)[pairs], (true @ true.T)[pairs])[0, 1]
    assert near > 0.95
    assert near > far
    for model in (cosine, printed):
        np.testing.assert_allclose(model.folded_in(DATA.item_tags.toarray()), model.A_, atol=1e-12)


def test_exact_neighbourhoods_are_the_cosines_of_the_definition() -> None:
    T, R = DATA.item_tags.toarray(), DATA.presence().toarray()
    S = unit_rows(T)[0] @ unit_rows(T)[0].T
    np.testing.assert_allclose(MODELS["iNN exact"].scores(np.arange(6)), (R @ S)[:6], atol=1e-12)
    SU = unit_rows(R @ T)[0] @ unit_rows(R @ T)[0].T
    np.testing.assert_allclose(MODELS["uNN exact"].scores(np.arange(6)), (SU @ R)[:6], atol=1e-12)


def test_the_hidden_layer_learns_by_the_gradients_of_autograd() -> None:
    from earwitness.recommend.hidden_layer import ChosenPairs

    rng = torch.Generator().manual_seed(0)
    a, c, w = (torch.randn(*shape, generator=rng, requires_grad=True) for shape in ((5, 16), (7, 16), (16,)))
    users, items = torch.tensor([0, 3, 3]), torch.tensor([[0, 1], [2, 6], [6, 6]])
    ChosenPairs.apply(a, c, w, users, items).sin().sum().backward()
    ours = [x.grad.clone() for x in (a, c, w)]
    for x in (a, c, w):
        x.grad = None
    ((a[users][:, None, :] + c[items]).clamp(min=0) @ w).sin().sum().backward()
    for mine, theirs in zip(ours, (a.grad, c.grad, w.grad), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_seed_trains_the_same_network_again() -> None:
    again = FactorizationMachine(size=4, training=SHORT).fit(DATA)
    np.testing.assert_array_equal(again.vt_, MODELS["FM"].vt_)


@pytest.mark.parametrize("make", [FactorizationMachine, NeuralCollaborativeFilter])
def test_networks_learn_a_planted_taste_and_stop_on_validation(make) -> None:
    data = planted(200, 80, seed=3, other=0.03)
    split = data.split()
    users = np.arange(data.n_users)
    options = {"units": 64} if make is NeuralCollaborativeFilter else {}
    training = Training(epochs=12, batch=128, rate=5e-3, patience=6)
    model = make(size=8, training=training, **options).fit(split.train, split.validation)
    learnt, _ = per_user_accuracy(model.scores(users), split, users, 10)
    chance, _ = per_user_accuracy(RandomScores().fit(split.train).scores(users), split, users, 10)
    assert np.nanmean(learnt) > np.nanmean(chance) + 0.1
    assert 1 <= model.epochs_ <= 12


def test_wrmf_reconstructs_what_it_was_given_and_beats_popularity_on_planted_tastes() -> None:
    users, items = factorize(DATA.presence() * 40.0, 12)
    R = DATA.presence().toarray()
    assert (users @ items.T)[R > 0].mean() > 0.9
    split = planted(200, 60, seed=1).split()
    rows = np.arange(200)
    ours, _ = per_user_accuracy(WRMF(size=4).fit(split.train).scores(rows), split, rows, 10)
    floor, _ = per_user_accuracy(MostPopular().fit(split.train).scores(rows), split, rows, 10)
    assert np.nanmean(ours) > np.nanmean(floor)


def test_accuracy_and_diversity_by_hand() -> None:
    data = planted()
    scores = -np.arange(data.n_items, dtype=float)[None, :].repeat(2, 0)
    lists = recommended(scores, data, np.array([0, 1]), 3)
    for user, items in zip((0, 1), lists.items, strict=True):
        free = [i for i in range(data.n_items) if i not in data.consumed(user)]
        assert items.tolist() == free[:3]
    test = data.split().test
    expected = []
    for user, items in zip((0, 1), lists.items, strict=True):
        wanted = set(test.consumed(user).tolist())
        gain = sum(1 / np.log2(r + 2) for r, item in enumerate(items) if item in wanted)
        expected.append(gain / sum(1 / np.log2(r + 2) for r in range(min(3, len(wanted)))) if wanted else np.nan)
    np.testing.assert_allclose(ndcg(lists, test), expected)
    same, share = entropy_diversity(np.array([[0, 1], [0, 1]]), 10)
    assert same == pytest.approx(np.log(2))
    assert share == pytest.approx(np.log(2) / np.log(4))
    assert entropy_diversity(np.arange(8).reshape(4, 2), 8)[1] == pytest.approx(1)


def test_a_black_box_gets_all_tags_and_its_shape_is_checked() -> None:
    box = BlackBox(LinearTaste(np.ones((DATA.n_users, DATA.n_tags))), DATA)
    assert box.scores(np.arange(2))[0, 4] == len(DATA.own_tags(4)[0])

    class Wrong(LinearTaste):
        def score(self, users, item, tags):
            return super().score(users, item, tags).T

    with pytest.raises(InputError, match=r"returned shape \(1, 3\) for 3 users"):
        BlackBox(Wrong(box.recommender.weights), DATA).scores(np.arange(3))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("wmrf-32", "Did you mean 'wrmf'"),
        ("random-8", "no size"),
        ("fm-exact", "only inn, unn and unn-profile"),
        ("inn-0", "size 0"),
    ],
)
def test_unknown_recommenders_are_named(spec: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_recommender(spec).fit(DATA)


def test_projections_refuse_what_does_not_exist() -> None:
    with pytest.raises(InputError, match="factors 'exact'"):
        tag_projection(DATA.item_tags, 3, "exact")
    with pytest.raises(InputError, match="1 to 11 factors"):
        tag_projection(DATA.item_tags, 12, "cosine")
