"""Samples that make domains comparable: as many clips of each side in every domain, in the same mix of strata."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._domains import UNKNOWN
from earwitness.audits._resamples import Resamples
from earwitness.stats import bootstrap_indices

Rows = NDArray[np.intp]


def keep_mix(strata: NDArray[Any], n: int, rng: np.random.Generator, *, exact: bool = True) -> Rows:
    """Positions of n items that keep the shares of the strata.

    Parameters
    ----------
    strata : (m,) array
        Stratum of each item.
    n
        How many to keep; all where there are no more.
    rng
        Which of each stratum.
    exact
        Exactly n, the strata with the largest remainders getting one more; False truncates each stratum's share, as
        Wang et al. (2023) do, and keeps up to one item a stratum less.

    Examples
    --------
    >>> genres = np.repeat(["pop", "jazz", "classical"], [84, 23, 187])
    >>> len(keep_mix(genres, 290, np.random.default_rng(0), exact=False))
    288
    """
    if n >= len(strata):
        return np.arange(len(strata))
    names, index, size = np.unique(strata.astype(str), return_inverse=True, return_counts=True)
    share = size * (n / len(strata))
    take = np.floor(share + 1e-9).astype(int)
    if exact:
        most = np.argsort(take - share, kind="stable")[: n - take.sum()]
        take[most] += 1
    chosen = [rng.permutation(np.flatnonzero(index == k))[: take[k]] for k in range(len(names))]
    return np.sort(np.concatenate(chosen))


def equal_sample(
    truth: NDArray[np.int8],
    member: NDArray[np.int64],
    strata: NDArray[Any],
    rng: np.random.Generator,
    *,
    exact: bool = True,
) -> list[Rows]:
    """Rows of each domain with one class known, as many that have it and as many that have it not in every domain.

    Parameters
    ----------
    truth : (n,) array
        1, 0 or -1 (unknown) for one class.
    member : (n,) array
        Domain of each clip, from 0.
    strata : (n,) array
        Whose mix each domain keeps.
    rng, exact
        As in `keep_mix`.
    """
    domains = range(int(member.max()) + 1)
    sides = [[np.flatnonzero((member == d) & (truth == side)) for d in domains] for side in (1, 0)]
    chosen: list[list[Rows]] = [[] for _ in domains]
    for rows in sides:
        n = min(len(mine) for mine in rows)
        for d, mine in zip(domains, rows, strict=True):
            chosen[d].append(mine[keep_mix(strata[mine], n, rng, exact=exact)])
    return [np.sort(np.concatenate(parts)) for parts in chosen]


def known(truth: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Where something is known."""
    return truth != UNKNOWN


def stratified_resamples(units: NDArray[np.int64], strata: NDArray[np.int64], n_resamples: int, seed: int) -> Resamples:
    """Resamples that draw units, with all their clips, within strata, so that no resample loses a class or a domain.

    Parameters
    ----------
    units : (n,) array
        Clips of one unit are drawn together.
    strata : (n,) array
        A unit is of the stratum of its first clip.
    n_resamples, seed
        As in `Resamples.draw`.
    """
    rng = np.random.default_rng(seed)
    names, first, unit = np.unique(units, return_index=True, return_inverse=True)
    counts = np.zeros((n_resamples, len(names)), np.float32)
    for stratum in np.unique(strata[first]):
        mine = np.flatnonzero(strata[first] == stratum)
        for row, drawn in enumerate(bootstrap_indices(len(mine), n_resamples=n_resamples, rng=rng)):
            counts[row, mine] = np.bincount(drawn, minlength=len(mine))
    return Resamples(counts[:, unit], len(names), seed)
