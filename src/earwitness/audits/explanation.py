"""Do the explanations of a recommender tell the truth about it, and briefly?

Conventions: f(u, i) are the recommender's scores and the reference; an explanation weighs at most omega tags of an item
for a user and approximates f by g = theta . t_i, without an intercept. Fidelity is how far g ranks the items as f does
(AP rank correlation, form "a"): 1 the same order, 0 none, higher is better. Complexity is omega. Intervals come from
resampling users; explainers are compared on the same users.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from earwitness.audits._explanation_cells import Question, drawn, fidelities, tied_shares
from earwitness.audits._explanation_provenance import made
from earwitness.audits._explanation_verdicts import verdicts
from earwitness.audits._tables import Row, row, table
from earwitness.datasets.interactions import Interactions, Split
from earwitness.recommend.accuracy import entropy_diversity, per_user_accuracy
from earwitness.recommend.catalogue import load_explainer
from earwitness.recommend.explainers.base import Explainer, checked_omegas
from earwitness.recommend.fidelity import Measure
from earwitness.recommend.protocol import Floats, Recommender, TagModel, as_model
from earwitness.results import AuditResult
from earwitness.stats import Estimate, bootstrap, paired_difference

OMEGAS = (1, 2, 4, 8, 16, 32)
DEFAULT_EXPLAINERS = ("lime", "saliency", "pdp", "random")
_TEXTS = ("explainer", "control", "of")
_NUMBERS = ("omega",)


def explanation(
    recommender: Recommender | TagModel,
    data: Interactions | Split,
    *,
    explainers: Sequence[str | Explainer] = DEFAULT_EXPLAINERS,
    omegas: Sequence[int] = OMEGAS,
    users: int | None = 1000,
    n_items: int | None = None,
    candidates: Literal["unseen", "all"] = "unseen",
    measure: Measure = "tau_ap",
    mainstreaminess: Literal["kl", "tau"] = "kl",
    penalty: float = 0.0,
    penalty_scale: Literal["linear", "log"] = "linear",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """How truly each explainer ranks the items as the recommender does, for each number of tags it may name.

    Parameters
    ----------
    recommender
        One of `earwitness.recommend` that was fitted, or any object with `name` and `score(users, item, tags)`.
    data
        The interactions it was trained on; with a `Split` its accuracy on the test part is reported as well.
    explainers
        Names of `earwitness.recommend.EXPLAINERS`, or explainers.
    omegas
        Complexities: the most tags that an explanation may name.
    users
        Users drawn, of those with training items; None takes them all.
    n_items
        Items drawn to be ranked, the same for every user; None takes the whole catalogue.
    candidates
        "unseen" leaves each user's training items out of the ranking; "all" keeps them.
    measure
        "tau_ap" (counts the top most) or "kendall".
    mainstreaminess
        Form of the user feature: see `Interactions.mainstreaminess`.
    penalty, penalty_scale
        lambda of equation 5.1, taken off the mean fidelity for each tag, or for each log tag.
    seed
        Of the users, items and resamples drawn.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table: `fidelity`, `explainability` and `mainstreaminess correlation` by explainer and omega, `difference` to
        each other explainer, and of the recommender `nDCG@k`, `diversity`, `share tied`. `items` has a row a user,
        explainer and omega.

    Raises
    ------
    InputError
        If a score is NaN, all scores are the same, or an option does not fit the data.

    References
    ----------
    Kim (2021), chapter 5.
    """
    started = perf_counter()
    train = data.train if isinstance(data, Split) else data
    model = as_model(recommender, train)
    chosen = [load_explainer(each) if isinstance(each, str) else each for each in explainers]
    question = Question(
        users=drawn(users, np.diff(train.counts.indptr) > 0, seed, "users with items"),
        items=drawn(n_items, train.n_items, seed, "items"),
        omegas=checked_omegas(omegas, train.n_tags),
        unseen=candidates == "unseen",
        measure=measure,
        feature=mainstreaminess,
    )
    found = {each.name: fidelities(model, each, question) for each in chosen}
    about = accuracy(recommender, data, question) | {"tied": tied_shares(model, question)}
    parameters = described(question, chosen, train) | {"penalty": penalty, "penalty_scale": penalty_scale}
    items = fidelity_rows(train, question, found, about)
    return assembled(model.name, train, items, parameters, made(train, seed, started), n_resamples)


def described(question: Question, explainers: Sequence[Explainer], train: Interactions) -> dict[str, Any]:
    """The options that the numbers depend on."""
    return {
        "explainers": {each.name: _plain(each.settings()) for each in explainers},
        "omegas": list(question.omegas),
        "users": len(question.users),
        "items": len(question.items),
        "catalogue": train.n_items,
        "candidates": "unseen" if question.unseen else "all",
        "measure": question.measure,
        "mainstreaminess": question.feature,
        "list": min(100, train.n_items),
        "penalty": 0.0,
        "penalty_scale": "linear",
    }


def accuracy(recommender: Any, data: Interactions | Split, question: Question) -> dict[str, Floats]:
    """nDCG of each user's list and the diversity of all lists, where there is a test part."""
    if not isinstance(data, Split):
        return {}
    scores = getattr(recommender, "scores", None) or as_model(recommender, data.train).scores
    k = min(100, data.train.n_items)
    values, lists = per_user_accuracy(np.asarray(scores(question.users)), data, question.users, k)
    entropy, share = entropy_diversity(lists.items, data.train.n_items)
    return {"ndcg": values, "entropy": np.array(entropy), "share": np.array(share)}


def _plain(settings: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in settings.items() if key != "name"}


def fidelity_rows(
    train: Interactions, question: Question, found: dict[str, Floats], about: dict[str, Floats]
) -> pd.DataFrame:
    """A row a user, explainer and omega; the user's own columns are repeated."""
    ids = train.users[question.users]
    feature = train.mainstreaminess(question.feature)[question.users]
    frames = [
        pd.DataFrame(
            {
                "user": np.tile(ids, len(question.omegas)),
                "explainer": name,
                "omega": np.repeat(question.omegas, len(ids)),
                "fidelity": values.T.ravel(),
                "mainstreaminess": np.tile(feature, len(question.omegas)),
                **{
                    key: np.tile(np.broadcast_to(about[key], len(ids)), len(question.omegas))
                    for key in sorted({"ndcg", "tied", "entropy", "share"} & about.keys())
                },
            }
        )
        for name, values in found.items()
    ]
    return pd.concat(frames, ignore_index=True)


def assembled(
    name: str,
    train: Interactions,
    items: pd.DataFrame,
    parameters: dict[str, Any],
    provenance: dict[str, Any],
    n_resamples: int,
) -> AuditResult:
    """The result from its rows a user, explainer and omega."""
    rows = summarized(items, parameters, provenance["seed"], n_resamples)
    result = AuditResult(
        audit="explanation",
        encoder=name,
        dataset=train.name,
        table=table(rows, _TEXTS, _NUMBERS),
        verdicts=(),
        parameters=parameters,
        provenance=provenance,
        items=items,
        skipped=train.skipped,
    )
    return AuditResult(**{**vars(result), "verdicts": verdicts(result)})


def summarized(items: pd.DataFrame, parameters: dict[str, Any], seed: int, n_resamples: int) -> list[Row]:
    """Every row of the table."""
    rng = np.random.default_rng([seed, 29])
    by = {
        (str(explainer), int(str(omega))): frame.set_index("user")
        for (explainer, omega), frame in items.groupby(["explainer", "omega"], sort=False)
    }
    rows: list[Row] = []
    for (explainer, omega), frame in by.items():
        fidelity = _known(frame["fidelity"])
        estimate = bootstrap(fidelity, n_resamples=n_resamples, rng=rng) if len(fidelity) else _nothing()
        rows.append(row("fidelity", estimate, explainer=explainer, omega=omega))
        if parameters["penalty"]:
            price = parameters["penalty"] * (omega if parameters["penalty_scale"] == "linear" else np.log(omega))
            shifted = Estimate(estimate.value - price, estimate.low - price, estimate.high - price, estimate.n)
            rows.append(row("explainability", shifted, explainer=explainer, omega=omega))
    explainers, omegas = list(dict.fromkeys(e for e, _ in by)), sorted({o for _, o in by})
    for omega in omegas:
        for k, a in enumerate(explainers):
            rows += [
                _difference(by[a, omega], by[b, omega], a, b, omega, n_resamples, rng) for b in explainers[k + 1 :]
            ]
    for (explainer, omega), frame in by.items():
        pairs = frame[["mainstreaminess", "fidelity"]].dropna().to_numpy()
        if len(pairs) >= 3:
            # Ranked once: ranking each resample anew costs a hundred times as much and moves the limits by hundredths.
            estimate = bootstrap(rankdata(pairs, axis=0), _correlation, n_resamples=n_resamples, rng=rng)
            rows.append(row("mainstreaminess correlation", estimate, explainer=explainer, omega=omega))
    return rows + _of_the_recommender(next(iter(by.values())), parameters, n_resamples, rng)


def _known(values: pd.Series) -> Floats:
    return values.dropna().to_numpy(float)


def _nothing() -> Estimate:
    return Estimate(np.nan, np.nan, np.nan, 0, "no user's items have differing scores")


def _difference(
    a: pd.DataFrame, b: pd.DataFrame, first: str, second: str, omega: int, n_resamples: int, rng: np.random.Generator
) -> Row:
    pairs = pd.concat([a["fidelity"], b["fidelity"]], axis=1, keys=["a", "b"]).dropna()
    estimate = paired_difference(pairs["a"], pairs["b"], n_resamples=n_resamples, rng=rng) if len(pairs) else _nothing()
    return row("difference", estimate, explainer=first, control=second, of="fidelity", omega=omega)


def _correlation(pairs: Floats, axis: int = 0) -> Floats:
    """Correlation of the two columns; `axis` is that of the rows."""
    centred = pairs - pairs.mean(axis=axis, keepdims=True)
    x, y = centred[..., 0], centred[..., 1]
    with np.errstate(invalid="ignore"):
        return (x * y).sum(axis) / np.sqrt((x**2).sum(axis) * (y**2).sum(axis))


def _of_the_recommender(
    frame: pd.DataFrame, parameters: dict[str, Any], n_resamples: int, rng: np.random.Generator
) -> list[Row]:
    rows = [row("share tied", bootstrap(_known(frame["tied"]), n_resamples=n_resamples, rng=rng), of="recommender")]
    if "ndcg" in frame and len(known := _known(frame["ndcg"])):
        measure = f"nDCG@{parameters['list']}"
        rows.append(row(measure, bootstrap(known, n_resamples=n_resamples, rng=rng), of="recommender"))
        for name, column in (("diversity", "entropy"), ("diversity share", "share")):
            value = Estimate(float(frame[column].iloc[0]), np.nan, np.nan, len(frame), "of all lists together")
            rows.append(row(name, value, of="recommender"))
    return rows
