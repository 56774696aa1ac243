"""KernelSHAP over an item's own tags: a fair share of f(t_i) - f(no tags) for each of them, for all users at once."""

from itertools import product
from math import comb
from typing import NamedTuple

import numpy as np

from earwitness.errors import InputError
from earwitness.recommend.explainers.base import Explanation, Truncated, keep_largest
from earwitness.recommend.protocol import Floats, Integers, TagModel


class Coalitions(NamedTuple):
    """Tags left on (rows, k), neither all nor none, and the weight of each row."""

    on: Floats
    weights: Floats


class KernelSHAP(Truncated):
    """Shapley values of the item's own tags by weighted least squares.

    Where all coalitions fit into `samples` they are enumerated and the values are exact; else coalitions are drawn with
    the Shapley kernel's probabilities, each together with its complement.

    Parameters
    ----------
    samples
        Coalitions an item.
    seed
        Of the draw.

    References
    ----------
    Lundberg and Lee (2017). A unified approach to interpreting model predictions. Covert and Lee (2021), for the
    paired draw.
    """

    name = "kernel-shap"

    def __init__(self, *, samples: int = 1000, seed: int = 0) -> None:
        if samples < 2:
            raise InputError(f"KernelSHAP with {samples} samples: give 2 or more, usually hundreds")
        self.samples = samples
        self.seed = seed

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """As in `Truncated`."""
        columns, values = model.data_.own_tags(item)
        k = len(columns)
        if k == 0:
            return Explanation(np.full((len(users), largest), -1), np.zeros((len(users), largest)))
        ends = np.asarray(model.scored(users, item, np.stack([np.zeros(k), values]), columns), dtype=float)
        rise = ends[:, 1] - ends[:, 0]
        if k == 1:
            return keep_largest(rise[:, None] / values, columns, largest)
        coalitions = self.coalitions(item, k)
        scores = np.asarray(model.scored(users, item, coalitions.on * values, columns), dtype=float)
        return keep_largest(shapley_values(coalitions, scores - ends[:, :1], rise) / values, columns, largest)

    def coalitions(self, item: int, k: int) -> Coalitions:
        """Coalitions of k tags: all of them, or a sample."""
        if k < 31 and 2**k - 2 <= self.samples:
            on = np.array(list(product((0.0, 1.0), repeat=k)))[1:-1]
            weight = np.array([0.0] + [(k - 1) / (comb(k, s) * s * (k - s)) for s in range(1, k)])
            return Coalitions(on, weight[on.sum(1).astype(int)])
        rng = np.random.default_rng([self.seed, 19, item])
        size = np.arange(1, k)
        chance = 1 / (size * (k - size))
        sizes = rng.choice(size, self.samples // 2, p=chance / chance.sum())
        half = (rng.random((len(sizes), k)).argsort(1).argsort(1) < sizes[:, None]).astype(float)
        on = np.concatenate([half, 1 - half])
        return Coalitions(on, np.ones(len(on)))


def shapley_values(coalitions: Coalitions, gains: Floats, rise: Floats) -> Floats:
    """(users, k) least-squares shares of gains (users, coalitions) over no tags, which sum to `rise` (users,)."""
    weighted = coalitions.on * coalitions.weights[:, None]
    inverse = np.linalg.pinv(coalitions.on.T @ weighted, hermitian=True)
    free = (gains @ weighted) @ inverse
    ones = inverse.sum(1)
    return free - (free.sum(1) - rise)[:, None] * ones / ones.sum()
