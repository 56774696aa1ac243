"""Measures of a probe for many bootstrap resamples at once.

Conventions: `weights` (n_resamples, n) says how often each clip counts; a row of ones gives the plain measure. Every
function returns (n_resamples,) values, NaN where a resample has none (no clip of the class, say).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
Bools = NDArray[np.bool_]

BLOCK = 1_000_000
"""Numbers that are looked at together: what fits the processor's cache goes fastest."""


def recall(truth: Bools, hit: Bools, weights: Weights) -> Floats:
    """Share of the clips of a class that are told right."""
    return _ratio(weights @ (truth & hit).astype(np.float64), weights @ truth.astype(np.float64))


def roc_auc(truth: Bools, scores: Floats, weights: Weights) -> Floats:
    r"""Area under the ROC curve: the chance that a clip of the class scores above one that is not; ties count half.

    .. math:: \frac{\sum_{ij} w_i w_j ([s_i > s_j] + \tfrac12 [s_i = s_j])}{\sum_{ij} w_i w_j}

    over the clips i of the class and j of the others.

    References
    ----------
    Hanley and McNeil (1982), Radiology 143(1).
    """
    order, starts = _sorted(scores)
    values = []
    for block in _blocks(weights):
        ordered = block[:, order].astype(np.float64)
        positive = np.add.reduceat(ordered * truth[order], starts, axis=1)
        negative = np.add.reduceat(ordered, starts, axis=1) - positive
        below = np.cumsum(negative, axis=1) - negative / 2
        values.append(_ratio((positive * below).sum(1), positive.sum(1) * negative.sum(1)))
    return np.concatenate(values)


def average_precision(truth: Bools, scores: Floats, weights: Weights) -> Floats:
    r"""Average precision, :math:`\sum_k (R_k - R_{k-1}) P_k` over the thresholds from the highest score down."""
    order, starts = _sorted(-scores)
    values = []
    for block in _blocks(weights):
        ordered = block[:, order].astype(np.float64)
        positive = np.add.reduceat(ordered * truth[order], starts, axis=1)
        everything = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
        precision = _ratio(np.cumsum(positive, axis=1), everything, empty=0.0)
        values.append(_ratio((positive * precision).sum(1), positive.sum(1)))
    return np.concatenate(values)


def r_squared(truth: Floats, prediction: Floats, weights: Weights) -> Floats:
    """Share of variance explained, 1 - SS_res / SS_tot; below 0 where the mean would have been better."""
    truth, residual = truth - truth.mean(), truth - prediction  # centred first, as squares of large numbers cancel
    total = weights.sum(1, dtype=np.float64)
    spread = weights @ truth**2 - (weights @ truth) ** 2 / total
    return 1 - _ratio(weights @ residual**2, spread)


def mean_over_classes(values: list[Floats]) -> Floats:
    """The macro average: the plain mean of the classes that have a value."""
    stacked = np.stack(values)
    there = ~np.isnan(stacked)
    return _ratio(np.where(there, stacked, 0).sum(0), there.sum(0).astype(np.float64))


def _ratio(above: NDArray[Any], below: NDArray[Any], empty: float = np.nan) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), empty), where=below > 0)


def _sorted(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order from the lowest score up, and where in it each new score starts."""
    order = np.argsort(scores, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])


def _blocks(weights: Weights) -> Iterator[Weights]:
    step = max(1, BLOCK // max(1, weights.shape[1]))
    for start in range(0, len(weights), step):
        yield weights[start : start + step]
