"""One set of bootstrap resamples for all numbers of an audit, so that any two of them can be compared in pairs.

Conventions: a resample is a row of weights, how often each clip was drawn. A measure that takes weights gives all its
resamples in a few matrix products. The same seed, clips and groups give the same rows, whatever the encoder.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earwitness.stats import Estimate, bootstrap_indices

Floats = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Resamples:
    """How often each clip is in each resample.

    Attributes
    ----------
    weights : (n_resamples, n) float32 array
        Counts; a group's clips share theirs.
    units
        What was drawn: number of clips, or of groups.
    seed
        What they were drawn by.
    """

    weights: NDArray[np.float32]
    units: int
    seed: int

    @classmethod
    def draw(cls, n: int, groups: ArrayLike | None, n_resamples: int, seed: int) -> "Resamples":
        """Resamples of n clips, or of their groups; the seed alone decides which."""
        rng = np.random.default_rng(seed)
        draws = bootstrap_indices(n, groups=groups, n_resamples=n_resamples, rng=rng)
        weights = np.stack([np.bincount(draw, minlength=n) for draw in draws]).astype(np.float32)
        return cls(weights, n if groups is None else len(np.unique(np.asarray(groups).astype(str))), seed)

    def of(self, clips: ArrayLike) -> "Resamples":
        """The same resamples, seen on some of the clips only."""
        return Resamples(self.weights[:, np.asarray(clips)], self.units, self.seed)

    def means(self, values: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Floats:
        """(n_resamples, m) means of the columns of `values` (n, m); NaN where no clip of a resample is present."""
        if present is None:
            present = np.ones(values.shape, bool)
        total = self.weights @ np.where(present, values, 0).astype(np.float64)
        size = self.weights @ present.astype(np.float64)
        return np.divide(total, size, out=np.full(total.shape, np.nan), where=size > 0)

    def estimate(self, value: float, draws: Floats, n: int | None = None, note: str = "") -> Estimate:
        """A value with the percentile interval of its resamples.

        Parameters
        ----------
        value
            The measure of the clips themselves.
        draws : (n_resamples,) array
            The measure of each resample; NaN where it has none.
        n
            Number of clips or groups behind it, where that is not all of them.
        """
        n = self.units if n is None else n
        usable = draws[~np.isnan(draws)]
        if n < 2 or not len(usable) or np.isnan(value):
            return Estimate(float(value), np.nan, np.nan, n, note or "too few clips for an interval")
        low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if len(usable) < len(draws):
            note = "; ".join(filter(None, [note, f"{len(draws) - len(usable)} of {len(draws)} resamples had no value"]))
        return Estimate(float(value), float(low), float(high), n, note)

    def share(self, value: float, draws: Floats, n: int | None = None, note: str = "") -> Estimate:
        """As `estimate`, for a share of clips: at 0 or 1, where all resamples agree, the exact binomial limit stands.

        References
        ----------
        Clopper and Pearson (1934), Biometrika 26(4): with no error in n draws the 95 % limit is 1 - 0.025^(1/n).
        """
        found = self.estimate(value, draws, n, note)
        if found.low != found.high or value not in (0.0, 1.0):
            return found
        free = 1 - ((1 - LEVEL) / 2) ** (1 / found.n)
        note = "; ".join(filter(None, [note, "exact binomial limit"]))
        low, high = (0.0, free) if value == 0 else (1 - free, 1.0)
        return Estimate(found.value, low, high, found.n, note)
