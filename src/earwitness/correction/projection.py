"""Projection of embeddings off the directions along which domains differ: LDA, mLDA, K, KLDA, mKLDA and controls."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from earwitness.correction._base import AffineCorrection
from earwitness.correction._discriminant import Shrinkage, discriminants
from earwitness.correction._rows import Floats, Positions
from earwitness.correction.directions import mean_directions, orthonormal_rows, random_directions
from earwitness.correction.features import FastfoodMap, FourierMap, Kernel, NystroemMap, feature_map
from earwitness.correction.scaling import Scaling, Standardize, Unseen, position_of
from earwitness.correction.strata import Degenerate, stratum_directions
from earwitness.errors import InputError


class DomainProjection(AffineCorrection):
    r"""Project embeddings onto the orthogonal complement of the directions between domains.

    .. math:: x \mapsto (I - V V^T) x, \quad W = U S V^T

    where the rows of W are the directions: one for two domains, k - 1 for k, and as many for each stratum. Equations 2
    to 4 of Wang, Richard and McFee (2023); with a kernel map f in front of it, their section 3.5.

    The result has the units of X, or is in the space of the kernel's features. Projecting off the discriminant's normal
    does not make the domain unpredictable unless the features are uncorrelated and alike in spread;
    `direction="mean"` and `LEACE` make the means of the training domains coincide.

    Parameters
    ----------
    direction
        "lda"; "mean"; "random": `n_directions` random ones, the control for removing anything; "none" removes nothing,
        which with a kernel is K.
    per_stratum
        A direction for each stratum (mLDA, mKLDA); `fit` then needs `strata`.
    kernel
        None, "rff", "fastfood" or "nystroem": the features that the projection acts on; see `feature_map`.
    standardize
        In which units directions are found and kernels computed. "pooled": by mean and spread of all training clips.
        "none": as they come (published, without a kernel). "per_domain": each clip by its own domain's, also in
        `transform`, which then needs `sample_domain`; without a kernel the result is put back to the units of all
        training clips. "per_domain_fit_source_apply": each training clip by its own domain's, but in `transform` every
        clip by those of `source` (published, with a kernel).
    shrinkage
        Of the covariance, for "lda"; see `lda_direction`.
    min_per_side, on_degenerate
        Which strata are too small, and what becomes of them; see `stratum_directions`.
    n_features, sigma
        Of the kernel map; see `feature_map`.
    n_directions
        How many random directions.
    source
        The domain whose mean and spread "per_domain_fit_source_apply" uses.
    unseen
        For "per_domain": a domain that was not there to learn from is an "error", or standardised as "pooled".
    min_variance
        A feature whose variance is below this share of the median variance is left out of what is standardised; 0
        keeps all that change at all (published).
    random_state
        Seed of random directions, of the kernel map and of the median distance.

    Attributes
    ----------
    components_, readout_, center_, n_removed_
        See `AffineCorrection`. With "none" of the standardisations or a kernel, the rows are orthonormal.
    directions_ : (r, d) array
        The rows of W as found, in the (standardised, mapped) space where they were found.
    singular_values_ : (r,) array
        Of W with rows of length one, largest first; the last over the first tells how near to dependent the rows are.
    strata_, skipped_strata_
        The stratum of each row of W; those left out, each with the reason.
    map_
        The kernel map, or None.
    scaling_
        Means and spreads, or None.
    """

    def __init__(
        self,
        *,
        direction: Literal["lda", "mean", "random", "none"] = "lda",
        per_stratum: bool = False,
        kernel: Kernel | None = None,
        standardize: Standardize = "pooled",
        shrinkage: Shrinkage = "auto",
        min_per_side: int = 5,
        on_degenerate: Degenerate = "skip",
        n_features: int | None = None,
        sigma: float | None = None,
        n_directions: int = 1,
        source: str | int | None = None,
        unseen: Unseen = "error",
        min_variance: float = 1e-8,
        random_state: int | None = 0,
    ) -> None:
        self.direction = direction
        self.per_stratum = per_stratum
        self.kernel = kernel
        self.standardize = standardize
        self.shrinkage = shrinkage
        self.min_per_side = min_per_side
        self.on_degenerate = on_degenerate
        self.n_features = n_features
        self.sigma = sigma
        self.n_directions = n_directions
        self.source = source
        self.unseen = unseen
        self.min_variance = min_variance
        self.random_state = random_state

    @property
    def needs_domain(self) -> bool:
        """Whether `transform` must be told the domain of each clip: where each is standardised by its own."""
        return self.standardize == "per_domain"

    @property
    def _fewest_domains(self) -> int:  # type: ignore[override]
        return 1 if self.direction in ("none", "random") else 2

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        rng = np.random.default_rng(self.random_state)
        self.scaling_ = None if self.standardize == "none" else Scaling.fit(X, member, self.min_variance)
        self.source_position_ = self._source_position()
        Z = X
        if self.scaling_ is not None:
            pooled = self.standardize == "pooled"
            Z = self.scaling_.pooled(X) if pooled else self.scaling_.by_domain(X, member)
        self.map_: FourierMap | FastfoodMap | NystroemMap | None = None
        if self.kernel is not None:
            self.map_ = feature_map(Z, self.kernel, sigma=self.sigma, n_features=self.n_features, rng=rng)
            Z = self.map_(Z)
        if self.scaling_ is None or self.map_ is not None:
            self.directions_ = self._directions(Z, member, strata, rng)
        else:
            self.directions_ = self.scaling_.widened(self._directions(Z[:, self.scaling_.alive], member, strata, rng))
        V, self.singular_values_ = orthonormal_rows(self.directions_)
        if self.scaling_ is not None and self.standardize == "pooled" and self.map_ is None:
            self._remove(V, V, self.scaling_.mean, self.scaling_.scale)
        else:
            self._remove(V, V, np.zeros(Z.shape[1]), None)

    def _source_position(self) -> int | None:
        if self.standardize != "per_domain_fit_source_apply":
            return None
        if self.source is None:
            raise InputError(
                f"standardize='per_domain_fit_source_apply' needs source, one of the domains {', '.join(self.domains_)}"
            )
        return position_of(self.source, self.domains_, "source")

    def _directions(self, Z: Floats, member: Positions, strata: ArrayLike | None, rng: np.random.Generator) -> Floats:
        self.strata_: tuple[str, ...] = ()
        self.skipped_strata_: dict[str, str] = {}
        if self.direction == "none":
            return np.zeros((0, Z.shape[1]))
        if self.direction == "random":
            return random_directions(self.n_directions, Z.shape[1], rng)
        if not self.per_stratum:
            lda = self.direction == "lda"
            return discriminants(Z, member, self.shrinkage) if lda else mean_directions(Z, member)
        if strata is None:
            raise InputError("a direction for each stratum needs strata: fit(X, sample_domain=..., strata=...)")
        found = stratum_directions(
            Z,
            member,
            strata,
            direction=self.direction,
            shrinkage=self.shrinkage,
            min_per_side=self.min_per_side,
            on_degenerate=self.on_degenerate,
        )
        self.strata_, self.skipped_strata_ = found.strata, found.skipped
        return found.rows

    def _corrected(self, X: Floats, member: Positions | None) -> Floats:
        if self.map_ is None and self.standardize in ("none", "pooled"):
            return super()._corrected(X, member)
        Z = self._standardized(X, member)
        if self.map_ is not None:
            return super()._corrected(self.map_(Z), member)
        assert self.scaling_ is not None
        return np.where(self.scaling_.alive, self.scaling_.unscaled(super()._corrected(Z, member)), X)

    def _standardized(self, X: Floats, member: Positions | None) -> Floats:
        if self.scaling_ is None:
            return X
        if self.standardize == "pooled":
            return self.scaling_.pooled(X)
        if self.source_position_ is not None:
            member = np.full(len(X), self.source_position_)
        assert member is not None
        return self.scaling_.by_domain(X, member)
