"""Agreement of two rankings that cares most about the top: is an explanation's order the order it explains?

Conventions: larger scores are better. The reference says what is true, the estimate what is shown; the measure is not
symmetric. -1 is the reversed order, 0 no better than chance, 1 the same order.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]


def tau_ap(reference: ArrayLike, estimate: ArrayLike, ties: Literal["a", "b"] = "a") -> float:
    r"""AP rank correlation, with ties.

    Without ties the item at rank r of the estimate adds the share of the r - 1 items above it that are rightly above:

    .. math:: \tau_{ap} = \frac{2}{n-1} \sum_{r=2}^{n} \frac{c_r}{r-1} - 1

    Parameters
    ----------
    reference, estimate : (n,) arrays
        Scores of the same items; finite.
    ties
        "a": accuracy of an estimate with ties, the mean over all ways to break them; items tied in the reference count
        one half. "b": agreement of two rankings, either of which may have ties, in both directions.

    Returns
    -------
    float
        From -1 to 1. NaN for fewer than two items, and for "b" where either is constant. O(n log n).

    Raises
    ------
    InputError
        If lengths differ or a score is not finite.

    References
    ----------
    Yilmaz, Aslam and Robertson (2008). A new rank correlation coefficient for information retrieval. Urbano and
    Marrero (2017). The treatment of ties in AP correlation. Kim (2021), equation 5.21.

    Examples
    --------
    >>> round(tau_ap([4, 3, 2, 1], [9, 7, 8, 1]), 6)
    0.666667
    """
    x, y = np.asarray(reference, dtype=float), np.asarray(estimate, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(f"reference has shape {x.shape}, estimate {y.shape}: give one score of each for every item")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("some scores are NaN or infinite: drop those items, they have no rank")
    if ties not in ("a", "b"):
        raise InputError(f"ties is {ties!r}: choose 'a' (accuracy) or 'b' (agreement)")
    if len(x) < 2:
        return float("nan")
    if ties == "a":
        return _accuracy(x, y)
    return (_agreement(x, y) + _agreement(y, x)) / 2


def _accuracy(x: Floats, y: Floats) -> float:
    """Mean of tau_ap over every way to break ties, by harmonic numbers."""
    order, first, size = _groups(y)
    concordant = np.add.reduceat(rightly_above(_dense_ranks(x)[order], first, size, 0.5), first)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(x) + 1))])  # H(0), H(1), ...
    p, t = first + 1, size  # ranks count from 1
    lower = p > 1
    inner = (harmonic[p + t - 2] - harmonic[np.maximum(p - 2, 0)])[lower] / t[lower]
    among = ((t - 1) - (p - 1) * (harmonic[p + t - 2] - harmonic[p - 1])) / 2
    return float(2 / (len(x) - 1) * (concordant[lower] @ inner + among.sum()) - 1)


def _agreement(x: Floats, y: Floats) -> float:
    order, first, size = _groups(y)
    if len(first) < 2:
        return float("nan")
    concordant = np.add.reduceat(rightly_above(_dense_ranks(x)[order], first, size, 0.0), first)
    return float(2 / (len(x) - size[0]) * np.sum(concordant[1:] / first[1:]) - 1)


def _groups(y: Floats) -> tuple[Ranks, Ranks, Ranks]:
    """Order from best to worst; for each tie group the place of its first member (from 0) and its size."""
    order = np.argsort(-y, kind="stable")
    sorted_ = y[order]
    first = np.flatnonzero(np.append(True, sorted_[1:] != sorted_[:-1]))
    return order, first, np.diff(np.append(first, len(y)))


def _dense_ranks(x: Floats) -> Ranks:
    """1 for the smallest value, 2 for the next; ties share a rank."""
    return np.unique(x, return_inverse=True)[1].astype(np.int64) + 1


def _rightly_above(rank: Ranks, first: Ranks, size: Ranks, tie: float) -> Floats:
    """(n,) items in higher groups with a larger rank, those of equal rank counting `tie` (Fenwick tree)."""
    tree = np.zeros(rank.max() + 1, np.int64)
    found = np.zeros(len(rank))
    for start, count in zip(first, size):  # noqa: B905 - numba's zip has no `strict`
        for i in range(start, start + count):
            at_most, r = 0, rank[i]
            while r > 0:
                at_most += tree[r]
                r -= r & -r
            below, r = 0, rank[i] - 1
            while r > 0:
                below += tree[r]
                r -= r & -r
            found[i] = (start - at_most) + tie * (at_most - below)
        for i in range(start, start + count):
            r = rank[i]
            while r < len(tree):
                tree[r] += 1
                r += r & -r
    return found


rightly_above: Callable[..., Any] = njit(cache=True)(_rightly_above)
