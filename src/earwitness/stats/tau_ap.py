"""AP rank correlation: does an estimate order things as the reference does, above all at the top?

Conventions: larger scores rank higher; the reference defines the truth, the estimate the ranking that is judged, so
the two are not exchangeable. Ties in the estimate are averaged over all ways to break them (form "a") or compared as
they are (form "b"). A pair that is tied in the reference counts one half in form "a", as if it were broken at random,
and is no agreement in form "b". Cost O(n log n): one sort of each ranking,
then a Fenwick tree that counts, from the top of the estimate down, how many items above are rightly above.
"""

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def tau_ap(reference: ArrayLike, estimate: ArrayLike, ties: Literal["a", "b"] = "a") -> float:
    r"""AP rank correlation of an estimated ranking with a reference, with ties.

    Without ties both forms are

    .. math:: \tau_{ap} = \frac{2}{n-1} \sum_{r=2}^{n} \frac{C(r)}{r-1} - 1

    where :math:`C(r)` counts the items above rank r of the estimate that the reference too has above its item.

    Parameters
    ----------
    reference, estimate : (n,) arrays
        Scores of the same n >= 2 items in the same order; larger is better.
    ties
        "a": the estimate orders with ties what has a true order; the mean of the coefficient over all ways to break
        its ties. A constant estimate gives exactly 0.
        "b": two rankings with ties are compared for agreement; symmetric. NaN where either is constant.

    Returns
    -------
    float
        From -1 (reversed) over 0 (no relation) to 1 (the same order).

    Raises
    ------
    InputError
        If the lengths differ, there are fewer than two items, or a score is NaN or infinite.

    References
    ----------
    Yilmaz, Aslam and Robertson (2008). A new rank correlation coefficient for information retrieval. Urbano and
    Marrero (2017). The treatment of ties in AP correlation. Kim (2021), equation 5.21.

    Examples
    --------
    >>> tau_ap([4, 3, 2, 1], [9, 7, 8, 1]) < tau_ap([4, 3, 2, 1], [9, 8, 1, 7])  # a swap near the top costs more
    True
    """
    x, y = _checked(reference, "reference"), _checked(estimate, "estimate")
    if x.shape != y.shape:
        raise InputError(f"the reference has {len(x)} scores and the estimate {len(y)}: give both for the same items")
    if ties == "a":
        return float(tau_ap_of_ranks(dense_ranks(x), y))
    if ties == "b":
        return (_agreement(x, y) + _agreement(y, x)) / 2
    raise InputError(f"ties is {ties!r}: choose 'a' (the estimate has ties, the truth has none) or 'b' (agreement)")


def dense_ranks(scores: Floats) -> Integers:
    """Rank of each score among the distinct ones, 0 for the lowest: (n,) integers."""
    order = np.argsort(scores)
    steps = np.empty(len(scores), np.int64)
    steps[0] = 0
    np.cumsum(np.diff(scores[order]) > 0, out=steps[1:])
    ranks = np.empty_like(steps)
    ranks[order] = steps
    return ranks


def tau_ap_of_ranks(ranks: Integers, estimate: Floats) -> float:
    """Form "a" where the reference's `dense_ranks` are known: one reference often judges many estimates."""
    order = np.argsort(-estimate)
    if ranks.max() == ranks.min():
        return 0.0
    return float(_ranked(ranks[order], _group_starts(estimate[order]), _harmonic(len(order))))


def _checked(values: ArrayLike, name: str) -> Floats:
    scores = np.asarray(values, dtype=float)
    if scores.ndim != 1 or len(scores) < 2:
        raise InputError(
            f"the {name} has shape {scores.shape}: a ranking needs one score for each of two items or more"
        )
    if not np.isfinite(scores).all():
        raise InputError(
            f"score {int(np.argmin(np.isfinite(scores)))} of the {name} is NaN or infinite: drop that item"
        )
    return scores


def _group_starts(descending: Floats) -> Integers:
    """Where each group of equal values begins, and the end: (groups + 1,)."""
    return np.concatenate([[0], np.flatnonzero(np.diff(descending)) + 1, [len(descending)]]).astype(np.int64)


def _harmonic(n: int) -> Floats:
    """H(0), H(1), ..., H(n - 1)."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n))])


def _agreement(x: Floats, y: Floats) -> float:
    """The non-symmetric half of form "b": y's tie groups are ranked as they are."""
    order = np.argsort(-y)
    starts = _group_starts(y[order])
    if len(starts) == 2:
        return np.nan
    return float(_grouped(dense_ranks(x)[order], starts))


@njit(cache=True)
def _insert(tree: Integers, rank: int) -> None:
    node = rank + 1
    while node < len(tree):
        tree[node] += 1
        node += node & -node


@njit(cache=True)
def _up_to(tree: Integers, rank: int) -> int:
    """How many inserted items have this rank or a lower one."""
    total = 0
    node = rank + 1
    while node > 0:
        total += tree[node]
        node -= node & -node
    return total


@njit(cache=True)
def _above(tree: Integers, rank: int, inserted: int, credit: float) -> float:
    """How many inserted items have a higher rank, those of the same rank counted as `credit` each."""
    below_or_equal = _up_to(tree, rank)
    equal = below_or_equal - _up_to(tree, rank - 1)
    return inserted - below_or_equal + credit * equal


@njit(cache=True)
def _ranked(ranks: Integers, starts: Integers, harmonic: Floats) -> float:
    """Form "a", equation 5.21; `ranks` in the estimate's order, tie groups between `starts`."""
    n = len(ranks)
    tree = np.zeros(ranks.max() + 2, np.int64)
    total = 0.0
    for g in range(len(starts) - 1):
        p, t = starts[g] + 1, starts[g + 1] - starts[g]
        if p > 1:
            share = (harmonic[p + t - 2] - harmonic[p - 2]) / t
            above = 0.0
            for i in range(starts[g], starts[g + 1]):
                above += _above(tree, ranks[i], starts[g], 0.5)
            total += above * share
        if t > 1:
            total += 0.5 * ((t - 1) - (p - 1) * (harmonic[p + t - 2] - harmonic[p - 1]))
        for i in range(starts[g], starts[g + 1]):
            _insert(tree, ranks[i])
    return 2 * total / (n - 1) - 1


@njit(cache=True)
def _grouped(ranks: Integers, starts: Integers) -> float:
    n = len(ranks)
    tree = np.zeros(ranks.max() + 2, np.int64)
    total = 0.0
    for g in range(len(starts) - 1):
        if g > 0:
            for i in range(starts[g], starts[g + 1]):
                total += _above(tree, ranks[i], starts[g], 0.0) / starts[g]
        for i in range(starts[g], starts[g + 1]):
            _insert(tree, ranks[i])
    return 2 * total / (n - starts[1]) - 1
