"""Which of many is nearest, and is it the one it should be? Both without the whole matrix, both exact.

For DTW each original is first bounded from below by four boxes (`box_bounds`); only those that the bound cannot rule
out are compared, nearest bound first, and given up as soon as a row of the table shows that they are too far. The
compiled comparison is in float32; wherever its rounding could decide, the pair is computed again in float64.

Ties: `nearest` takes the first of equally near ones; for `own_nearest` a tie is a loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from earwitness.distances.sequences import LANES, ROWS, Frames, as_sequences, pack_rows, run_threads
from earwitness.distances.vectors import half_squares, same_width, unit_rows
from earwitness.distances.warping import exact
from earwitness.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Metric = Literal["euclidean", "cosine", "dtw"]

Items = ArrayLike | Sequence[ArrayLike]

BLOCK_BYTES = 2**26
"""Size of the blocks in which `nearest` looks at distances between embeddings, in bytes."""

BOXES = 4
"""More boxes rule out more originals and cost more themselves: four gave the best time over perturbations."""


def nearest(
    A: Items,
    B: Items,
    metric: Metric = "euclidean",
    *,
    jobs: int | None = None,
) -> tuple[Indices, Floats]:
    """The item of B that is nearest to each item of A, and how far it is.

    The answer is that of the whole matrix, which is never held: embeddings are compared in blocks of `BLOCK_BYTES`,
    sequences only where a lower bound does not rule them out.

    Parameters
    ----------
    A, B : (n, d) and (m, d) arrays, or for "dtw" lists of (frames, dims) arrays
        B has one item or more.
    metric
        "euclidean" and "cosine" as in `euclidean_matrix` and `cosine_matrix`, "dtw" as in `dtw`.
    jobs
        Threads for "dtw"; None for all cores.

    Returns
    -------
    index : (n,) int array
        Place in B; the first of equally near ones.
    distance : (n,) float64 array

    Raises
    ------
    InputError
        As the matrices, and if B is empty or the metric unknown.

    Examples
    --------
    >>> nearest([[0, 0], [9, 9]], [[8, 9], [1, 0], [0, 1]])
    (array([1, 0]), array([1., 1.]))
    """
    if metric not in ("euclidean", "cosine", "dtw"):
        raise InputError(f"metric {metric!r} is unknown; use one of 'euclidean', 'cosine', 'dtw'.")
    if len(B) == 0:  # type: ignore[arg-type]
        raise InputError("there is nothing to be near to: B is empty. Give one item or more.")
    if metric == "dtw":
        queries, originals = as_sequences(cast(Sequence[ArrayLike], A), cast(Sequence[ArrayLike], B))
        found = run_threads(partial(_nearest_sequence, Originals.of(originals)), [(query,) for query in queries], jobs)
        return np.array([index for index, _ in found], np.intp), np.array([distance for _, distance in found])
    return _nearest_rows(*same_width(cast(ArrayLike, A), cast(ArrayLike, B)), metric)


def own_nearest(
    queries: Sequence[ArrayLike], originals: Sequence[ArrayLike], own: ArrayLike, *, jobs: int | None = None
) -> NDArray[np.bool_]:
    r"""Whether each query's own original is strictly nearer, by DTW, than every other original.

    This is :math:`1 - \delta` of Kim (2021), equation 4.9, without the matrix of all distances. Where the matrix is
    needed anyway (rank correlations), take it from there.

    Parameters
    ----------
    queries, originals : lists of (frames, dims) arrays
    own : (len(queries),) int array
        Place of each query's own original.
    jobs
        Threads; None for all cores.

    Returns
    -------
    (len(queries),) bool array
        What `dtw` gives for all pairs, always. False where another original is equally near.

    Raises
    ------
    InputError
        As `dtw`, or if `own` does not name one original for each query.
    """
    first, second = as_sequences(queries, originals)
    own = np.asarray(own)
    if own.shape != (len(first),) or not np.issubdtype(own.dtype, np.integer):
        raise InputError(
            f"own has shape {own.shape} and type {own.dtype}; give one index for each of {len(first)} queries."
        )
    if len(own) and not (own.min() >= 0 and own.max() < len(second)):
        raise InputError(f"own names original {own.max() if own.min() >= 0 else own.min()} of {len(second)}.")
    if not len(own):
        return np.empty(0, bool)
    tasks = list(zip(first, own.tolist(), strict=True))
    return np.array(run_threads(partial(_is_own_nearest, Originals.of(second)), tasks, jobs))


@dataclass(frozen=True)
class Originals:
    """Sequences to be searched: end to end, and their boxes in lanes."""

    clips: list[Frames]
    frames: Frames  # [all frames * dims]
    offsets: NDArray[np.int64]  # first frame of each clip, and the end
    low: Frames  # [blocks, BOXES * dims * LANES]
    high: Frames

    @classmethod
    def of(cls, clips: list[Frames]) -> "Originals":
        offsets = np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]).astype(np.int64)
        blocks, dims = -(-len(clips) // LANES), clips[0].shape[1]
        low, high = np.zeros((2, blocks, BOXES, dims, LANES), np.float32)
        for i, clip in enumerate(clips):
            block, lane = divmod(i, LANES)
            cuts = np.arange(BOXES) * len(clip) // BOXES  # of clips shorter than that, some boxes hold the same frame
            low[block, :, :, lane] = np.minimum.reduceat(clip, cuts)
            high[block, :, :, lane] = np.maximum.reduceat(clip, cuts)
        return cls(clips, np.concatenate(clips).ravel(), offsets, low.reshape(blocks, -1), high.reshape(blocks, -1))

    def search(self, query: Frames, limit: float, enough: float, slack: float, but: int | None = None) -> Frames:
        """Distance from the query to each clip where it can be at most `limit`; infinity where it is surely above.

        Each distance found pulls the limit down to `slack` times itself; the search ends below `enough`.
        """
        from earwitness.distances._dtw_kernels import bounds_all, search

        packed, _, (rows,) = pack_rows([query])
        dims = query.shape[1]
        rest = np.empty((len(self.low), (-(-rows // ROWS) + 1) * LANES), np.float32)
        bounds_all(packed, rows, self.low, self.high, BOXES, dims, rest)
        bound = rest[:, :LANES].ravel()[: len(self.clips)]
        order = np.argsort(bound, kind="stable")
        found = np.full(len(self.clips), np.inf, np.float32)
        search(packed, rows, order[order != but], rest, self.frames, self.offsets, dims, limit, enough, slack, found)
        return found

    def rounding(self, query: Frames) -> float:
        """Relative error that float32 can make at most: one rounding per dimension, and one per cell of a path."""
        return float(np.finfo(np.float32).eps) * (query.shape[1] + len(query) + int(np.diff(self.offsets).max()))


def _is_own_nearest(originals: Originals, query: Frames, own: int) -> bool:
    distance = exact(query, originals.clips[own])
    error = originals.rounding(query)
    surely_nearer, maybe = distance * (1 - error), distance * (1 + error)
    found = originals.search(query, limit=maybe, enough=surely_nearer, slack=1 + 4 * error, but=own)
    if found.min() < surely_nearer:
        return False
    return all(exact(query, originals.clips[i]) > distance for i in np.flatnonzero(found <= maybe))


def _nearest_sequence(originals: Originals, query: Frames) -> tuple[int, float]:
    slack = 1 + 4 * originals.rounding(query)
    found = originals.search(query, limit=np.inf, enough=-1.0, slack=slack)
    rivals = np.flatnonzero(found <= found.min() * slack)
    distances = [exact(query, originals.clips[i]) for i in rivals]
    best = int(np.argmin(distances))
    return int(rivals[best]), distances[best]


def _nearest_rows(A: Floats, B: Floats, metric: Metric) -> tuple[Indices, Floats]:
    compare: Any = cdist  # Euclidean is its default
    if metric == "cosine":
        A, B, compare = unit_rows(A), unit_rows(B), half_squares
    index, distance = np.empty(len(A), np.intp), np.empty(len(A))
    step = max(1, BLOCK_BYTES // (8 * len(B)))
    for start in range(0, len(A), step):
        rows = slice(start, start + step)
        block = compare(A[rows], B)
        index[rows], distance[rows] = block.argmin(axis=1), block.min(axis=1)
    return index, distance
