r"""The direction along which domains differ, and how much of it each class's probe uses.

Conventions: one domain against the others is told apart by linear discriminant analysis,
:math:`w \propto S^{-1} (\mu_\text{others} - \mu_\text{domain})`, where S is the covariance of all clips of the sample,
shrunk towards a multiple of the identity as Ledoit and Wolf do. The covariance *within* domains, shrunk as strongly,
gives the same direction (Sherman and Morrison), and S does not change when the domains of clips are shuffled: a
thousand shuffles cost one factorisation. Directions are kept as weights of the clips; see `_geometry`.

References
----------
Wang, Richard and McFee (2023), equation 1. Ledoit and Wolf (2004), Journal of Multivariate Analysis 88(2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from earwitness.audits._geometry import Floats, Geometry


@dataclass(frozen=True)
class Shrunk:
    """The shrunk covariance of a sample, ready to be divided by.

    Attributes
    ----------
    clips
        The sample.
    intensity
        Share of the identity, from 0 to 1.
    ridge
        Variance that it adds along every direction.
    """

    clips: Geometry
    intensity: float
    ridge: float
    _centred: Floats
    _factor: tuple[Floats, bool]

    @classmethod
    def of(cls, clips: Geometry) -> "Shrunk":
        """The covariance of these clips."""
        if clips.few:
            assert clips.features is not None
            X = clips.features - clips.features.mean(0)
            norms, products, size = (X**2).sum(1), X.T @ X, X.shape[1]
        else:
            assert clips.gram is not None
            X = centred(clips.gram)
            # A kernel's space has no end: what counts is what the clips span.
            size = len(X) - 1 if clips.features is None else clips.features.shape[1]
            norms, products = np.diag(X).copy(), X
        n = len(norms)
        intensity = _intensity(norms, float((products**2).sum()) / n**2, size)
        ridge = max(intensity * float(norms.sum()) / n / size, 1e-8)
        matrix = products * ((1 - intensity) / n)
        matrix.flat[:: len(matrix) + 1] += ridge
        return cls(clips, intensity, ridge, X, cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False))

    @property
    def relative_ridge(self) -> float:
        """The ridge in units of the covariance, which a least-squares probe of one clip adds."""
        return self.ridge / max(1 - self.intensity, 1e-12)

    def directions(self, contrasts: Floats) -> Floats:
        """(n, m) weights of the clips whose directions are the covariance's inverse times those of the contrasts."""
        if not self.clips.few:
            return np.asarray(cho_solve(self._factor, contrasts, check_finite=False))
        w = cho_solve(self._factor, self._centred.T @ contrasts, check_finite=False)
        return np.asarray((contrasts - (1 - self.intensity) / len(contrasts) * (self._centred @ w)) / self.ridge)


def contrast(member: NDArray[np.int64], domain: int) -> Floats:
    """Weights that give the mean of the other domains less that of this one; (n, ...) as `member`."""
    mine = member == domain
    return np.where(mine, -1 / mine.sum(0), 1 / (~mine).sum(0))


def centred(gram: Floats) -> Floats:
    """Inner products about the mean of the clips."""
    mean = gram.mean(0)
    return np.asarray(gram - mean - mean[:, None] + mean.mean())


def _intensity(norms: Floats, square: float, size: int) -> float:
    """Ledoit and Wolf's share of the identity, from squared lengths of centred clips and the covariance's square."""
    n = len(norms)
    trace = float(norms.sum()) / n
    noise = (float((norms**2).sum()) / n - square) / n
    signal = square - trace**2 / size
    return 1.0 if signal <= 0 else min(max(noise / signal, 0.0), 1.0)
