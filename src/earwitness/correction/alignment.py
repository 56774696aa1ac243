"""Corrections that treat each domain in its own way, and so must be told it: per-domain z-scores, CORAL."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from earwitness.correction._base import Correction
from earwitness.correction._rows import Floats, Positions
from earwitness.correction.scaling import Scaling, Unseen, position_of
from earwitness.errors import InputError


class DomainStandardizer(Correction):
    """Standardise each clip by the mean and spread of its own domain's training clips.

    A strong and simple baseline. `transform` needs `sample_domain`.

    Parameters
    ----------
    unseen
        A clip of a domain that was not there to learn from is an "error", or standardised by all training clips
        ("pooled").
    min_variance
        A feature whose variance over all training clips is below this share of the median variance becomes 0.

    Attributes
    ----------
    scaling_
        Means and spreads.
    """

    def __init__(self, *, unseen: Unseen = "error", min_variance: float = 1e-8) -> None:
        self.unseen = unseen
        self.min_variance = min_variance

    @property
    def needs_domain(self) -> bool:
        """True."""
        return True

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        del strata
        self.scaling_ = Scaling.fit(X, member, self.min_variance)

    def _corrected(self, X: Floats, member: Positions | None) -> Floats:
        assert member is not None
        return self.scaling_.by_domain(X, member)


class CORAL(Correction):
    r"""Correlation alignment: give every domain the mean and covariance of one target domain.

    .. math:: x \mapsto (x - m_s) C_s^{-1/2} C_t^{1/2} + m_t, \quad C = \mathrm{cov} + \lambda I

    for clips of a source domain s; those of the target t stay as they are. `transform` needs `sample_domain`.

    Parameters
    ----------
    target
        The target domain; by default the one with most training clips (the first of them where several have).
    ridge
        Lambda, in the units of the covariance: 1 on standardised features is the authors' choice.
    standardize
        "pooled": align features in units of their spread over all training clips; "none": as they come. The result
        is in the units of X either way.
    unseen
        A clip of a domain that was not there to learn from is an "error", or left as it is ("pooled").
    min_variance
        A feature whose variance is below this share of the median variance is left as it is; for "pooled".

    Attributes
    ----------
    target_
        The target domain.
    means_ : (k, d) array
        Of each domain, standardised.
    maps_ : (k, d, d) array
        What rows of each domain are multiplied by; the identity for the target.
    scaling_
        Means and spreads, or None.

    References
    ----------
    Sun, Feng and Saenko (2016). Return of frustratingly easy domain adaptation. AAAI.
    """

    def __init__(
        self,
        *,
        target: str | int | None = None,
        ridge: float = 1.0,
        standardize: Literal["none", "pooled"] = "pooled",
        unseen: Unseen = "error",
        min_variance: float = 1e-8,
    ) -> None:
        self.target = target
        self.ridge = ridge
        self.standardize = standardize
        self.unseen = unseen
        self.min_variance = min_variance

    @property
    def needs_domain(self) -> bool:
        """True."""
        return True

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        del strata
        if self.ridge <= 0:
            raise InputError(f"ridge is {self.ridge}: CORAL divides by the covariance with it, so it must be positive")
        counts = np.bincount(member)
        if counts.min() < 2:
            raise InputError(
                f"CORAL needs two clips of each domain for a covariance; {self.domains_[counts.argmin()]} has 1"
            )
        place = int(counts.argmax()) if self.target is None else position_of(self.target, self.domains_, "target")
        self.target_ = str(self.domains_[place])
        self.scaling_ = None if self.standardize == "none" else Scaling.fit(X, member, self.min_variance)
        Z = X if self.scaling_ is None else self.scaling_.pooled(X)
        self.means_ = np.stack([Z[member == k].mean(0) for k in range(len(counts))])
        covariances = [np.atleast_2d(np.cov(Z[member == k].T)) for k in range(len(counts))]
        colour = self._power(covariances[place], 0.5)
        self.maps_ = np.stack(
            [
                np.eye(Z.shape[1]) if k == place else self._power(covariance, -0.5) @ colour
                for k, covariance in enumerate(covariances)
            ]
        )
        self.target_position_ = place

    def _power(self, covariance: Floats, power: float) -> Floats:
        values, vectors = np.linalg.eigh(covariance)
        # Rounding makes zero eigenvalues slightly negative.
        found: Floats = (vectors * (np.maximum(values, 0) + self.ridge) ** power) @ vectors.T
        return found

    def _corrected(self, X: Floats, member: Positions | None) -> Floats:
        assert member is not None
        out = X.copy()
        for k in set(member.tolist()) - {self.target_position_, -1}:
            rows = X[member == k]
            Z = rows if self.scaling_ is None else self.scaling_.pooled(rows)
            Z = (Z - self.means_[k]) @ self.maps_[k] + self.means_[self.target_position_]
            if self.scaling_ is not None:
                Z = np.where(self.scaling_.alive, self.scaling_.unscaled(Z), rows)
            out[member == k] = Z
        return out
