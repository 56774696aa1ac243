"""Rows, and the domain and stratum each of them is of, checked once at the public door."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]
Labels = NDArray[Any]
Positions = NDArray[np.intp]


def matrix(X: ArrayLike) -> Floats:
    """X as (n, d) float64.

    Raises
    ------
    InputError
        If it is no matrix, has no rows or columns, or holds a number that is not finite.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"embeddings are a matrix with one row a clip; these have the shape {rows.shape}")
    bad = ~np.isfinite(rows).all(1)
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {len(rows)} embeddings hold a NaN or an infinite number, the first is row "
            f"{bad.argmax()}: leave them out"
        )
    return rows


def labels(values: ArrayLike, count: int, what: str) -> tuple[Labels, bool]:
    """One value a row as text, and whether the values were numbers; 3.0 is "3", as a column with gaps is read.

    Raises
    ------
    InputError
        If there is not one a row, or one is missing.
    """
    found = np.asarray(values)
    if found.ndim != 1 or len(found) != count:
        raise InputError(f"{what} needs one value a clip: it has the shape {found.shape}, and there are {count} clips")
    missing = pd.isna(found) | (found.astype(str) == "")
    if missing.any():
        raise InputError(f"{what} is missing for {missing.sum()} clips, the first is row {missing.argmax()}")
    if found.dtype.kind == "f" and (found == np.round(found)).all():
        found = found.astype(np.int64)
    return found.astype(str), found.dtype.kind in "iu"


def members(sample_domain: ArrayLike, count: int, *, least: int = 2) -> tuple[Labels, Positions]:
    """The domains in order, as text, and for each row the position of its own among them.

    Raises
    ------
    InputError
        If there are fewer than `least`, or a row has none.
    """
    text, numbers = labels(sample_domain, count, "sample_domain")
    domains, member = np.unique(text, return_inverse=True)
    if len(domains) < least:
        raise InputError(f"what tells domains apart takes two of them or more; every clip is of {str(domains[0])!r}")
    if numbers:  # 2 before 10
        order = np.argsort(domains.astype(np.int64))
        domains, member = domains[order], np.argsort(order)[member]
    return domains, member.astype(np.intp)


def positions(sample_domain: ArrayLike, domains: Labels, count: int) -> Positions:
    """For each row the position of its domain among these, -1 where it is none of them."""
    text, _ = labels(sample_domain, count, "sample_domain")
    return np.asarray(pd.Index(domains).get_indexer(pd.Index(text)), dtype=np.intp)


def strata_of(strata: ArrayLike, count: int) -> tuple[Sequence[str], Positions]:
    """The strata in order, and for each row the position of its own, -1 where it has none (missing or blank)."""
    found = np.asarray(strata, dtype=object)
    if found.ndim != 1 or len(found) != count:
        raise InputError(f"strata needs one value a clip: shape {found.shape} for {count} clips")
    text = np.array([text_of(value) for value in found], dtype=object)
    names = sorted(set(text.tolist()) - {""})
    place = pd.Index(names, dtype=object).get_indexer(pd.Index(text, dtype=object))
    return names, np.asarray(place, dtype=np.intp)


def text_of(value: Any) -> str:
    """A cell as text; 3.0 is "3", as a column of whole numbers with a gap is read as floats."""
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
