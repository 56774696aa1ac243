"""The space in which groups are looked for: standardised dimensions on principal axes, without the small ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]

EXPLAINED = 0.95
MOST_AXES = 50


@dataclass(frozen=True)
class Space:
    """Coordinates of the clips.

    Attributes
    ----------
    points : (n, p) array
        Centred, largest axis first.
    explained
        Share of the standardised variance that the p axes keep.
    """

    points: Floats
    explained: float

    def cloud(self, rng: np.random.Generator) -> Floats:
        """(n, p) points of a Gaussian with the same covariance: what clusters look like where there are none."""
        # On principal axes the covariance is diagonal.
        return rng.standard_normal(self.points.shape) * self.points.std(0)


def principal_space(vectors: NDArray[np.float32], encoder: str) -> Space:
    """Standardise every dimension and keep the axes that explain 95 %, at most 50.

    Raises
    ------
    InputError
        If no dimension varies, or a value is not finite.
    """
    X = vectors.astype(np.float64)
    if not np.isfinite(X).all():
        raise InputError(f"some vectors of {encoder} are not finite: drop their clips")
    mean, spread = X.mean(0), X.std(0)
    varies = spread > 1e-6 * np.abs(mean)  # float32 rounding of a constant is not variance
    if not varies.any():
        raise InputError(
            f"{encoder} gives all {len(X)} clips the same vector, so they form no groups: run check-encoder"
        )
    X = (X[:, varies] - mean[varies]) / spread[varies]
    U, size, _ = np.linalg.svd(X, full_matrices=False)
    share = np.cumsum(size**2) / (size**2).sum()
    axes = min(MOST_AXES, int(np.searchsorted(share, EXPLAINED - 1e-12)) + 1)
    return Space(U[:, :axes] * size[:axes], float(share[axes - 1]))
