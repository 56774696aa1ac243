"""Weights drawn by chance: what every other explainer must beat (Kim 2021, equation 5.15)."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtri

from earwitness.recommend.explainers.base import Explanation, Truncated
from earwitness.recommend.protocol import Integers, TagModel


class RandomWeights(Truncated):
    """A standard normal weight for every tag, drawn afresh for every user and item, the largest kept.

    The kept weights are drawn directly: which tags they fall on is uniform, and the largest of n absolute values follow
    from n uniform numbers, the largest of which is V^(1/n). So the cost is that of omega draws and not of all tags.

    Parameters
    ----------
    seed
        Of the draws; a user and item always get the same weights.
    """

    name = "random"

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """As in `Truncated`."""
        tags, uniform = _largest_of_uniform(np.asarray(users), item, self.seed, model.data_.n_tags, largest)
        signs = np.where(tags % 2 == 0, 1.0, -1.0)
        return Explanation(tags // 2, signs * ndtri((1 + uniform) / 2))


@njit(cache=True)
def _mixed(state: np.uint64) -> np.uint64:
    """One step of SplitMix64: a well-mixed function of its argument."""
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def _largest_of_uniform(
    users: NDArray[np.int64], item: int, seed: int, n_tags: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Twice the tag position plus a random bit for the sign, and the largest of n_tags uniform numbers, descending."""
    tags = np.empty((len(users), count), np.int64)
    values = np.empty((len(users), count))
    deck = np.arange(n_tags)
    swaps = np.empty(count, np.int64)
    for row in range(len(users)):
        state = _mixed(_mixed(_mixed(np.uint64(seed)) ^ np.uint64(item)) ^ np.uint64(users[row]))
        top = 1.0
        for k in range(count):
            state = _mixed(state)
            top *= ((np.float64(state >> np.uint64(11)) + 0.5) / 9007199254740992.0) ** (1.0 / (n_tags - k))
            state = _mixed(state)
            # A shuffle of the first `count` cards, undone below so that each row costs no more than it draws.
            swaps[k] = k + np.int64((state >> np.uint64(1)) % np.uint64(n_tags - k))
            deck[k], deck[swaps[k]] = deck[swaps[k]], deck[k]
            tags[row, k] = 2 * deck[k] + np.int64(state & np.uint64(1))
            values[row, k] = top
        for k in range(count - 1, -1, -1):
            deck[k], deck[swaps[k]] = deck[swaps[k]], deck[k]
    return tags, values
