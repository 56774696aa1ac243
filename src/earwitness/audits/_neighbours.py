"""The place of a clip's own original among its neighbours."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.distances import cosine_matrix, euclidean_matrix

Distance = Literal["cosine", "euclidean"]
DISTANCES: tuple[Distance, ...] = ("cosine", "euclidean")
MATRIX = {"cosine": cosine_matrix, "euclidean": euclidean_matrix}

BLOCK_BYTES = 2**26
"""The distances are looked at in blocks of this size: N x N is never held."""


@dataclass(frozen=True)
class Neighbours:
    """For each query, where its own original stands among all originals.

    Attributes
    ----------
    rank : (n,) int array
        1 + the number of other originals that are as near or nearer, so a tie counts against the own one.
    own : (n,) array
        Distance to the own original.
    nearest : (n,) int array
        The nearest *other* original.
    nearest_distance : (n,) array
    """

    rank: NDArray[np.int64]
    own: NDArray[np.float64]
    nearest: NDArray[np.int64]
    nearest_distance: NDArray[np.float64]


def own_ranks(
    originals: NDArray[np.float32], queries: NDArray[np.float32], own: NDArray[np.int64], distance: Distance
) -> Neighbours:
    """The rank of the own original of every query, among the originals only.

    Parameters
    ----------
    originals : (N, d) array
        At least two.
    queries : (n, d) array
        Embeddings of changed clips. They do not compete with each other.
    own : (n,) int array
        Row of `originals` that each query was made from.
    distance
        "cosine" or "euclidean".
    """
    step = max(1, BLOCK_BYTES // (8 * len(originals)))
    blocks = []
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        D = MATRIX[distance](queries[rows], originals)  # (rows, N)
        here = np.arange(len(D))
        mine = D[here, own[rows]]
        D[here, own[rows]] = np.inf
        rank = 1 + (mine[:, None] >= D).sum(1)
        nearest = D.argmin(1)
        blocks.append((rank, mine, nearest, D[here, nearest]))
    return Neighbours(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def mean_distance(originals: NDArray[np.float32], distance: Distance) -> float:
    """Mean distance between two different originals."""
    n = len(originals)
    step = max(1, BLOCK_BYTES // (8 * n))
    total = sum(MATRIX[distance](originals[start : start + step], originals).sum() for start in range(0, n, step))
    return float(total / (n * (n - 1)))


def has_length(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which vectors have a direction."""
    return np.count_nonzero(vectors, axis=1) > 0
