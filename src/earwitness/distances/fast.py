"""FastDTW: an approximate warping path, found coarsely and refined; kept to repeat older work, not for speed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earwitness.distances.sequences import Frames, as_sequences
from earwitness.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def fastdtw(a: ArrayLike, b: ArrayLike, *, radius: int = 1) -> float:
    """FastDTW distance of two sequences: the sum of Euclidean distances along a path that may not be the best.

    Both sequences are halved (means of two frames) until one has fewer than `radius + 2`; the best path there, widened
    by `radius` frames on every side, is the window in which the path of twice the resolution is sought, and so on.
    The value is never below `dtw`; on music it is mostly within a few per cent, and `dtw` is the faster of the two.

    Parameters
    ----------
    a, b : (frames, dims) arrays
        Taken as float32; computed in float64.
    radius
        1 or more.

    Returns
    -------
    float

    Raises
    ------
    InputError
        As `dtw`, or if the radius is below 1.

    References
    ----------
    Salvador and Chan (2007). Toward accurate dynamic time warping in linear time and space. Intelligent Data Analysis
    11(5). Where costs tie, the path is that of the Python package fastdtw 0.3, which Kim (2021, chapter 4) used.
    """
    check_radius(radius)
    (a,), (b,) = as_sequences([a], [b])
    return approximate(a, b, radius)


def check_radius(radius: int) -> None:
    """Complain of a radius that FastDTW cannot use."""
    if radius < 1:
        raise InputError(f"radius is {radius}; give 1 or more (0 leaves odd last frames without a window).")


def approximate(a: Frames, b: Frames, radius: int) -> float:
    """`fastdtw` without the checks."""
    from earwitness.distances._dtw_kernels import windowed

    levels = [(a.astype(np.float64), b.astype(np.float64))]
    while min(map(len, levels[-1])) >= radius + 2:
        levels.append((halved(levels[-1][0]), halved(levels[-1][1])))
    first = np.zeros(len(levels[-1][0]), np.int64)
    end = np.full(len(levels[-1][0]), len(levels[-1][1]), np.int64)
    distance = np.inf
    while levels:
        distance, rows, columns = windowed(*levels.pop(), first, end)
        if levels:
            first, end = widened(rows, columns, radius, len(levels[-1][0]), len(levels[-1][1]))
    return float(distance)


def halved(frames: Floats) -> Floats:
    """Means of frames 0 and 1, 2 and 3, …; an odd last frame is left out."""
    even = len(frames) - len(frames) % 2
    return (frames[0:even:2] + frames[1:even:2]) / 2


def widened(rows: Indices, columns: Indices, radius: int, length_a: int, length_b: int) -> tuple[Indices, Indices]:
    """For every row of twice the resolution: the first column of its window, and the one after the last.

    The path runs from the end to the beginning, as `windowed` returns it. It never turns back, so the columns within
    `radius` rows of row i run from the first column of row i - radius to the last of row i + radius.
    """
    last_row = rows[0]
    first_column, last_column = np.empty(last_row + 1, np.int64), np.empty(last_row + 1, np.int64)
    first_column[rows] = columns  # the last one written, the smallest, stays
    last_column[rows[::-1]] = columns[::-1]
    coarse = np.arange(length_a) // 2
    first = 2 * (first_column[np.maximum(coarse - radius, 0)] - radius)
    end = 2 * (last_column[np.minimum(coarse + radius, last_row)] + radius) + 2
    return np.maximum(first, 0), np.minimum(end, length_b)
