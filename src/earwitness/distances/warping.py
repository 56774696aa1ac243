"""Dynamic time warping: how far two sequences are apart when each may wait for the other.

Conventions: sequences are float32 `[frames, dims]`, of any lengths. A path starts at both first frames, ends at both
last ones, and steps by one frame in one sequence or in both. The distance is the **sum of the Euclidean distances**
of the frames it pairs, least over all paths (as FastDTW, librosa and dtw-python have it; others sum squares), not
divided by anything unless asked. It is symmetric, and 0 exactly where a sequence meets itself.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earwitness.distances.fast import approximate, check_radius
from earwitness.distances.sequences import LANES, Frames, as_sequences, pack_lanes, pack_rows, run_threads
from earwitness.errors import InputError

Normalize = Literal["path"] | None
Matrix = NDArray[np.float32]
Pair = Callable[[Frames, Frames], float]
QUERIES_AT_ONCE = 64


def dtw(a: ArrayLike, b: ArrayLike, *, normalize: Normalize = None) -> float:
    r"""Exact dynamic time warping distance of two sequences, in float64.

    .. math:: D(a, b) = \min_{\text{paths } P} \sum_{(i, j) \in P} \| a_i - b_j \|

    Parameters
    ----------
    a, b : (frames, dims) arrays
        Taken as float32; the number of frames may differ.
    normalize
        None: the sum. "path": the sum divided by the number of frame pairs on the best path (the shortest of the best
        ones), so that long clips are not further apart than short ones.

    Returns
    -------
    float
        At least 0, in units of the frames.

    Raises
    ------
    InputError
        If a sequence is empty, not two-dimensional or not finite, or the widths differ.

    References
    ----------
    Sakoe and Chiba (1978). Dynamic programming algorithm optimization for spoken word recognition. IEEE Transactions on
    Acoustics, Speech and Signal Processing 26(1). Symmetric form without weights, slope constraints or window.

    Examples
    --------
    >>> dtw([[0.0], [1.0], [1.0], [3.0]], [[0.0], [1.0], [5.0]])
    2.0
    """
    _check(normalize)
    (a,), (b,) = as_sequences([a], [b])
    return per_cell(a, b) if normalize else exact(a, b)


def dtw_matrix(
    A: Sequence[ArrayLike],
    B: Sequence[ArrayLike],
    *,
    normalize: Normalize = None,
    radius: int | None = None,
    jobs: int | None = None,
) -> Matrix:
    """Dynamic time warping distance from every clip in A to every clip in B.

    The plain distance runs sixteen candidates at once in float32: the error against `dtw` is at most about 2e-6 of the
    value; equal clips are at exactly 0, and at exactly equal distances from a third. Memory beyond the inputs and the
    matrix is one packed copy of the clips. With `normalize` or `radius` pairs go one by one, five times slower or more.

    Parameters
    ----------
    A, B : lists of (frames, dims) arrays
        Clips of any lengths, all of one width.
    normalize
        As in `dtw`.
    radius
        None: exact. A number: FastDTW with that radius, to repeat older work (see `fastdtw`).
    jobs
        Threads; None for all cores. The result is the same to the last bit for any number.

    Returns
    -------
    (len(A), len(B)) float32 array

    Raises
    ------
    InputError
        As `dtw`, naming the clip; or if `normalize` and `radius` are both given.
    """
    _check(normalize)
    if normalize and radius is not None:
        raise InputError("FastDTW's path is not the best one: give either normalize or radius.")
    if radius is not None:
        check_radius(radius)
    queries, candidates = as_sequences(A, B)
    if not (queries and candidates):
        return np.empty((len(queries), len(candidates)), np.float32)
    if radius is not None:
        return _pair_by_pair(partial(approximate, radius=radius), queries, candidates, jobs)
    if normalize:
        return _pair_by_pair(per_cell, queries, candidates, jobs)
    return _in_lanes(queries, candidates, jobs)


def _in_lanes(queries: list[Frames], candidates: list[Frames], jobs: int | None) -> Matrix:
    from earwitness.distances._dtw_kernels import sweep_all

    dims = queries[0].shape[1]
    packed, starts, rows = pack_rows(queries)
    out = np.empty((len(queries), len(candidates)), np.float32)
    by_length = np.argsort([len(clip) for clip in candidates], kind="stable")  # little of a block is padding

    def compare(first: int, chunk: slice) -> None:
        chosen = by_length[first : first + LANES]
        lanes, lengths = pack_lanes([candidates[i] for i in chosen])
        block = np.empty((len(starts[chunk]), LANES), np.float32)
        sweep_all(packed, starts[chunk], rows[chunk], lanes, lengths, dims, block)
        out[chunk, chosen] = block[:, : len(chosen)]

    chunks = [slice(q, q + QUERIES_AT_ONCE) for q in range(0, len(queries), QUERIES_AT_ONCE)]
    run_threads(compare, [(first, chunk) for first in range(0, len(candidates), LANES) for chunk in chunks], jobs)
    return out


def exact(a: Frames, b: Frames) -> float:
    """`dtw` without the checks."""
    from earwitness.distances._dtw_kernels import scalar

    return float(scalar(a.astype(np.float64), b.T.astype(np.float64, order="C")))


def per_cell(a: Frames, b: Frames) -> float:
    """`dtw` divided by the path's length, without the checks."""
    from earwitness.distances._dtw_kernels import scalar_with_cells

    total, cells = scalar_with_cells(a.astype(np.float64), b.T.astype(np.float64, order="C"))
    return float(total / cells)


def _pair_by_pair(distance: Pair, queries: list[Frames], candidates: list[Frames], jobs: int | None) -> Matrix:
    rows = run_threads(lambda query: [distance(query, clip) for clip in candidates], [(q,) for q in queries], jobs)
    return np.array(rows, np.float32)


def _check(normalize: Normalize) -> None:
    if normalize not in (None, "path"):
        raise InputError(f'normalize is {normalize!r}; give None (the sum) or "path" (divided by the path\'s length).')
