"""Sequences of frames: what is asked of them, how they are packed for the kernels, how the work is shared out.

A sequence is a float32 matrix `[frames, dims]`. The kernels compare one query with sixteen candidates at once, one
in each lane of a vector register, six query frames at a time; `pack_rows` and `pack_lanes` lay memory out for that.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError

Frames = NDArray[np.float32]

LANES = 16
"""Candidates compared at once: one AVX-512 register of float32, two of AVX2."""

ROWS = 6
"""Query frames held in registers: six rows of sixteen lanes leave AVX2 four registers to work with; eight spill."""

LARGEST = 1e15
"""Values beyond this could overflow float32 when squared and summed."""


def as_sequence(values: ArrayLike, name: str) -> Frames:
    """One sequence as float32 `[frames, dims]`, or an error that says what is wrong with it."""
    frames = np.ascontiguousarray(values, np.float32)
    if frames.ndim != 2 or 0 in frames.shape:
        raise InputError(f"{name} has shape {frames.shape}; give [frames, dims] with one frame or more.")
    if not (np.abs(frames) <= LARGEST).all():
        raise InputError(f"{name} has a value that is not finite or beyond {LARGEST:g}; drop its clip or rescale it.")
    return frames


def as_sequences(A: Iterable[ArrayLike], B: Iterable[ArrayLike]) -> tuple[list[Frames], list[Frames]]:
    """Two lists of sequences of one width."""
    lists = [[as_sequence(clip, f"clip {i} of {name}") for i, clip in enumerate(X)] for name, X in (("A", A), ("B", B))]
    widths = sorted({clip.shape[1] for clips in lists for clip in clips})
    if len(widths) > 1:
        raise InputError(f"the sequences have {' and '.join(map(str, widths))} dimensions; use one front end for all.")
    return lists[0], lists[1]


def pack_rows(clips: Sequence[Frames]) -> tuple[Frames, NDArray[np.int64], NDArray[np.int64]]:
    """Queries in groups of `ROWS` frames, zero frames at the end; where each starts; how many frames each has."""
    lengths = np.array([len(clip) for clip in clips], np.int64)
    groups = -(-lengths // ROWS)
    dims = clips[0].shape[1] if clips else 0
    starts = np.concatenate([[0], np.cumsum(groups)]) * ROWS * dims
    packed = np.zeros(starts[-1], np.float32)
    for clip, start, end in zip(clips, starts, starts[1:], strict=False):
        filled = np.zeros((end - start) // dims * dims, np.float32).reshape(-1, dims)
        filled[: len(clip)] = clip
        packed[start:end] = filled.reshape(-1, ROWS, dims).transpose(0, 2, 1).ravel()  # group, dim, row
    return packed, starts[:-1].astype(np.int64), lengths


def pack_lanes(clips: Sequence[Frames]) -> tuple[Frames, NDArray[np.int64]]:
    """Up to `LANES` candidates side by side, [frame, dim, lane] flattened, zeros after a shorter one; their lengths.

    What is computed on the zeros is never looked at: a path ends at the candidate's own last frame.
    """
    lengths = np.zeros(LANES, np.int64)
    lengths[: len(clips)] = [len(clip) for clip in clips]
    packed = np.zeros((lengths.max(), clips[0].shape[1], LANES), np.float32)
    for lane, clip in enumerate(clips):
        packed[: len(clip), :, lane] = clip
    return packed.ravel(), lengths


def run_threads(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], jobs: int | None) -> list[Any]:
    """`function(*task)` for each task, in order, on `jobs` threads (None: as many as numba would use)."""
    if jobs is None:
        from numba import config

        # An environment variable of the same name sets it; makers of worker processes do.
        jobs = int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; give 1 or more.")
    if jobs == 1 or len(tasks) < 2:
        return [function(*task) for task in tasks]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda task: function(*task), tasks))
