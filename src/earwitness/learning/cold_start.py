"""Recommending tracks that nobody has played yet, by their content alone: a target task of an embedding.

Conventions: tracks are held out at random; a factorisation is fitted on the others, and every track is scored for
every user from its content. A user's list has all tracks but those the user had in training; relevant are the held-out
ones that the user played. nDCG@k has binary gain, the discount 1 / log2(rank + 1), and an ideal of min(k, relevant)
hits. Popularity cannot be a baseline here, since a held-out track has none; random content and MFCC are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.content_factorization import Floats, Penalties, drawn_start, factorize

Integers = NDArray[np.signedinteger[Any]]
Ranking = Literal["unseen", "cut_first"]


@dataclass(frozen=True)
class ColdStart:
    """How recommendation is evaluated.

    Attributes
    ----------
    share
        Of the tracks, held out.
    k
        Length of the list.
    ranking
        "unseen": lists of k tracks that the user has not had. "cut_first": the top k of all tracks, from which the
        user's are then taken out, as in the published program; lists are then shorter than k.
    cut_ideal
        Whether the ideal list is cut at k too.
    """

    share: float = 0.05
    k: int = 500
    ranking: Ranking = "unseen"
    cut_ideal: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"a share of {self.share} of the tracks cannot be held out: give one between 0 and 1")
        if self.k < 1 or self.ranking not in ("unseen", "cut_first"):
            raise InputError(f"lists need a length above 0 and a ranking 'unseen' or 'cut_first', not {self.ranking!r}")


def ndcg(
    ranking: Sequence[int] | Integers, relevant: Sequence[int] | Integers, k: int, cut_ideal: bool = True
) -> float:
    r"""Normalised discounted cumulative gain of one list, binary relevance.

    .. math:: \sum_{hits\ at\ rank\ r \le k} \frac{1}{\log_2(r + 1)} \Big/ \sum_{r=1}^{\min(k, |relevant|)}
        \frac{1}{\log_2(r + 1)}

    Examples
    --------
    >>> round(ndcg([4, 1, 7, 2, 9], [1, 2, 8], 5), 6)
    0.498189
    """
    if not len(relevant):
        return np.nan
    hits = np.flatnonzero(np.isin(np.asarray(ranking)[:k], relevant))
    best = min(k, len(relevant)) if cut_ideal else len(relevant)
    return float(np.sum(1 / np.log2(hits + 2)) / np.sum(1 / np.log2(np.arange(best) + 2)))


def standardized(X: Floats, training: NDArray[np.bool_]) -> Floats:
    """Columns less their mean, over their deviation, both of the training rows; a constant column becomes 0."""
    X = np.asarray(X, float)
    mean, deviation = X[training].mean(0), X[training].std(0)
    return (X - mean) / np.where(deviation > 1e-12 * np.maximum(1, np.abs(mean)), deviation, np.inf)


def fit_without(
    counts: sp.csr_matrix, X: Floats, held_out: NDArray[np.bool_], penalties: Penalties, *, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Users (users, r) and the places of all tracks by content (tracks, r), from a fit without the held-out tracks.

    The product of the two is the score of every track for every user.

    Parameters
    ----------
    counts : (users, tracks) sparse matrix
        Plays of all tracks.
    X : (tracks, D) array
        Their vectors, as they are.
    held_out : (tracks,) bool array
        Removed before the fit.
    penalties
        Of the factorisation.
    rng
        Of the starting values.
    """
    training = sp.csr_matrix(counts)[:, ~held_out]
    content = standardized(X, ~held_out)
    users, tracks = training.shape
    start = drawn_start(users, tracks, content.shape[1], penalties.factors, rng)
    found = factorize(training, content[~held_out], penalties, start=start)
    return found.users, content @ found.content


def ranked(scores: Floats, seen: Integers, asked: ColdStart) -> Integers:
    """One user's list: tracks by falling score (ties by number), without those that were seen in training."""
    order = np.argsort(-scores, kind="stable")
    if asked.ranking == "cut_first":
        order = order[: asked.k]
    return order[~np.isin(order, seen)][: asked.k]


def user_scores(
    counts: sp.csr_matrix, users: Floats, places: Floats, held_out: NDArray[np.bool_], asked: ColdStart
) -> Floats:
    """(users,) nDCG@k of users (users, r) and tracks (tracks, r); NaN for a user without a held-out track."""
    R = sp.csr_matrix(counts)
    found = np.full(R.shape[0], np.nan)
    for user in range(R.shape[0]):
        played = R.indices[R.indptr[user] : R.indptr[user + 1]]
        relevant = played[held_out[played]]
        if len(relevant):
            seen = played[~held_out[played]]
            found[user] = ndcg(ranked(places @ users[user], seen, asked), relevant, asked.k, asked.cut_ideal)
    return found


def cold_start_ndcg(
    counts: sp.csr_matrix,
    X: Floats,
    penalties: Penalties = Penalties(),
    asked: ColdStart = ColdStart(),
    *,
    repeats: int = 5,
    seed: int = 0,
) -> Floats:
    """nDCG@k of each user under each random hold-out.

    Returns
    -------
    (repeats, users) array
        NaN for a user who played none of the tracks that were held out.

    Raises
    ------
    InputError
        If there are fewer than two tracks to fit on, or nobody played a held-out track.
    """
    tracks = counts.shape[1]
    size = max(1, round(asked.share * tracks))
    if tracks - size < 2:
        raise InputError(f"{tracks} tracks are too few to hold out {size} of them: add tracks, or lower the share")
    rows = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        held_out = np.zeros(tracks, bool)
        held_out[rng.choice(tracks, size, replace=False)] = True
        users, places = fit_without(counts, X, held_out, penalties, rng=rng)
        rows.append(user_scores(counts, users, places, held_out, asked))
    found = np.stack(rows)
    if np.isnan(found).all():
        raise InputError("no user played a track that was held out: add interactions, or hold out a larger share")
    return found
