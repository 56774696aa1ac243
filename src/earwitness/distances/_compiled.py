"""How the kernels are compiled: without Python's lock, and kept on disk so that it is done once."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, compiled when it is first called and kept beside its source for the next process.

    Where nothing can be kept (a read-only installation and no home folder) it is compiled anew in every process.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return njit(nogil=True)(function)
