"""The compiled inner loops of dynamic time warping. `scalar` is the one to read first, `sweep` the fast one."""

import numpy as np
from numba import float32

from earwitness.distances._compiled import compiled
from earwitness.distances._lanes import (
    add,
    add_squared_difference,
    add_squared_excess,
    load,
    minimum,
    smallest,
    spread,
    square_root,
    store,
)
from earwitness.distances.sequences import LANES, ROWS


@compiled
def frame_distances(frame, dims_first, out):  # type: ignore[no-untyped-def]
    """Euclidean distances from one frame to every frame of a sequence [dims, frames], in float64."""
    out[:] = 0
    for d in range(len(frame)):
        for j in range(len(out)):
            out[j] += (frame[d] - dims_first[d, j]) ** 2
    for j in range(len(out)):
        out[j] = np.sqrt(out[j])


@compiled
def scalar(a, dims_first):  # type: ignore[no-untyped-def]
    """DTW in float64, a [frames, dims] with b [dims, frames]: the sum of the frames' distances along the best path."""
    columns = dims_first.shape[1]
    cost, total = np.empty(columns), np.full(columns + 1, np.inf)
    total[0] = 0
    for i in range(len(a)):
        frame_distances(a[i], dims_first, cost)
        corner, left = total[0], np.inf
        total[0] = np.inf
        for j in range(columns):
            up = total[j + 1]
            left = min(left, min(up, corner)) + cost[j]
            total[j + 1] = left
            corner = up
    return total[columns]


@compiled
def scalar_with_cells(a, dims_first):  # type: ignore[no-untyped-def]
    """As `scalar`, and the number of cells on the best path: of paths of equal cost, the one with the fewest.

    So the number does not depend on which sequence comes first.
    """
    columns = dims_first.shape[1]
    cost, total, cells = np.empty(columns), np.full(columns + 1, np.inf), np.zeros(columns + 1, np.int64)
    total[0] = 0
    for i in range(len(a)):
        frame_distances(a[i], dims_first, cost)
        corner, corner_cells = total[0], cells[0]
        total[0] = np.inf
        for j in range(columns):
            best, steps = corner, corner_cells
            for k in (j, j + 1):  # to the left, above
                if total[k] < best or (total[k] == best and cells[k] < steps):
                    best, steps = total[k], cells[k]
            corner, corner_cells = total[j + 1], cells[j + 1]
            total[j + 1], cells[j + 1] = best + cost[j], steps + 1
    return total[columns], cells[columns]


@compiled
def windowed(a, b, first, end):  # type: ignore[no-untyped-def]
    """DTW over the cells `first[i] <= j < end[i]`: the distance, and the path's rows and columns from its end.

    Where costs tie, the step comes from the row above before the column to the left, and from that before the corner.
    """
    begins = np.zeros(len(a) + 1, np.int64)
    begins[1:] = np.cumsum(end - first)
    came_from = np.empty(begins[-1], np.int8)
    total = np.full(len(b) + 1, np.inf)
    total[0] = 0
    for i in range(len(a)):
        corner = total[first[i]]
        total[: first[i] + 1] = np.inf
        for j in range(first[i], end[i]):
            squared = 0.0
            for d in range(a.shape[1]):
                squared += (a[i, d] - b[j, d]) ** 2
            cost = np.sqrt(squared)
            best, step = total[j + 1] + cost, 0
            if total[j] + cost < best:
                best, step = total[j] + cost, 1
            if corner + cost < best:
                best, step = corner + cost, 2
            came_from[begins[i] + j - first[i]] = step
            corner, total[j + 1] = total[j + 1], best
        total[end[i] + 1 :] = np.inf
    rows, columns = np.empty(len(a) + len(b), np.int64), np.empty(len(a) + len(b), np.int64)
    i, j, steps = len(a) - 1, len(b) - 1, 0
    while i >= 0 and j >= 0:
        rows[steps], columns[steps] = i, j
        steps += 1
        step = came_from[begins[i] + j - first[i]]
        i -= step != 1
        j -= step != 0
    return total[len(b)], rows[:steps], columns[:steps]


@compiled
def step_down(squared, left, row, up, corner):  # type: ignore[no-untyped-def]
    """One cell in sixteen lanes: its own cost and the least of its neighbours; what is above and above left next."""
    before = load(left, row * LANES)
    here = add(square_root(squared), minimum(up, minimum(before, corner)))
    store(left, row * LANES, here)
    return here, before


@compiled
def sweep(query, start, rows, candidates, lengths, dims, rest, limit, top, left, out):  # type: ignore[no-untyped-def]
    """DTW of one query with sixteen candidates; returns the groups of rows done, fewer than all if it gave up.

    `top` holds the last row of the group above, `left` the column to the left (its first entry the corner). It gives
    up, with infinity in `out`, as soon as in every lane the least value of a row plus `rest`, a lower bound for the
    rows to come, exceeds `limit`.
    """
    columns = lengths.max()
    groups = (rows + ROWS - 1) // ROWS
    top[: columns * LANES] = np.inf
    out[:] = np.inf
    for group in range(groups):
        left[:] = np.inf
        if group == 0:
            left[:LANES] = 0
        last = (min(ROWS, rows - group * ROWS)) * LANES
        base = start + group * ROWS * dims
        least = spread(float32(np.inf))
        for j in range(columns):
            s0 = s1 = s2 = s3 = s4 = s5 = spread(float32(0))
            for d in range(dims):
                frame = load(candidates, (j * dims + d) * LANES)
                k = base + d * ROWS
                s0 = add_squared_difference(s0, frame, query, k)
                s1 = add_squared_difference(s1, frame, query, k + 1)
                s2 = add_squared_difference(s2, frame, query, k + 2)
                s3 = add_squared_difference(s3, frame, query, k + 3)
                s4 = add_squared_difference(s4, frame, query, k + 4)
                s5 = add_squared_difference(s5, frame, query, k + 5)
            up, corner = load(top, j * LANES), load(left, 0)
            store(left, 0, up)
            up, corner = step_down(s0, left, 1, up, corner)
            up, corner = step_down(s1, left, 2, up, corner)
            up, corner = step_down(s2, left, 3, up, corner)
            up, corner = step_down(s3, left, 4, up, corner)
            up, corner = step_down(s4, left, 5, up, corner)
            up, corner = step_down(s5, left, 6, up, corner)
            store(top, j * LANES, up)
            least = minimum(least, up)
            if group == groups - 1:
                for lane in range(LANES):
                    if lengths[lane] == j + 1:
                        out[lane] = left[last + lane]
        if group < groups - 1 and smallest(add(least, load(rest, (group + 1) * LANES))) > limit:
            return group + 1
    return groups


@compiled
def sweep_all(queries, starts, rows, candidates, lengths, dims, out):  # type: ignore[no-untyped-def]
    """DTW of every query with one block of sixteen candidates, into `out` [queries, lanes]."""
    top = np.empty(lengths.max() * LANES, np.float32)
    left = np.empty((ROWS + 1) * LANES, np.float32)
    rest = np.zeros((rows.max() // ROWS + 2) * LANES, np.float32)
    for q in range(len(starts)):
        sweep(queries, starts[q], rows[q], candidates, lengths, dims, rest, np.inf, top, left, out[q])


@compiled
def box_bounds(query, start, rows, low, high, boxes, dims, rest):  # type: ignore[no-untyped-def]
    """Lower bounds of DTW with sixteen candidates, for the rows from each group on, into `rest` [groups + 1, lanes].

    Each candidate is cut into `boxes` segments, each with its least and greatest value per dimension. A path takes
    every query row to some frame, hence into some box: it costs at least the distance to the nearest box.
    """
    groups = (rows + ROWS - 1) // ROWS
    store(rest, groups * LANES, spread(float32(0)))
    for group in range(groups - 1, -1, -1):
        total = load(rest, (group + 1) * LANES)
        for row in range(0, min(ROWS, rows - group * ROWS), 3):
            n0 = n1 = n2 = spread(float32(np.inf))
            for box in range(boxes):
                s0 = s1 = s2 = spread(float32(0))
                for d in range(dims):
                    least, most = load(low, (box * dims + d) * LANES), load(high, (box * dims + d) * LANES)
                    k = start + (group * dims + d) * ROWS + row
                    s0 = add_squared_excess(s0, least, most, query, k)
                    s1 = add_squared_excess(s1, least, most, query, k + 1)
                    s2 = add_squared_excess(s2, least, most, query, k + 2)
                n0, n1, n2 = minimum(n0, s0), minimum(n1, s1), minimum(n2, s2)
            total = add(total, square_root(n0))
            if group * ROWS + row + 1 < rows:  # the last group may hold fewer rows
                total = add(total, square_root(n1))
            if group * ROWS + row + 2 < rows:
                total = add(total, square_root(n2))
        store(rest, group * LANES, total)


@compiled
def bounds_all(query, rows, low, high, boxes, dims, rest):  # type: ignore[no-untyped-def]
    """`box_bounds` for every block of candidates: low, high [blocks, boxes * dims * lanes]."""
    for block in range(len(low)):
        box_bounds(query, 0, rows, low[block], high[block], boxes, dims, rest[block])


@compiled
def search(query, rows, order, rest, frames, offsets, dims, limit, enough, slack, found):  # type: ignore[no-untyped-def]
    """Go through candidates in `order`, sixteen at a time, for those whose distance is not surely above `limit`.

    `frames` holds all candidates end to end, `offsets` where each begins; `rest` is that of `bounds_all`. Each distance
    found pulls `limit` down to itself times `slack`; one below `enough` ends the search. What was computed goes to
    `found` [candidates], the rest of it stays as it was. Returns the groups of rows that were computed.
    """
    groups = (rows + ROWS - 1) // ROWS
    longest = np.max(offsets[1:] - offsets[:-1])
    lanes = np.empty(longest * dims * LANES, np.float32)
    top, left = np.empty(longest * LANES, np.float32), np.empty((ROWS + 1) * LANES, np.float32)
    remaining = np.empty((groups + 1) * LANES, np.float32)
    lengths, out = np.empty(LANES, np.int64), np.empty(LANES, np.float32)
    done = 0
    for first in range(0, len(order), LANES):
        chosen = order[first : first + LANES]
        if rest[chosen[0] // LANES, chosen[0] % LANES] > limit:
            break  # in order of the bound: all that follow are further away
        gather(chosen, frames, offsets, dims, lanes, lengths)
        remaining[:] = np.inf  # a lane without a candidate is no reason to go on
        for lane in range(len(chosen)):
            block, place = divmod(chosen[lane], LANES)
            for group in range(groups + 1):
                remaining[group * LANES + lane] = rest[block, group * LANES + place]
        done += sweep(query, 0, rows, lanes, lengths, dims, remaining, limit, top, left, out)
        for lane in range(len(chosen)):
            found[chosen[lane]] = out[lane]
        limit = min(limit, out[: len(chosen)].min() * slack)
        if out[: len(chosen)].min() < enough:
            break
    return done


@compiled
def gather(chosen, frames, offsets, dims, lanes, lengths):  # type: ignore[no-untyped-def]
    """Lay the chosen candidates side by side, as `pack_lanes` does; a lane too many holds the first one again."""
    begins = np.empty(LANES, np.int64)
    sizes = np.empty(LANES, np.int64)
    lengths[:] = 0
    for lane in range(LANES):
        clip = chosen[lane if lane < len(chosen) else 0]
        begins[lane], sizes[lane] = offsets[clip] * dims, (offsets[clip + 1] - offsets[clip]) * dims
        if lane < len(chosen):
            lengths[lane] = sizes[lane] // dims
    shared = sizes.min()
    for k in range(shared):  # all lanes of one number together: memory is written in one pass
        for lane in range(LANES):
            lanes[k * LANES + lane] = frames[begins[lane] + k]
    for k in range(shared, sizes.max()):
        for lane in range(LANES):
            lanes[k * LANES + lane] = frames[begins[lane] + k] if k < sizes[lane] else 0
