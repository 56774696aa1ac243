"""Partial dependence: what a tag does to a user's scores on average, the same for every item (Kim 2021, 5.16, 5.17)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.recommend.explainers.base import Explainer, Explanation, Truncated, keep_largest
from earwitness.recommend.protocol import Integers, TagModel


class PartialDependence(Truncated):
    """Scores with a tag switched on, averaged over items of the user's history, each keeping its own identity.

    Parameters
    ----------
    form
        "raw", as printed: the mean score with the tag on. Each weight then holds the user's mean score as well.
        "difference": on minus off, which takes that constant out; for a model linear in tags the mean gradient.
    background
        Items drawn from the user's history without replacement; None takes them all.
    seed
        Of the draw.
    """

    def __init__(
        self, *, form: Literal["raw", "difference"] = "raw", background: int | None = None, seed: int = 0
    ) -> None:
        self.form = form
        self.background = background
        self.seed = seed
        self.name = "pdp" if form == "raw" else "pdp-difference"

    def prepare(self, model: TagModel, users: Integers, largest: int) -> Explainer:
        """Average over the background: the result holds for every item."""
        theta = self.dependence(model, users)
        return _SameForEveryItem(self.name, users, keep_largest(theta, np.arange(theta.shape[1]), largest))

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """As in `Truncated`."""
        del item
        return keep_largest(self.dependence(model, users), np.arange(model.data_.n_tags), largest)

    def dependence(self, model: TagModel, users: Integers) -> NDArray[np.float64]:
        """(users, tags) partial dependence of the users' scores on each tag."""
        data = model.data_
        total, count = np.zeros((len(users), data.n_tags)), np.zeros(len(users))
        for item, rows in self._by_item(model, users):
            base = model._as_it_is(users[rows], item).astype(float)
            moved = model.switched(users[rows], item).astype(float)
            columns, _ = data.own_tags(item)
            off = moved[:, columns].copy()
            moved[:, columns] = base  # the tag is on already
            if self.form == "difference":
                moved -= base
                moved[:, columns] = base - off
            total[rows] += moved
            count[rows] += 1
        return total / np.maximum(count, 1)[:, None]

    def _by_item(self, model: TagModel, users: Integers) -> list[tuple[int, Integers]]:
        """Each background item with the rows of the users it is drawn for, so that users share its tag vectors."""
        rows, items = [], []
        for row, user in enumerate(users):
            history = model.data_.consumed(int(user))
            if self.background is not None and len(history) > self.background:
                rng = np.random.default_rng([self.seed, 13, int(user)])
                history = rng.choice(history, self.background, replace=False)
            rows += [row] * len(history)
            items += history.tolist()
        order = np.argsort(items, kind="stable")
        found, start = np.unique(np.asarray(items)[order], return_index=True)
        return list(zip(found.tolist(), np.split(np.asarray(rows)[order], start[1:]), strict=True))


class _SameForEveryItem(Truncated):
    def __init__(self, name: str, users: Integers, weights: Explanation) -> None:
        self.name = name
        self.rows_ = {int(user): row for row, user in enumerate(users)}
        self.weights_ = weights

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        del model, item
        rows = [self.rows_[int(user)] for user in users]
        return Explanation(self.weights_.tags[rows, :largest], self.weights_.weights[rows, :largest])
