"""What an explained recommender is: a score of an item for a user as a function of the item's tags.

Conventions: f(u, i, t) is the score of item i for user u, had the item the tag vector t and stayed the same otherwise.
Normalisers that a model takes from the item's tags (a row norm, the number of tags) are held at the unperturbed item:
if they followed t, f would not change with the length of t, and the exact gradient would sum to zero over the item's
tags by Euler's theorem, whatever the model had learnt. Users and items are positions in `Interactions`.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError

if TYPE_CHECKING:
    import torch

Floats = NDArray[Any]
Integers = NDArray[np.int64]


@runtime_checkable
class Recommender(Protocol):
    """What a black box of one's own must offer to be explained.

    `score(users, item, tags)` takes user positions (u,), one item position and tag vectors (m, all tags), and returns
    the (u, m) scores of that item for each user had it each of these tag vectors. If it also takes a torch tensor as
    `tags` and returns one, saliency uses its gradient; else central differences.
    """

    name: str

    def score(self, users: Integers, item: int, tags: Floats) -> Floats: ...


class TagModel(ABC):
    """A recommender with what the explainers can use to be fast; every default rests on `scored` alone.

    A subclass learns in `fit`, which stores the `Interactions` it learnt from as `data_`.
    """

    name: str
    data_: Interactions

    @abstractmethod
    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """(u, m) scores of one item had it the tags `columns` with values `tags` (m, k), and no other."""

    def score(self, users: Integers, item: int, tags: Floats) -> Floats:
        """(u, m) scores of one item had it each of these tag vectors (m, all tags)."""
        columns = np.arange(self.data_.n_tags)
        return self.scored(np.asarray(users), item, tags, columns)

    def scores(self, users: Integers) -> Floats:
        """(u, items) scores of every item as it is."""
        columns = [self._as_it_is(users, item) for item in range(self.data_.n_items)]
        return np.concatenate(columns, axis=1)

    def _as_it_is(self, users: Integers, item: int) -> Floats:
        columns, values = self.data_.own_tags(item)
        return self.scored(users, item, values[None, :], columns)

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """(u, w) derivatives of the score by the tags `wanted`, where the item has `tags` (k,) in `columns`."""
        t = np.zeros(self.data_.n_tags)
        t[columns] = tags
        return _by_autograd(self, users, item, t, wanted)

    def switched(self, users: Integers, item: int) -> Floats:
        """(u, all tags) scores with each tag in turn in its other state: off where the item has it, else on."""
        t = np.zeros(self.data_.n_tags)
        columns, values = self.data_.own_tags(item)
        t[columns] = values
        return self.score(users, item, switched_rows(t))


def switched_rows(t: Floats) -> Floats:
    """(tags, tags): the tag vector with tag k in its other state in row k; a tag that is switched on gets 1."""
    rows = np.repeat(t[None, :], len(t), axis=0)
    np.fill_diagonal(rows, np.where(t == 0, 1.0, 0.0))
    return rows


def _by_autograd(model: Recommender | TagModel, users: Integers, item: int, t: Floats, wanted: Integers) -> Floats:
    """The gradient through torch where the score takes and returns tensors, else by central differences."""
    import torch

    tags = torch.tensor(t[None, :], requires_grad=True)
    try:
        scores: Any = model.score(users, item, tags)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        scores = None  # numpy refuses a tensor that needs a gradient, each operation with words of its own
    if isinstance(scores, torch.Tensor) and scores.requires_grad:
        return np.stack([_derivative(scores[u, 0], tags)[wanted] for u in range(len(users))])
    steps = np.zeros((2 * len(wanted), len(t)))
    size = 1e-4
    steps[np.arange(len(wanted)), wanted] = size
    steps[np.arange(len(wanted)) + len(wanted), wanted] = -size
    moved = np.asarray(model.score(users, item, t + steps))
    return (moved[:, : len(wanted)] - moved[:, len(wanted) :]) / (2 * size)


def _derivative(score: "torch.Tensor", tags: "torch.Tensor") -> Floats:
    import torch

    return torch.autograd.grad(score, tags, retain_graph=True)[0][0].numpy()


class BlackBox(TagModel):
    """A recommender of one's own, with the defaults of `TagModel` around its `score`.

    Parameters
    ----------
    recommender
        Any object with `name` and `score(users, item, tags)`.
    data
        The interactions it was trained on.
    """

    def __init__(self, recommender: Recommender, data: Interactions) -> None:
        self.recommender = recommender
        self.name = str(recommender.name)
        self.data_ = data

    def score(self, users: Integers, item: int, tags: Any) -> Any:
        """The recommender's own score, checked for shape."""
        scores = self.recommender.score(users, item, tags)
        if tuple(np.shape(scores)) != (len(users), len(tags)):
            raise InputError(
                f"{self.name}: score() returned shape {tuple(np.shape(scores))} for {len(users)} users and {len(tags)} "
                f"tag vectors; return ({len(users)}, {len(tags)})"
            )
        return scores

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`; the recommender gets whole tag vectors."""
        rows = np.zeros((len(tags), self.data_.n_tags))
        rows[:, columns] = tags
        return np.asarray(self.score(users, item, rows), dtype=float)


def as_model(recommender: Recommender | TagModel, data: Interactions) -> TagModel:
    """What the explainers work on.

    Raises
    ------
    InputError
        If the object has no name or no `score`.
    """
    if isinstance(recommender, TagModel):
        return recommender
    if not isinstance(recommender, Recommender):
        raise InputError(
            f"a {type(recommender).__name__} cannot be explained: it needs `name` and `score(users, item, tags)`"
        )
    return BlackBox(recommender, data)


def like(tags: Any) -> Any:
    """A function that turns arrays into what `tags` is, numpy or torch, so that one formula serves both."""
    if isinstance(tags, np.ndarray):
        return np.asarray
    import torch

    return lambda array: torch.as_tensor(np.ascontiguousarray(array), dtype=tags.dtype)
