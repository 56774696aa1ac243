"""What an explanation is, and how it is cut to a number of tags.

Conventions: an explanation of (user u, item i) is a vector theta over the tags with at most omega entries that are not
zero. It approximates the score by g = theta . t_i, without an intercept: one would copy the score itself and say
nothing about tags. "Largest" is largest in absolute value; among equals the lower tag position comes first.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.recommend.protocol import Floats, Integers, TagModel

Support = Literal["all", "own"]


@dataclass(frozen=True)
class Explanation:
    """Sparse weights of one item for several users, largest first; absent tags are -1 with weight 0.

    Attributes
    ----------
    tags : (users, omega) array
        Tag positions.
    weights : (users, omega) array
        Their weights.
    """

    tags: Integers
    weights: Floats

    def approximate(self, columns: Integers, values: Floats) -> Floats:
        """(users,) approximated scores theta . t of an item with these tags."""
        return self.partial_sums(columns, values)[:, -1]

    def partial_sums(self, columns: Integers, values: Floats) -> Floats:
        """(users, omega) approximated scores by the first 1, 2, ..., omega weights."""
        lookup = np.zeros(max(self.tags.max(initial=0), columns.max(initial=0)) + 2)
        lookup[columns] = values
        lookup[-1] = 0.0  # where a position of -1 points
        return np.cumsum(self.weights * lookup[self.tags], axis=1)

    def dense(self, n_tags: int) -> Floats:
        """(users, tags) weights, zero where there is none."""
        full = np.zeros((len(self.tags), n_tags + 1))
        np.put_along_axis(full, np.where(self.tags < 0, n_tags, self.tags), self.weights, 1)
        full[:, n_tags] = 0
        return full[:, :n_tags]


class Explainer(ABC):
    """Weights of tags that claim to explain a recommender's scores.

    `explain` is for one item and many users; `prepare` does once what does not depend on the item. The randomness of a
    draw comes from `seed` and from what is explained, never from the order of the calls.
    """

    name: str
    seed: int = 0

    def prepare(self, model: TagModel, users: Integers, largest: int) -> "Explainer":
        """The explainer made ready for these users and at most `largest` tags."""
        del model, users, largest
        return self

    @abstractmethod
    def explain(self, model: TagModel, users: Integers, item: int, omegas: Sequence[int]) -> list[Explanation]:
        """One explanation for each complexity in `omegas`, of this item for every user."""

    def settings(self) -> dict[str, object]:
        """Every option that the weights depend on."""
        return {key: value for key, value in vars(self).items() if not key.endswith("_")}


class Truncated(Explainer):
    """An explainer that weighs all tags at once and then keeps the largest: a larger omega only adds tags."""

    @abstractmethod
    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """The `largest` first weights, in descending absolute value."""

    def explain(self, model: TagModel, users: Integers, item: int, omegas: Sequence[int]) -> list[Explanation]:
        """As in `Explainer`."""
        full = self.ranked(model, users, item, max(omegas))
        return [Explanation(full.tags[:, :omega], full.weights[:, :omega]) for omega in omegas]


def checked_omegas(omegas: Sequence[int], n_tags: int) -> tuple[int, ...]:
    """The complexities in ascending order.

    Raises
    ------
    InputError
        If there is none, one is below 1, or one is more than there are tags.
    """
    chosen = tuple(sorted(set(omegas)))
    if not chosen or chosen[0] < 1:
        raise InputError(f"omega is {list(omegas)}: give numbers of tags from 1")
    if chosen[-1] > n_tags:
        raise InputError(f"omega {chosen[-1]}: the items have {n_tags} different tags; choose at most that")
    return chosen


def keep_largest(theta: Floats, positions: Integers, count: int) -> Explanation:
    """The `count` largest of weights (users, k) on the tags `positions` (k,)."""
    place, weights = largest_entries(np.ascontiguousarray(theta, dtype=np.float64), count)
    return Explanation(np.append(positions, -1)[place], weights)  # place -1 is the last: no tag


@njit(cache=True)
def largest_entries(theta: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Column numbers and values (rows, count) of each row's largest entries, largest first; -1 and 0 where none is."""
    rows, columns = theta.shape
    place = np.full((rows, count), -1, np.int64)
    values = np.zeros((rows, count))
    for r in range(rows):
        held = 0
        for k in range(columns):
            size = abs(theta[r, k])
            if size == 0 or (held == count and size <= abs(values[r, held - 1])):
                continue
            spot = held if held < count else count - 1
            while spot > 0 and size > abs(values[r, spot - 1]):
                values[r, spot] = values[r, spot - 1]
                place[r, spot] = place[r, spot - 1]
                spot -= 1
            values[r, spot] = theta[r, k]
            place[r, spot] = k
            held = min(held + 1, count)
    return place, values
