"""Interactions with a known taste, made for the tests of this room."""

import numpy as np
import pandas as pd
import scipy.sparse as sp

from earwitness.datasets.interactions import Interactions, from_tables


def planted(n_users: int = 40, n_items: int = 30, n_tags: int = 12, seed: int = 0, other: float = 0.15) -> Interactions:
    """Four kinds of items and users; items carry tags of their kind, and some at random."""
    rng = np.random.default_rng(seed)
    taste, kind = rng.integers(0, 4, n_users), rng.integers(0, 4, n_items)
    like = rng.random((n_users, n_items)) < np.where(taste[:, None] == kind[None, :], 0.6, other)
    rows = [(f"u{u}", f"i{i}", int(rng.integers(1, 30))) for u, i in zip(*np.nonzero(like), strict=True)]
    tags = [(f"i{i}", f"t{3 * kind[i] + k}") for i in range(n_items) for k in range(3) if rng.random() < 0.8]
    tags += [(f"i{i}", f"t{t}") for i in range(n_items) for t in rng.choice(n_tags, 2, replace=False)]
    return from_tables(
        pd.DataFrame(rows, columns=["user", "item", "weight"]),
        pd.DataFrame(tags, columns=["item", "tag"]),
        name="planted",
        repeats="add",
    )


def tagged(item_tags: np.ndarray, counts: np.ndarray) -> Interactions:
    """Interactions of given matrices."""
    sizes = (*counts.shape, item_tags.shape[1])
    users, items, tags = ([f"{what}{k}" for k in range(n)] for what, n in zip("uit", sizes, strict=True))
    ids = [np.array(names, dtype=object) for names in (users, items, tags, items)]
    return Interactions("given", sp.csr_matrix(counts, dtype=float), sp.csr_matrix(item_tags, dtype=float), *ids)


class LinearTaste:
    """A black box that is linear in the tags, with one weight a user and tag."""

    name = "linear taste"

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def score(self, users, item, tags):
        del item
        return self.weights[users] @ np.asarray(tags).T
