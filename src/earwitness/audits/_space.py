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
    centre, spread : (d,) arrays
        What the dimensions are standardised by; a spread of infinity for a dimension that does not vary.
    axes : (d, p) array
    """

    points: Floats
    explained: float
    centre: Floats
    spread: Floats
    axes: Floats

    def place(self, vectors: NDArray[np.float32]) -> Floats:
        """(m, p) coordinates of other clips."""
        return ((vectors.astype(np.float64) - self.centre) / self.spread) @ self.axes

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
    spread = np.where(varies, spread, np.inf)
    U, size, Vt = np.linalg.svd((X - mean) / spread, full_matrices=False)
    share = np.cumsum(size**2) / (size**2).sum()
    kept = min(MOST_AXES, int(np.searchsorted(share, EXPLAINED - 1e-12)) + 1)
    return Space(U[:, :kept] * size[:kept], float(share[kept - 1]), mean, spread, Vt[:kept].T)
