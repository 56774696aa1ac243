"""How an explanation result was made."""

import platform
from importlib.metadata import version
from time import perf_counter
from typing import Any

import earwitness
from earwitness.datasets.interactions import Interactions

_PACKAGES = ("numpy", "pandas", "scipy")


def made(train: Interactions, seed: int, started: float) -> dict[str, Any]:
    """Versions, seed, seconds since `started`, and a hash of the interactions."""
    return {
        "seed": seed,
        "seconds": round(perf_counter() - started, 3),
        "versions": versions(),
        "inputs": train.key(),
    }


def versions() -> dict[str, str]:
    """Of Earwitness, Python and the packages that make the numbers."""
    return {
        "earwitness": earwitness.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }
