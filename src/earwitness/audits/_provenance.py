"""How a number was made: versions, seed, seconds, and a hash of what went in."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

import earwitness
from earwitness.embeddings import Embeddings
from earwitness.store import content_hash

_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn")


def provenance(
    embeddings: Sequence[Embeddings], *, columns: Sequence[str | None] = (), seed: int, started: float
) -> dict[str, Any]:
    """What a result carries about its making.

    Parameters
    ----------
    embeddings
        All that the audit looked at.
    columns
        Columns of the clip table that it used; None is passed over.
    seed
        Source of its randomness.
    started
        `time.perf_counter()` at its start.
    """
    return {
        "seed": seed,
        "seconds": round(perf_counter() - started, 3),
        "revision": embeddings[0].revision,
        "versions": {
            "earwitness": earwitness.__version__,
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
        },
        "inputs": input_hash(embeddings, [column for column in columns if column is not None]),
    }


def input_hash(embeddings: Sequence[Embeddings], columns: Sequence[str] = ()) -> str:
    """One hash of the vectors, clip ids, perturbations and these columns: equal inputs, equal hash."""
    parts: list[str | bytes] = []
    for each in embeddings:
        parts += [each.encoder, each.revision, each.perturbation.key if each.perturbation else ""]
        parts += [str(each.vectors.shape), np.ascontiguousarray(each.vectors, np.float32).tobytes()]
        for column in ("clip", *columns):
            parts += [column, *each.clips[column].map(_text)]
    return content_hash(*parts)


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
