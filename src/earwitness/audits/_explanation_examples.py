"""Worked examples: what each explainer says of a few recommended items, to be read by a person."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from earwitness.audits._explanation_cells import Floats, Question, candidates, checked_scores
from earwitness.datasets.interactions import Interactions
from earwitness.recommend.explainers.base import Explainer
from earwitness.recommend.protocol import TagModel

MOST_TAGS = 5


def worked(model: TagModel, explainers: Sequence[Explainer], question: Question, count: int) -> dict[str, Floats]:
    """The explanations of the `count` best items of the user of middling mainstreaminess, as columns of numbers.

    Columns: user and item position, place in the ranking, number of the explainer, tag position, weight, and whether
    what is explained by its tags (the item, or the user's profile) has the tag.
    """
    feature = model.data_.mainstreaminess(question.feature)[question.users]
    known = np.where(np.isfinite(feature), feature, -np.inf)
    row = int(np.argsort(known, kind="stable")[len(known) // 2])
    scores = np.where(candidates(model.data_, question)[row], checked_scores(model, question)[row], -np.inf)
    best = np.argsort(-scores, kind="stable")[: min(count, int(np.isfinite(scores).sum()))]
    user = int(question.users[row])
    omega = min(MOST_TAGS, model.data_.n_tags)
    swapped = getattr(model, "swapped_", None)
    found = []
    for number, explainer in enumerate(explainers):
        for place, column in enumerate(best, start=1):
            item = int(question.items[column])
            described, who, what = (model, user, item) if swapped is None else (swapped, item, user)
            for_whom = np.array([who])
            said = explainer.prepare(described, for_whom, omega).explain(described, for_whom, what, [omega])[0]
            own = set(described.data_.own_tags(what)[0])
            order = np.argsort(-np.abs(said.weights[0]), kind="stable")
            found += [
                (user, item, place, number, said.tags[0, k], said.weights[0, k], said.tags[0, k] in own)
                for k in order
                if said.tags[0, k] >= 0
            ]
    return {"rows": np.array(found, dtype=float).reshape(-1, 7)}


def in_words(rows: Floats, explainers: Sequence[str], train: Interactions) -> list[dict[str, Any]]:
    """The rows of `worked` with names in the place of positions; `own` says whether what is explained has the tag."""
    return [
        {
            "user": str(train.users[int(user)]),
            "title": str(train.titles[int(item)]),
            "place": int(place),
            "explainer": explainers[int(number)],
            "tag": str(train.tags[int(tag)]),
            "weight": float(f"{weight:.6g}"),
            "own": bool(own),
        }
        for user, item, place, number, tag, weight, own in rows
    ]
