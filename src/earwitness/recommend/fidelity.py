"""Fidelity: how far an explanation's approximated scores do what the explained model does.

Conventions: f is the model's output and the reference; g is the explanation's and the estimate. Fidelity is higher for
the better explanation in every form. Equation 5.1 of Kim (2021) takes a penalty for complexity off its mean.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import kendalltau, rankdata

from earwitness.errors import InputError
from earwitness.recommend.explainers.base import Explainer
from earwitness.recommend.protocol import Integers, TagModel
from earwitness.stats import tau_ap

Floats = NDArray[np.float64]
Measure = Literal["tau_ap", "kendall"]
ROUNDING = 1e-10  # of the range of the scores: two items nearer than that differ by the order of their sums alone


def approximated(
    model: TagModel, explainer: Explainer, users: Integers, items: Integers, omegas: Sequence[int]
) -> Floats:
    """(omegas, users, items) scores g by an explainer that is prepared for these users."""
    g = np.empty((len(omegas), len(users), len(items)))
    for place, item in enumerate(items):
        columns, values = model.data_.own_tags(int(item))
        explanations = explainer.explain(model, users, int(item), omegas)
        for row, explanation in enumerate(explanations):
            g[row, :, place] = explanation.approximate(columns, values)
    return g


def estimates(model: TagModel, explainer: Explainer, users: Integers, items: Integers, omegas: Sequence[int]) -> Floats:
    """(omegas, users, items) scores g by an explainer, of what the model lets vary: an item's tags, or a user's.

    A model with `swapped_` is explained by the tags of users: there users stand in the place of items.
    """
    swapped = getattr(model, "swapped_", None)
    if swapped is None:
        return approximated(model, explainer.prepare(model, users, max(omegas)), users, items, omegas)
    ready = explainer.prepare(swapped, items, max(omegas))
    return approximated(swapped, ready, items, users, omegas).transpose(0, 2, 1)


def ranking_fidelity(f: Floats, g: Floats, measure: Measure = "tau_ap") -> Floats:
    """Fidelity of several estimates g (estimates, n) of one ranking f (n,): tau_ap in form "a", or Kendall's tau-b.

    Returns
    -------
    (estimates,) array
        NaN where f is constant: it then ranks nothing. 0 where g is constant.
    """
    f, g = settled(f), np.atleast_2d(settled(g))
    if f.max() == f.min():
        return np.full(len(g), np.nan)
    if measure == "kendall":
        return np.array([0.0 if row.max() == row.min() else kendalltau(f, row).statistic for row in g])
    return np.array([tau_ap(f, row) for row in g])


def settled(scores: ArrayLike) -> Floats:
    """Scores (..., n) on a grid of 1e-10 of their range, so that the same item scored twice is a tie.

    A matrix product sums in an order that depends on where a row lies, and a ranking sees the sixteenth digit.
    """
    values = np.asarray(scores, dtype=float)
    step = ROUNDING * (values.max(-1, keepdims=True) - values.min(-1, keepdims=True))
    safe = np.where(step == 0, 1.0, step)
    return np.where(step == 0, values[..., :1], np.round(values / safe) * safe)


def share_tied(f: Floats) -> float:
    """Share of the items whose score another item has too."""
    _, counts = np.unique(settled(f), return_counts=True)
    return float(counts[counts > 1].sum() / counts.sum())


def binary_fidelity(decisions: ArrayLike, g: ArrayLike) -> float:
    """Area under the ROC curve of an explanation's scores against the decisions of a binary black box.

    Parameters
    ----------
    decisions : (n,) array of 0 and 1
        What the model decided; not the truth.
    g : (n,) array
        The explanation's scores.

    Returns
    -------
    float
        NaN where the model decided one way only.
    """
    y, scores = np.asarray(decisions).astype(float), np.asarray(g, dtype=float)
    if y.shape != scores.shape or not np.isin(y, (0, 1)).all():
        raise InputError(f"decisions of shape {y.shape} and scores of shape {scores.shape}: give 0 or 1 for each score")
    ones = int(y.sum())
    if ones in (0, len(y)):
        return float("nan")
    return float((rankdata(scores)[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def multiclass_fidelity(probabilities: ArrayLike, g: ArrayLike) -> Floats:
    """Minus the Kullback-Leibler divergence of an explanation's class distribution from the black box's.

    Parameters
    ----------
    probabilities : (n, classes) array
        The model's distributions.
    g : (n, classes) array
        The explanation's class scores; their softmax is compared, clipped at 1e-12.

    Returns
    -------
    (n,) array
        At most 0; 0 where the distributions agree.
    """
    p, scores = np.asarray(probabilities, dtype=float), np.asarray(g, dtype=float)
    if p.shape != scores.shape or p.ndim != 2:
        raise InputError(f"distributions of shape {p.shape} and scores of shape {scores.shape}: give (n, classes) both")
    if (p < 0).any() or not np.allclose(p.sum(1), 1):
        raise InputError("the model's rows are no distributions: give probabilities that sum to 1")
    q = np.maximum(np.exp(scores - logsumexp(scores, axis=1, keepdims=True)), 1e-12)
    q /= q.sum(1, keepdims=True)
    ratio = np.log(np.where(p > 0, p, 1.0)) - np.log(q)
    return -(p * ratio).sum(1)


def explainability(
    fidelity: ArrayLike, omega: int, *, penalty: float = 0.0, scale: Literal["linear", "log"] = "linear"
) -> float:
    """Mean fidelity minus the price of complexity: E(G; f, X) of equation 5.1.

    Parameters
    ----------
    fidelity : (n,) array
        Of each explained case; NaN is left out.
    omega
        Number of tags in an explanation.
    penalty, scale
        lambda, times omega or times log omega.

    Examples
    --------
    >>> round(explainability([0.5, 0.7], 4, penalty=0.01), 2)
    0.56
    """
    price = penalty * (omega if scale == "linear" else np.log(omega))
    return float(np.nanmean(np.asarray(fidelity, dtype=float)) - price)
