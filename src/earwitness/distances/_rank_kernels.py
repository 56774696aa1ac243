"""The compiled loops of ranking: a radix sort that returns places, and ranks shared between equal values."""

import numpy as np

from earwitness.distances._compiled import compiled

DIGIT_BITS = 8
"""Bits sorted in one pass. Fewer passes of more bits are slower: beyond 256 heaps the memory pages in use at once no
longer fit the processor's table of addresses."""


@compiled
def shared_ranks(keys):  # type: ignore[no-untyped-def]
    """Ranks from 1 on of unsigned integers; equal ones share the mean of theirs."""
    n, digits = len(keys), 1 << DIGIT_BITS
    passes = (8 * keys.itemsize + DIGIT_BITS - 1) // DIGIT_BITS
    mask = keys.dtype.type(digits - 1)
    # Unsigned indices throughout: numba would otherwise ask of each whether it is negative.
    counts = np.zeros((passes, digits), np.uint64)
    for i in range(n):
        rest = keys[i]
        for p in range(passes):
            counts[p, np.uint64(rest & mask)] += np.uint64(1)
            rest >>= keys.dtype.type(DIGIT_BITS)
    places = np.arange(n).astype(np.uint32)
    keys, other_keys, other_places = keys.copy(), np.empty_like(keys), np.empty_like(places)
    for p in range(passes):
        if counts[p].max() == n:
            continue  # all keys have this digit in common
        begins = np.cumsum(counts[p]) - counts[p]
        shift = keys.dtype.type(p * DIGIT_BITS)
        for i in range(n):
            digit = np.uint64((keys[i] >> shift) & mask)
            to = begins[digit]
            begins[digit] = to + np.uint64(1)
            other_keys[to] = keys[i]
            other_places[to] = places[i]
        keys, other_keys = other_keys, keys
        places, other_places = other_places, places
    return spread_ranks(keys, places)


@compiled
def spread_ranks(keys, places):  # type: ignore[no-untyped-def]
    """Ranks at the places they belong to, given the keys in order and where each of them stood."""
    ranks = np.empty(len(keys))
    begin = 0
    while begin < len(keys):
        end = begin + 1
        while end < len(keys) and keys[end] == keys[begin]:
            end += 1
        rank = (begin + 1 + end) / 2
        for i in range(begin, end):
            ranks[np.uint64(places[i])] = rank
        begin = end
    return ranks
