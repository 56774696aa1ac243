"""The explanation audit: a truthful explainer is told from chance, bad black boxes are refused, runs go on."""

import numpy as np
import pandas as pd
import pytest

from earwitness.audits import Design, explain_recommenders, explanation, explanation_model
from earwitness.datasets.interactions import Interactions, from_tables
from earwitness.errors import InputError
from earwitness.recommend import load_recommender
from earwitness.recommend.neighbours import ItemNeighbours
from earwitness.results import AuditResult


def tagged_tastes(seed: int = 0, n_users: int = 60, n_items: int = 40) -> Interactions:
    rng = np.random.default_rng(seed)
    taste, kind = rng.integers(0, 4, n_users), rng.integers(0, 4, n_items)
    like = rng.random((n_users, n_items)) < np.where(taste[:, None] == kind[None, :], 0.6, 0.2)
    rows = [(f"u{u}", f"i{i}", int(rng.integers(1, 30))) for u, i in zip(*np.nonzero(like), strict=True)]
    tags = [(f"i{i}", f"t{t}") for i in range(n_items) for t in {*rng.choice(12, 4), 3 * kind[i], 3 * kind[i] + 1}]
    return from_tables(
        pd.DataFrame(rows, columns=["user", "item", "weight"]),
        pd.DataFrame(tags, columns=["item", "tag"]),
        name=f"tastes {seed}",
    )


def without_twins(data: Interactions) -> Interactions:
    """No two items with the same tags: they would tie, and no ranking with ties can reach 1."""
    first = np.unique(data.item_tags.toarray(), axis=0, return_index=True)[1]
    return data._kept(np.ones(data.n_users, bool), np.isin(np.arange(data.n_items), first), np.ones(data.n_tags, bool))


DATA = without_twins(tagged_tastes())
SPLIT = DATA.split()


class Linear:
    name = "linear"

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def score(self, users, item, tags):
        del item
        return self.weights[users] @ np.asarray(tags).T


class Constant:
    name = "constant"

    def score(self, users, item, tags):
        del item
        return np.ones((len(users), len(tags)))


class Broken(Constant):
    name = "broken"

    def score(self, users, item, tags):
        return np.full((len(users), len(tags)), np.nan if item == 3 else 1.0)


@pytest.fixture(scope="module")
def audited() -> AuditResult:
    model = Linear(np.random.default_rng(6).normal(size=(DATA.n_users, DATA.n_tags)))
    return explanation(
        model, SPLIT, explainers=["saliency-own", "pdp", "random"], omegas=[1, 4, 12], n_resamples=200, penalty=0.01
    )


def test_a_linear_recommender_is_explained_wholly_and_chance_is_not(audited: AuditResult) -> None:
    assert audited.estimate("fidelity", explainer="saliency-own", omega=12).value == pytest.approx(1, abs=1e-6)
    assert audited.verdicts[0].status == "holds"
    assert abs(audited.estimate("fidelity", explainer="random", omega=1).value) < 0.1
    assert audited.estimate("difference", explainer="saliency-own", control="random", omega=4).low > 0


def test_the_price_of_tags_is_taken_off_the_mean(audited: AuditResult) -> None:
    fidelity, price = (audited.estimate(m, explainer="pdp", omega=4).value for m in ("fidelity", "explainability"))
    assert price == pytest.approx(fidelity - 0.04)


def test_a_result_survives_its_json_and_draws_its_charts(audited: AuditResult) -> None:
    again = AuditResult.from_json(audited.to_json())
    pd.testing.assert_frame_equal(again.table, audited.table, check_dtype=False)
    assert set(again.charts()) >= {"Fidelity against the number of tags", "Fidelity by the mainstreaminess of users"}
    for chart in again.charts().values():
        assert chart.to_dict()["description"]


def test_items_hold_one_row_a_user_explainer_and_complexity(audited: AuditResult) -> None:
    assert len(audited.items) == 3 * 3 * audited.parameters["users"]
    assert not audited.items.duplicated(["user", "explainer", "omega"]).any()
    assert audited.parameters["list"] == SPLIT.train.n_items


def test_a_users_own_tags_explain_a_user_neighbourhood_wholly() -> None:
    omegas = [1, DATA.n_tags]
    by_item, by_profile = (
        explanation(load_recommender(name).fit(SPLIT.train), SPLIT, explainers=("saliency", "random"), omegas=omegas)
        for name in ("unn-6", "unn-profile-6")
    )
    assert by_profile.estimate("fidelity", explainer="saliency", omega=DATA.n_tags).value == pytest.approx(1, abs=1e-6)
    assert by_item.estimate("fidelity", explainer="saliency", omega=DATA.n_tags).value < 0.999
    pd.testing.assert_series_equal(by_profile.items["ndcg"], by_item.items["ndcg"])  # the recommender is the same one


def test_worked_examples_of_a_profile_say_which_tags_the_user_has() -> None:
    design = Design(recommenders=("unn-profile-4",), explainers=("saliency-own",), users=20, examples=2)
    [result] = explain_recommenders(DATA, design)
    rows = pd.DataFrame(result.parameters["examples"])
    user = list(SPLIT.train.users).index(rows["user"].iloc[0])
    theirs = set(SPLIT.train.tags[np.flatnonzero(SPLIT.train.user_tags()[[user]].toarray()[0])])
    assert rows["own"].all()
    assert set(rows["tag"]) <= theirs


def test_scores_of_training_items_are_ranked_only_when_asked() -> None:
    model = ItemNeighbours(size=4).fit(SPLIT.train)
    options = {"explainers": ["saliency"], "omegas": [2], "n_resamples": 50}
    unseen, every = (explanation(model, SPLIT, candidates=c, **options) for c in ("unseen", "all"))
    assert not np.allclose(unseen.items["fidelity"], every.items["fidelity"])


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (Constant(), "every item the same score"),
        (Broken(), "NaN or infinite .* item 'i1[0-9]'"),
        (object(), "cannot be"),
    ],
)
def test_black_boxes_that_cannot_be_explained_are_named(box, words: str) -> None:
    with pytest.raises(InputError, match=words):
        explanation(box, SPLIT, explainers=["saliency"], omegas=[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"omegas": [40]}, "12 different tags"),
        ({"explainers": ["limes"]}, "Did you mean 'lime'"),
        ({"users": 1}, "2 or more"),
        ({"mainstreaminess": "far"}, "mainstreaminess 'far'"),
    ],
)
def test_options_that_fit_nothing_are_named(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        explanation(
            ItemNeighbours(size=4).fit(SPLIT.train), SPLIT, **{"explainers": ["random"], "omegas": [1]} | options
        )


SMALL = Design(
    recommenders=("inn-4", "unn-4", "wrmf-4", "most-popular"),
    explainers=("lime", "saliency", "random"),
    omegas=(1, 4, 12, 64),
    users=40,
    samples=60,
    n_resamples=100,
)


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> list[AuditResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(tmp_path_factory.mktemp("crossed")))
        return [result for seed in (0, 1) for result in explain_recommenders(tagged_tastes(seed), SMALL)]


def test_recommenders_without_tags_have_their_accuracy_alone(crossed: list[AuditResult]) -> None:
    wrmf = next(result for result in crossed if result.encoder == "wrmf-4")
    assert wrmf.parameters["role"] == "control"
    assert set(wrmf.table["measure"]) == {"nDCG@40", "diversity", "diversity share"}


def test_worked_examples_name_items_tags_and_places(crossed: list[AuditResult]) -> None:
    examples = crossed[0].parameters["examples"]
    assert {row["explainer"] for row in examples} == {"lime", "saliency"}
    assert {row["place"] for row in examples} == {1, 2, 3}
    assert all(row["own"] for row in examples if row["explainer"] == "lime")


def test_a_second_run_computes_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(recommenders=("inn-4",), explainers=("saliency",), omegas=(1, 2), users=20, n_resamples=50)
    first = explain_recommenders(DATA, design)[0]

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(ItemNeighbours, "fit", never)
    pd.testing.assert_frame_equal(explain_recommenders(DATA, design)[0].items, first.items)


def test_two_workers_give_what_one_gives(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    design = Design(recommenders=("inn-3", "unn-3"), explainers=("random",), omegas=(1,), users=20, n_resamples=50)
    one = explain_recommenders(DATA, design)
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    two = explain_recommenders(DATA, design, jobs=2)
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a.table, b.table)


def test_the_hierarchical_model_answers_the_conclusions(crossed: list[AuditResult]) -> None:
    result = explanation_model(crossed)
    rows = result.rows("marginal mean")
    overall = rows[rows["omega"].isna()].set_index("explainer")["value"]
    assert overall["lime"] > overall["random"]
    assert abs(overall["random"]) < 0.15
    shares = result.rows("share of variance").set_index("term")["value"]
    assert 0 < shares["fixed effects"] < shares["whole model"] < 1
    assert len(result.rows("mainstreaminess effect")) == 4
    assert any("LIME is truest" in verdict.title for verdict in result.verdicts)
    assert set(result.charts()) == {
        "Marginal means by explainer and number of tags",
        "What mainstreaminess does, by data set and recommender",
        "What the differences in fidelity are due to",
    }
    assert AuditResult.from_json(result.to_json()).verdicts == result.verdicts


def test_extra_terms_of_the_model_widen_or_explain(crossed: list[AuditResult]) -> None:
    with_users = explanation_model(crossed, users=True)
    assert "(1 | dataset:user)" in with_users.parameters["formula"]
    assert "dataset:user" in set(with_users.rows("variance")["group"])


def test_a_single_recommender_is_no_hierarchy(crossed: list[AuditResult]) -> None:
    with pytest.raises(InputError, match="two recommenders or data sets"):
        explanation_model(crossed[:1])
    with pytest.raises(InputError, match="no explained recommender"):
        explanation_model([crossed[2]])


def test_a_black_box_from_a_file_is_audited(tmp_path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "class Mine:\n"
        "    name = 'mine'\n"
        "    def __init__(self, data):\n"
        "        self.taste = data.user_tags().toarray()\n"
        "    def score(self, users, item, tags):\n"
        "        return np.tanh(self.taste[users] @ tags.T / 50)\n"
    )
    design = Design(recommenders=(f"python:{file}:Mine",), explainers=("saliency-own",), omegas=(12,), n_resamples=50)
    result = explain_recommenders(DATA, design)[0]
    assert result.encoder == "mine"
    assert result.estimate("fidelity", explainer="saliency-own", omega=12).value > 0.8
    with pytest.raises(InputError, match="no callable 'Yours'"):
        explain_recommenders(DATA, Design(recommenders=(f"python:{file}:Yours",)))
