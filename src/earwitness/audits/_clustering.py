"""Clusterings of a space over k, and the three indices that judge them without labels.

Conventions: silhouette and Calinski-Harabasz are high, Davies-Bouldin and BIC low where groups are tight and apart. All
four drift with k even where there is no group, so each stands beside the same index of a cloud without groups.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples
from sklearn.mixture import GaussianMixture

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Covariance = Literal["full", "diag", "tied"]

K_MEANS, MIXTURE = "k-means", "Gaussian mixture"
INDICES = ("silhouette", "Calinski-Harabasz", "Davies-Bouldin")
RESTARTS = 2


@dataclass(frozen=True)
class Clustering:
    """A partition and what it cost.

    Attributes
    ----------
    labels : (n,) int array
    cost
        Lower is better: inertia of k-means, BIC of a mixture.
    """

    labels: Labels
    cost: float


def k_means(
    points: Floats, k: int, seed: int, *, restarts: int = RESTARTS, centres: Floats | None = None
) -> Clustering:
    """The best of some restarts of k-means (Lloyd; k-means++ or from these centres)."""
    with warnings.catch_warnings():
        # Fewer distinct clips than clusters: the partition has fewer clusters, which the indices see.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if centres is not None:
            found = KMeans(k, init=centres, n_init=1).fit(points)
        else:
            found = KMeans(k, n_init=restarts, random_state=seed).fit(points)
    return Clustering(found.labels_.astype(np.int64), float(found.inertia_))


def k_means_again(points: Floats, labels: Labels, rows: NDArray[np.int64], k: int, seed: int) -> Clustering:
    """K-means on some rows, the better of a fresh start and one from the centres of a partition of all rows."""
    fresh = k_means(points[rows], k, seed, restarts=1)
    centres = np.stack([points[labels == name].mean(0) for name in np.unique(labels)])
    if len(centres) < k:
        return fresh
    again = k_means(points[rows], k, seed, centres=centres)
    return min(fresh, again, key=lambda found: found.cost)


def mixture(points: Floats, k: int, seed: int, covariance: Covariance) -> Clustering:
    """A mixture of k Gaussians, each clip put to its likeliest; 1e-6 is added to every variance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GaussianMixture(k, covariance_type=covariance, random_state=seed).fit(points)
    return Clustering(found.predict(points).astype(np.int64), float(found.bic(points)))


def distances(points: Floats) -> NDArray[np.float32]:
    """(n, n) Euclidean distances, in single precision: an index does not need more."""
    return cdist(points, points).astype(np.float32)


def silhouettes(D: NDArray[np.float32], labels: Labels) -> Floats:
    """Silhouette of every clip from the distances between all, from -1 to 1; NaN for one cluster, or one a clip."""
    if not 2 <= len(np.unique(labels)) < len(labels):
        return np.full(len(labels), np.nan)
    return np.asarray(silhouette_samples(D, labels, metric="precomputed"), dtype=np.float64)


def indices(points: Floats, D: NDArray[np.float32], labels: Labels) -> dict[str, float]:
    """The three indices of a partition; NaN for one cluster, or one a clip."""
    if not 2 <= len(np.unique(labels)) < len(labels):
        return dict.fromkeys(INDICES, np.nan)
    return {
        "silhouette": float(silhouettes(D, labels).mean()),
        "Calinski-Harabasz": float(calinski_harabasz_score(points, labels)),
        "Davies-Bouldin": float(davies_bouldin_score(points, labels)),
    }


def enough_for_full(n: int, axes: int, most_clusters: int) -> bool:
    """Whether each of the most clusters gets five clips for every row of a full covariance."""
    return n >= 5 * axes * most_clusters
