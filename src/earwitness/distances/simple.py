"""SiMPle: how far each passage of one piece is from the nearest passage of another.

Conventions: sequences are float32 `[frames, dims]`; a passage is `m` frames in a row; two passages are compared by the
**sum of squared differences** over frames and dimensions, without square root and without normalisation. The profile
has one value per passage of the first sequence, the query. It is not symmetric.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from earwitness.distances.sequences import LANES, Frames, as_sequences, pack_rows, run_threads
from earwitness.errors import InputError

CANDIDATES_AT_ONCE = 64
PASSAGES_AT_ONCE = 256


def simple_profile(a: ArrayLike, b: ArrayLike, m: int) -> NDArray[np.float64]:
    r"""Distance from every passage of `a` to the nearest passage of `b`, in float64.

    .. math:: p_i = \min_j \sum_{k < m} \| a_{i + k} - b_{j + k} \|^2

    Parameters
    ----------
    a, b : (frames, dims) arrays
        Query and other sequence, of `m` frames or more.
    m
        Frames in a passage.

    Returns
    -------
    (len(a) - m + 1,) float64 array
        At least 0, in squared units of the frames; exactly 0 where `b` holds the same passage.

    Raises
    ------
    InputError
        If a sequence has fewer than `m` frames or a value that is not finite, or the widths differ.

    References
    ----------
    Silva, Yeh, Batista and Keogh (2016). SiMPle: assessing music similarity using subsequences joins. ISMIR.

    Examples
    --------
    >>> simple_profile([[0.0], [1.0], [2.0]], [[5.0], [1.0], [1.0]], m=2)
    array([1., 1.])
    """
    (a,), (b,) = as_sequences([a], [b])
    _check_window(m, [a], [b])
    first, second = a.astype(np.float64), b.astype(np.float64)
    out = np.empty(len(a) - m + 1)
    for start in range(0, len(out), PASSAGES_AT_ONCE):
        passages = len(out[start : start + PASSAGES_AT_ONCE])
        squared = cdist(first[start : start + passages + m - 1], second, "sqeuclidean")
        total = np.zeros((passages, len(b) - m + 1))
        for k in range(m):
            total += squared[k : k + passages, k : k + total.shape[1]]
        out[start : start + passages] = total.min(axis=1)
    return out


def simple_matrix(
    A: Sequence[ArrayLike], B: Sequence[ArrayLike], m: int, *, jobs: int | None = None
) -> NDArray[np.float32]:
    """SiMPle distance from every clip in A to every clip in B: the median of the profile.

    Computed in float32 in lanes; the error against `simple_profile` is at most about 1e-5 of the value. Memory beyond
    the inputs and the matrix is one packed copy of the clips and a block per thread.

    Parameters
    ----------
    A, B : lists of (frames, dims) arrays
        Queries (rows; in Kim 2021 the transformed clips) and the clips they are compared with, of any lengths from `m`.
    m
        Frames in a passage.
    jobs
        Threads; None for all cores. The result is the same to the last bit for any number.

    Returns
    -------
    (len(A), len(B)) float32 array
        At least 0, in squared units of the frames; exactly 0 where more than half of the query's passages are in the
        other clip. Not symmetric.

    Raises
    ------
    InputError
        As `simple_profile`, naming the clip.

    References
    ----------
    Kim (2021). Transferable and robust music representations, section 4.4, with m = 50 frames in the published code.
    """
    queries, candidates = as_sequences(A, B)
    _check_window(m, queries, candidates)
    out = np.empty((len(queries), len(candidates)), np.float32)
    if not out.size:
        return out
    from earwitness.distances._simple_kernels import profiles

    columns, firsts, chunks = pack_columns(candidates)

    def compare(q: int, part: slice) -> None:
        packed, _, (rows,) = pack_rows([queries[q]])
        found = np.empty((len(firsts[part]), rows - m + 1), np.float32)
        profiles(packed, rows, columns, firsts[part], chunks[part], queries[q].shape[1], m, found)
        out[q, part] = np.median(found, axis=1, overwrite_input=True)

    parts = [slice(c, c + CANDIDATES_AT_ONCE) for c in range(0, len(candidates), CANDIDATES_AT_ONCE)]
    run_threads(compare, [(q, part) for q in range(len(queries)) for part in parts], jobs)
    return out


def pack_columns(clips: Sequence[Frames]) -> tuple[Frames, NDArray[np.int64], NDArray[np.int64]]:
    """Clips end to end, each [chunk, dim, lane] with consecutive frames in the lanes; where each starts; its chunks.

    Infinity after the last frame: no window that reaches it is ever the nearest.
    """
    chunks = np.array([-(-len(clip) // LANES) for clip in clips], np.int64)
    dims = clips[0].shape[1]
    firsts = np.concatenate([[0], np.cumsum(chunks)]).astype(np.int64) * dims * LANES
    packed = np.empty(firsts[-1], np.float32)
    for clip, first, end, count in zip(clips, firsts[:-1], firsts[1:], chunks, strict=True):
        filled = np.full((count * LANES, dims), np.inf, np.float32)
        filled[: len(clip)] = clip
        packed[first:end] = filled.reshape(count, LANES, dims).transpose(0, 2, 1).ravel()
    return packed, firsts[:-1], chunks


def _check_window(m: int, queries: Sequence[Frames], candidates: Sequence[Frames]) -> None:
    if m < 1:
        raise InputError(f"the window is {m} frames; give 1 or more.")
    for name, clips in (("A", queries), ("B", candidates)):
        for i, clip in enumerate(clips):
            if len(clip) < m:
                raise InputError(
                    f"clip {i} of {name} has {len(clip)} frames, fewer than the window of {m}; drop it or take a "
                    "shorter window."
                )
