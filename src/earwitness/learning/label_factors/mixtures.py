"""A number as a distribution: the posterior of a mixture of normal distributions (Kim 2021, section 2.2.2).

Where a number takes few values the mixture is a binning: each value falls into one component. That is why its least
variance is the square of the number's resolution, and why there are no more components than values.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
_NORMAL_95 = 1.959963984540054


class Mixture(NamedTuple):
    """Normal components in the order of their means: `weights`, `means`, `deviations`, each (k,)."""

    weights: Floats
    means: Floats
    deviations: Floats

    def responsibilities(self, values: Floats) -> Floats:
        """The posterior of the components, (n, k); rows of NaN for values that are not finite."""
        known = np.isfinite(values)
        distance = (np.where(known, values, 0.0)[:, None] - self.means) / self.deviations
        joint = np.log(self.weights) - np.log(self.deviations) - distance**2 / 2
        return np.where(known[:, None], np.exp(log_softmax(joint, axis=1)), np.nan)

    def intervals(self) -> tuple[Floats, Floats]:
        """Where the middle 95 % of each component lie: (k,) and (k,)."""
        return self.means - _NORMAL_95 * self.deviations, self.means + _NORMAL_95 * self.deviations


def fit_mixture(values: Floats, components: int, *, resolution: float, seed: int = 0) -> Mixture:
    """A mixture of normal distributions fitted by expectation-maximisation.

    Parameters
    ----------
    values : (n,) array
        All finite.
    components
        At most as many as there are distinct values; see `effective_components`.
    resolution
        Of the number; its square is added to each variance.
    seed
        Of the start.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    model = GaussianMixture(components, reg_covar=resolution**2, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        # A mixture that is still creeping after 100 steps bins as well as one that stands still.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.asarray(values, float)[:, None])
    order = np.argsort(model.means_[:, 0], kind="stable")
    weights = np.maximum(model.weights_[order], np.finfo(float).tiny)  # a component of nothing has a logarithm too
    return Mixture(weights, model.means_[order, 0], np.sqrt(model.covariances_[order, 0, 0]))


def effective_components(wanted: int, distinct: int, training: int) -> int:
    """How many components or topics the data can bear: at most `distinct` and a tenth of the clips, at least 2."""
    return max(2, min(wanted, distinct, training // 10))
