"""The compiled code itself: a refactor can lose the vector instructions, and with them nine tenths of the speed."""

import os
import platform
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from llvmlite import binding
from numba import njit

from earwitness.distances import _dtw_kernels, _simple_kernels
from earwitness.distances.sequences import LANES, ROWS

vector_processor = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not binding.get_host_cpu_features().get("avx2"),
    reason="looks for the instructions of processors with AVX2",
)


@cache
def assembly(kernel, signature):
    """What a fresh compilation yields: code from numba's cache keeps no assembly."""
    fresh = njit(nogil=True)(kernel.py_func)
    fresh.compile(signature)
    (text,) = fresh.inspect_asm().values()
    return text


def packed(instruction, text):
    return len(re.findall(rf"\bv{instruction}ps\b[^\n]*%[yz]mm", text))


def on_single_numbers(instruction, text):
    return len(re.findall(rf"\bv{instruction}ss\b", text))


SWEEP = "intp(f4[::1], i8, i8, f4[::1], i8[::1], i8, f4[::1], f8, f4[::1], f4[::1], f4[::1])"
SQUARES = "void(f4[::1], i8, f4[::1], i8, i8, i8, f4[::1])"


@vector_processor
@pytest.mark.parametrize(("kernel", "signature"), [(_dtw_kernels.sweep, SWEEP), (_simple_kernels.squares, SQUARES)])
def test_squared_differences_are_packed_and_stay_in_registers(kernel, signature):
    text = assembly(kernel, signature)
    fused = "fmadd[0-9]+"
    assert packed(fused, text) >= ROWS
    assert packed("sub", text) >= ROWS
    assert on_single_numbers(fused, text) == 0
    inner = max(re.split(r"^\.L\w+:", text, flags=re.MULTILINE), key=lambda block: packed(fused, block))
    assert packed(fused, inner) >= ROWS
    assert "rsp" not in inner.split("\tj", 1)[0], "an accumulator is spilled to the stack in the innermost loop"


@vector_processor
def test_the_recurrence_is_packed():
    text = assembly(_dtw_kernels.sweep, SWEEP)
    for instruction in ("sqrt", "min", "add"):
        assert packed(instruction, text) >= ROWS
    assert on_single_numbers("sqrt", text) == 0


def test_what_a_lane_computes_does_not_depend_on_its_place():
    rng = np.random.default_rng(0)
    query = rng.normal(size=ROWS * 5).astype(np.float32)
    clips = rng.normal(size=(7, 5, LANES)).astype(np.float32)
    out = np.empty((1, LANES), np.float32)
    turned = np.empty((1, LANES), np.float32)
    starts, rows, lengths = np.zeros(1, np.int64), np.full(1, ROWS), np.full(LANES, 7)
    _dtw_kernels.sweep_all(query, starts, rows, clips.ravel(), lengths, 5, out)
    _dtw_kernels.sweep_all(query, starts, rows, np.roll(clips, 3, axis=2).ravel(), lengths, 5, turned)
    np.testing.assert_array_equal(np.roll(out, 3), turned)


def test_a_machine_that_can_keep_no_compiled_code_compiles_it_anew():
    nowhere = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": ""}
    program = "from earwitness.distances import average_ranks; print(average_ranks([3.0, 1.0]).tolist())"
    done = subprocess.run([sys.executable, "-c", program], env=nowhere, capture_output=True, text=True, check=True)
    assert done.stdout == "[2.0, 1.0]\n"
