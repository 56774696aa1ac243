r"""What removing random directions does to probes, for many draws at once.

Conventions: without the directions V of a draw, the inner products K of clips become :math:`K - Z Z^\top`, Z = X V. A
probe that was learnt with K is near the one that would be learnt without V, so Newton's steps with the curvature of the
first lead there; their matrix differs by the few columns of Z, so that one factorisation serves every draw (Woodbury).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._crossed import auc_of, learn
from earwitness.audits._domains import UNKNOWN, Question
from earwitness.audits._geometry import Floats, Geometry
from earwitness.audits._judged import Ground
from earwitness.audits._logistic import Bools, Fitted, cost_of
from earwitness.correction import random_directions

STEPS = 3
"""What is left after them is far below what a rank notices."""


def random_changes(
    question: Question, starts: Sequence[Ground], space: str, removed: Sequence[int], draws: int, seed: int
) -> Floats:
    """(draws,) change of the mean ROC-AUC across domains where as many random directions are removed.

    Parameters
    ----------
    question, starts
        What is asked.
    space
        "linear" or "kernel".
    removed
        Dimensions by fold.
    draws, seed
        How many, and of what.
    """
    sources = range(len(question.domains))
    vectors = [start.features if space == "kernel" else start.Z for start in starts]
    size = vectors[0].shape[1]
    most = min(max(removed), size - 1)
    if most == 0:
        return np.zeros(draws)
    rng = np.random.default_rng([seed, most])
    V = np.concatenate([random_directions(most, size, rng) for _ in range(draws)])  # (draws * most, d)
    before = np.full((len(sources), len(question), len(question.classes), 1), np.nan)
    after = np.full((*before.shape[:3], draws), np.nan)
    for start, X, count in zip(starts, vectors, removed, strict=True):
        clips, test = Geometry.of(X), start.lesson.test
        Z = (X @ V.T).reshape(len(X), draws, most)[:, :, :count]
        for s in sources:
            probes = learn(question, clips, start.lesson.samples, s, start.strengths[space][s])
            for k, (rows, one) in enumerate(probes):
                gram, asked = clips.products(rows, rows), clips.products(test, rows)
                y = question.truth[rows, k] == 1
                before[s, test, k, 0] = asked @ one.alpha + one.intercept
                cost = cost_of(y, start.strengths[space][s])
                after[s, test, k] = scores_without(gram, asked, Z[rows], Z[test], y, cost, one)
    return across_auc(question, after) - across_auc(question, before)


def scores_without(
    gram: Floats, asked: Floats, Z: Floats, Z_asked: Floats, y: Bools, cost: Floats, one: Fitted
) -> Floats:
    """(m, draws) scores of the probes that would be learnt without the directions of each draw.

    Parameters
    ----------
    gram : (n, n) array
        Inner products of the clips learnt from.
    asked : (m, n) array
        Those of the clips asked about with them.
    Z : (n, draws, r) array
        Coordinates of the clips learnt from along the directions.
    Z_asked : (m, draws, r) array
        Of the clips asked about.
    y, cost : (n,) arrays
        What was learnt, and the weight of each clip's loss.
    one
        The probe with all directions.
    """
    f = gram @ one.alpha + one.intercept
    p = _logistic(f)
    curvature = np.maximum(cost * p * (1 - p), 1e-12)
    root = np.sqrt(curvature)
    inverse = np.linalg.inv(np.eye(len(y)) + root[:, None] * gram * root)
    U = (root[:, None, None] * Z).transpose(1, 0, 2)  # (draws, n, r)
    P = inverse @ U
    middle = np.linalg.inv(np.eye(Z.shape[2]) - U.transpose(0, 2, 1) @ P)
    solve = _solver(inverse, P, middle)
    ones = root[:, None] * solve(np.repeat(root[:, None], Z.shape[1], axis=1))
    alpha, b = np.repeat(one.alpha[:, None], Z.shape[1], axis=1), np.full(Z.shape[1], one.intercept)
    for _ in range(STEPS):
        f = gram @ alpha - _along(Z, Z, alpha) + b
        aim = f + cost[:, None] * (y[:, None] - _logistic(f)) / curvature[:, None]
        solved = root[:, None] * solve(root[:, None] * aim)
        b = solved.sum(0) / ones.sum(0)
        alpha = solved - b * ones
    return np.asarray(asked @ alpha - _along(Z_asked, Z, alpha) + b)


def _along(Z: Floats, learnt: Floats, alpha: Floats) -> Floats:
    """What the removed directions added to the scores, draw by draw."""
    return np.asarray(np.einsum("mbr,br->mb", Z, np.einsum("nbr,nb->br", learnt, alpha)))


def _solver(inverse: NDArray[Any], P: NDArray[Any], middle: NDArray[Any]) -> Callable[[Floats], Floats]:
    """Solves with each draw's matrix, (n, draws) sides."""

    def solve(sides: Floats) -> Floats:
        small = np.einsum("bij,bj->bi", middle, np.einsum("bnr,nb->br", P, sides))
        return np.asarray(inverse @ sides + np.einsum("bnr,br->nb", P, small))

    return solve


def _logistic(f: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(f, -500, 500))))


def across_auc(question: Question, scores: Floats) -> Floats:
    """(draws,) mean ROC-AUC over classes and pairs of different domains, of scores (domains, n, K, draws)."""
    found = []
    for target in range(len(question.domains)):
        here = np.flatnonzero(question.member == target)
        for k in range(len(question.classes)):
            rows = here[question.truth[here, k] != UNKNOWN]
            truth = (question.truth[rows, k] == 1)[:, None]
            found += [auc_of(truth, scores[s, rows, k]) for s in range(len(scores)) if s != target]
    return np.asarray(np.nanmean(found, axis=0))
