"""Means and spreads of the features, of all training clips and of each domain, and the ways to standardise by them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.correction._rows import Floats, Labels, Positions
from earwitness.errors import InputError

Standardize = Literal["none", "pooled", "per_domain", "per_domain_fit_source_apply"]
Unseen = Literal["error", "pooled"]


@dataclass(frozen=True)
class Scaling:
    """What was learnt of the features' location and scale from the training clips.

    Attributes
    ----------
    mean, scale : (d,) arrays
        Of all clips. The scale of a dead feature (see `fit`) is infinite: it is 0 once standardised.
    means, scales : (k, d) arrays
        Of each domain; the scale of a feature that does not change within a domain is 1.
    """

    mean: Floats
    scale: Floats
    means: Floats
    scales: Floats

    @classmethod
    def fit(cls, X: Floats, member: Positions, min_variance: float) -> "Scaling":
        """Learn from training clips.

        Parameters
        ----------
        X : (n, d) array
        member : (n,) array
            Positions of the domains.
        min_variance
            A feature is dead if its variance is below this share of the median variance over features, or 0.

        Raises
        ------
        InputError
            If no feature changes.
        """
        mean, variance, constant = _moments(X)
        if constant.all():
            raise InputError(
                f"none of the {X.shape[1]} features changes over the {len(X)} clips: is the encoder broken?"
            )
        dead = constant | (variance < min_variance * np.median(variance))
        scale = np.where(dead, np.inf, np.sqrt(variance))
        each = [_moments(X[member == k]) for k in range(member.max() + 1)]
        scales = [np.where(still, 1.0, np.sqrt(spread)) for _, spread, still in each]
        return cls(mean, scale, np.stack([m for m, _, _ in each]), np.where(dead, np.inf, np.stack(scales)))

    @property
    def alive(self) -> NDArray[np.bool_]:
        """(d,) which features are not dead."""
        return np.isfinite(self.scale)

    def widened(self, rows: Floats) -> Floats:
        """Rows over the living features as rows over all, 0 at the dead ones."""
        wide = np.zeros((len(rows), len(self.scale)))
        wide[:, self.alive] = rows
        return wide

    def pooled(self, X: Floats) -> Floats:
        """X by the mean and spread of all training clips."""
        return (X - self.mean) / self.scale

    def by_domain(self, X: Floats, member: Positions) -> Floats:
        """X by each row's own domain; rows at position -1 by all training clips."""
        means = np.concatenate([self.means, self.mean[None]])  # -1 is the last
        scales = np.concatenate([self.scales, self.scale[None]])
        return (X - means[member]) / scales[member]

    def unscaled(self, Z: Floats) -> Floats:
        """Standardised rows in the units of all training clips; a dead feature at its mean."""
        return np.where(self.alive, self.scale, 0.0) * Z + self.mean


def position_of(domain: Any, domains: Labels, option: str) -> int:
    """The position of one domain among those that were seen.

    Raises
    ------
    InputError
        If it is none of them.
    """
    place = np.flatnonzero(domains.astype(str) == str(domain))
    if not len(place):
        raise InputError(f"{option} is {domain!r}, which is none of the domains {', '.join(map(str, domains))}")
    return int(place[0])


def _moments(X: Floats) -> tuple[Floats, Floats, Any]:
    """Mean, variance, and which features do not change but by rounding."""
    mean = X.mean(0)
    variance = ((X - mean) ** 2).mean(0)
    rounding = len(X) * np.finfo(float).eps
    return mean, variance, variance <= rounding * variance + (rounding * mean) ** 2
