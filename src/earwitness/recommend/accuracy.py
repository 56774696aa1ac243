"""How good a recommender is before anybody explains it: nDCG of its lists and how widely it draws on the catalogue.

Conventions: candidates are all items without those the user had in training; relevance is binary (the user has the
item in the test part); k is the length of the list.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.datasets.interactions import Interactions, Split
from earwitness.errors import InputError
from earwitness.recommend.protocol import Floats, Integers


@dataclass(frozen=True)
class Lists:
    """Recommended lists: item positions (users, k), best first, and the users they are for."""

    users: Integers
    items: Integers


def recommended(scores: Floats, train: Interactions, users: Integers, k: int = 100) -> Lists:
    """The k best candidates a user.

    Raises
    ------
    InputError
        If a score is NaN or infinite, or k exceeds the catalogue.
    """
    if k > train.n_items:
        raise InputError(f"lists of {k} items cannot be drawn from {train.n_items}: choose a smaller k")
    if not np.isfinite(scores).all():
        raise InputError(f"the recommender gives NaN or infinity for user {train.users[users[_first_bad(scores)]]!r}")
    candidates = scores.astype(float)
    for row, user in enumerate(users):
        candidates[row, train.consumed(int(user))] = -np.inf
    best = np.argpartition(-candidates, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(candidates, best, 1), axis=1, kind="stable")
    return Lists(np.asarray(users), np.take_along_axis(best, order, 1))


def _first_bad(scores: Floats) -> int:
    return int(np.argmax(~np.isfinite(scores).all(1)))


def ndcg(lists: Lists, test: Interactions) -> Floats:
    r"""Normalised discounted cumulative gain of each list, binary relevance.

    .. math:: \sum_{hits\ at\ r} \frac{1}{\log_2(r + 1)} \Big/ \sum_{r=1}^{\min(k, |test|)} \frac{1}{\log_2(r + 1)}

    Returns
    -------
    (users,) array
        From 0 to 1; NaN for users without test items.
    """
    gain = 1 / np.log2(np.arange(2, lists.items.shape[1] + 2))
    ideal = np.cumsum(gain)
    values = np.full(len(lists.users), np.nan)
    for row, user in enumerate(lists.users):
        wanted = test.consumed(int(user))
        if len(wanted):
            values[row] = gain[np.isin(lists.items[row], wanted)].sum() / ideal[min(len(wanted), len(gain)) - 1]
    return values


def entropy_diversity(items: NDArray[np.int64], n_items: int) -> tuple[float, float]:
    """Entropy of the delivered items and the same as a share of the largest possible one.

    Parameters
    ----------
    items : (users, p) array
        What was delivered to whom.
    n_items
        Size of the catalogue: p times the users cannot all differ where there are fewer items.

    Returns
    -------
    entropy, share
        Natural logarithm (Kim 2021, equation 5.13, summed over all delivered items); share of log min(p users, items).
    """
    q = np.bincount(items.ravel(), minlength=n_items) / items.size
    entropy = float(-(q[q > 0] * np.log(q[q > 0])).sum())
    return entropy, entropy / float(np.log(max(2, min(items.size, n_items))))


def per_user_accuracy(scores: Floats, split: Split, users: Integers, k: int = 100) -> tuple[Floats, Lists]:
    """nDCG@k of each user's list on the test part, and the lists."""
    lists = recommended(scores, split.train, users, k)
    return ndcg(lists, split.test), lists
