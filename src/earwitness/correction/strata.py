"""One direction a stratum (a genre, say), so that what differs between domains in one of them is found too."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from earwitness.correction._discriminant import Shrinkage, discriminants, whitened_mean
from earwitness.correction._rows import Floats, Positions, matrix, members, strata_of
from earwitness.correction.directions import mean_directions, orthonormal_rows
from earwitness.errors import InputError

Direction = Literal["lda", "mean"]
Degenerate = Literal["skip", "global_row", "error", "as_published"]
DEGENERATE: tuple[Degenerate, ...] = ("skip", "global_row", "error", "as_published")


@dataclass(frozen=True)
class StratumDirections:
    """Domain directions within strata, and what was left out.

    Attributes
    ----------
    rows : (r, d) array
        Directions, in their own lengths; one a stratum for two domains.
    strata
        The stratum of each row; "all" where a row of all clips stands in for degenerate strata.
    skipped
        Strata that had too few clips of a domain, each with the reason.
    singular_values : (min(r, d),) array
        Of the rows scaled to length one, largest first.
    """

    rows: Floats
    strata: tuple[str, ...]
    skipped: dict[str, str]
    singular_values: Floats

    @property
    def condition(self) -> float:
        """Smallest over largest singular value of the rows scaled to length one; 0 where they span too little."""
        return float(self.singular_values[-1] / self.singular_values[0])


def stratum_directions(
    X: ArrayLike,
    domain: ArrayLike,
    strata: ArrayLike,
    *,
    direction: Direction = "lda",
    shrinkage: Shrinkage = "auto",
    min_per_side: int = 5,
    on_degenerate: Degenerate = "skip",
) -> StratumDirections:
    """The directions between domains within each stratum: the rows of W in equation 3 of Wang et al. (2023).

    W is strata x dimensions here and in the authors' code; the paper prints its transpose.

    Parameters
    ----------
    X : (n, d) array
        One embedding a row.
    domain : (n,) array
        Two values or more.
    strata : (n,) array
        A clip whose stratum is missing or blank is left out.
    direction
        "lda" or "mean"; see `lda_direction` and `mean_direction`.
    shrinkage
        Of the covariance, for "lda".
    min_per_side
        A stratum is degenerate unless two domains have this many clips in it. A domain with fewer is left out of it.
    on_degenerate
        "skip" the stratum; let one "global_row" of all clips stand for every such stratum; "error"; or "as_published":
        take each stratum as it is, and where it is of one domain only take S^-1 times its mean, which is no
        domain direction but what scikit-learn returned in the published experiment.

    Raises
    ------
    InputError
        If a stratum is degenerate and that is an error, or every one is; or a number is not finite.
    """
    rows = matrix(X)
    _, member = members(domain, len(rows))
    names, stratum = strata_of(strata, len(rows))
    if on_degenerate not in DEGENERATE:
        raise InputError(f"on_degenerate is {on_degenerate!r}: choose one of {', '.join(DEGENERATE)}")
    least = 1 if on_degenerate == "as_published" else min_per_side
    found: list[Floats] = []
    owner: list[str] = []
    skipped: dict[str, str] = {}
    for position, name in enumerate(names):
        inside = np.flatnonzero(stratum == position)
        counts = np.bincount(member[inside], minlength=member.max() + 1)
        enough = np.flatnonzero(counts >= least)
        if len(enough) >= 2:
            inside = inside[np.isin(member[inside], enough)]
            each = _directions(rows[inside], np.searchsorted(enough, member[inside]), direction, shrinkage)
        elif on_degenerate == "as_published":
            each = whitened_mean(rows[inside], shrinkage)
        else:
            skipped[name] = _reason(counts, min_per_side)
            continue
        found.append(each)
        owner += [name] * len(each)
    if skipped and on_degenerate == "error":
        name, reason = next(iter(skipped.items()))
        raise InputError(f"stratum {name!r}: {reason}; on_degenerate='skip' leaves it out")
    if skipped and on_degenerate == "global_row":
        every = _directions(rows, member, direction, shrinkage)
        found.append(every)
        owner += ["all"] * len(every)
    if not found:
        raise InputError(
            f"no stratum of {len(names)} has {min_per_side} clips of two domains: lower min_per_side, join strata, or "
            "correct without them"
        )
    W = np.concatenate(found)
    return StratumDirections(W, tuple(owner), skipped, orthonormal_rows(W)[1])


def _directions(X: Floats, member: Positions, direction: Direction, shrinkage: Shrinkage) -> Floats:
    if direction == "lda":
        return discriminants(X, member, shrinkage)
    if direction == "mean":
        return mean_directions(X, member)
    raise InputError(f"direction is {direction!r}: choose 'lda' or 'mean'")


def _reason(counts: Positions, least: int) -> str:
    return f"{', '.join(map(str, counts))} clips of the domains, where two need {least}"
