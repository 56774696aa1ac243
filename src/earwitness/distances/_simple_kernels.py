"""The compiled inner loops of SiMPle: squared frame distances in lanes, and their sums along diagonals.

Running sums that add the new cell and subtract the old one drift, and leave rounding where two passages are equal.
Here nothing is ever subtracted: rows are taken in runs of m, and a window of m rows that begins in one run and ends in
the next is the sum from its begin to the end of the first run plus the sum from the begin of the second to its end
(van Herk's scheme for moving extremes). So equal passages are at exactly 0, and no error outgrows the window.
"""

import numpy as np
from numba import float32

from earwitness.distances._compiled import compiled
from earwitness.distances._lanes import (
    add,
    add_squared_difference,
    load,
    minimum,
    smallest,
    spread,
    store,
)
from earwitness.distances.sequences import LANES, ROWS


@compiled
def squares(query, base, columns, first, chunks, dims, out):  # type: ignore[no-untyped-def]
    """Squared distances of `ROWS` query frames to all frames of one candidate, into `out` [rows, chunks * lanes]."""
    width = chunks * LANES
    for chunk in range(chunks):
        s0 = s1 = s2 = s3 = s4 = s5 = spread(float32(0))
        for d in range(dims):
            frames = load(columns, first + (chunk * dims + d) * LANES)
            k = base + d * ROWS
            s0 = add_squared_difference(s0, frames, query, k)
            s1 = add_squared_difference(s1, frames, query, k + 1)
            s2 = add_squared_difference(s2, frames, query, k + 2)
            s3 = add_squared_difference(s3, frames, query, k + 3)
            s4 = add_squared_difference(s4, frames, query, k + 4)
            s5 = add_squared_difference(s5, frames, query, k + 5)
        j = chunk * LANES
        store(out, j, s0)
        store(out, width + j, s1)
        store(out, 2 * width + j, s2)
        store(out, 3 * width + j, s3)
        store(out, 4 * width + j, s4)
        store(out, 5 * width + j, s5)


@compiled
def inside_run(fresh, place, width, shift, heads, run, here, size, complete):  # type: ignore[no-untyped-def]
    """Add a row to the sums from the run's begin; the least window that ends in it, if `complete` windows do."""
    least = spread(float32(np.inf))
    for j in range(0, width, LANES):
        t = j + shift
        cost = load(fresh, place + j)
        head = add(load(heads, t), cost)
        store(heads, t, head)
        store(run, here + t, cost)
        if complete:
            least = minimum(least, add(load(run, here + size + t), head))
    return smallest(least)


@compiled
def end_of_run(fresh, place, width, shift, heads, run, size, m):  # type: ignore[no-untyped-def]
    """The last row of a run: turn its costs into sums to the run's end; the least window, which is the whole run."""
    for j in range(0, width, LANES):
        store(run, (m - 1) * size + j + shift, load(fresh, place + j))
    heads[:] = 0
    for t in range(max(0, shift - m + 1), shift + width, LANES):
        tail = load(run, (m - 1) * size + t)
        for row in range(m - 2, -1, -1):
            tail = add(tail, load(run, row * size + t))
            store(run, row * size + t, tail)
    least = spread(float32(np.inf))
    for j in range(0, width, LANES):
        least = minimum(least, load(run, j + shift))
    return smallest(least)


@compiled
def profile(query, start, rows, columns, first, chunks, dims, m, fresh, heads, run, out):  # type: ignore[no-untyped-def]
    """SiMPle profile of one query against one candidate, whose frames end in infinities.

    Cell (i, j) is kept at t = j - i + rows - 1, so that a diagonal stays in its place. `run` [m, size] begins as
    infinity: windows that would begin before the candidate does find it there.
    """
    width = chunks * LANES
    size = rows + width + LANES
    heads[:size] = 0
    run[: m * size] = np.inf
    for i in range(rows):
        if i % ROWS == 0:
            squares(query, start + i * dims, columns, first, chunks, dims, fresh)
        place, shift, row = i % ROWS * width, rows - 1 - i, i % m
        if row < m - 1:
            least = inside_run(fresh, place, width, shift, heads, run, row * size, size, i >= m)
        else:
            least = end_of_run(fresh, place, width, shift, heads[:size], run, size, m)
        if i >= m - 1:
            out[i - m + 1] = least


@compiled
def profiles(query, rows, columns, firsts, chunks, dims, m, out):  # type: ignore[no-untyped-def]
    """SiMPle profiles of one query against many candidates, into `out` [candidates, rows - m + 1]."""
    widest = chunks.max() * LANES
    fresh = np.empty(ROWS * widest, np.float32)
    heads = np.empty(rows + widest + LANES, np.float32)
    run = np.empty(m * (rows + widest + LANES), np.float32)
    for c in range(len(firsts)):
        profile(query, 0, rows, columns, firsts[c], chunks[c], dims, m, fresh, heads, run, out[c])
