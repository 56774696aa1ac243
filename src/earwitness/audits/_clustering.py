"""Clusterings of a space over k, and the three indices that judge them without labels.

Conventions: silhouette and Calinski-Harabasz are high, Davies-Bouldin and BIC low where groups are tight and apart. All
four drift with k even where there is no group, so each stands beside the same index of a cloud without groups.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Covariance = Literal["full", "diag", "tied"]

K_MEANS, MIXTURE = "k-means", "Gaussian mixture"
INDICES = ("silhouette", "Calinski-Harabasz", "Davies-Bouldin")
HIGH_IS_GOOD = ("silhouette", "Calinski-Harabasz")
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
    points: Floats,
    k: int,
    seed: int,
    *,
    restarts: int = RESTARTS,
    centres: Floats | None = None,
    apart: Floats | None = None,
) -> Clustering:
    """The best of some restarts of k-means (Lloyd; greedy k-means++, or from these centres).

    Parameters
    ----------
    points : (n, p) array
    k
        Number of clusters, n at most.
    seed
        Of the restarts.
    restarts
        Runs from other starts, of which the one with the lowest inertia stands.
    centres : (k, p) array or None
        The one start there is, in place of k-means++.
    apart : (n, n) array or None
        Distances between the points, where they are known already.
    """
    if centres is None:
        squares = np.square(distances(points) if apart is None else apart)
        random = np.random.RandomState(seed)
        starts = [points[_spread(squares, k, random)] for _ in range(restarts)]
    else:
        starts = [centres]
    # Inside an audit the points are checked; scikit-learn's checks would take longer than its work.
    with warnings.catch_warnings(), sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        # Fewer distinct clips than clusters: the partition has fewer clusters, which the indices see.
        warnings.simplefilter("ignore", ConvergenceWarning)
        runs = [KMeans(k, init=start, n_init=1).fit(points) for start in starts]
    found = min(runs, key=lambda run: run.inertia_)
    return Clustering(found.labels_.astype(np.int64), float(found.inertia_))


def _spread(squares: Floats, k: int, random: np.random.RandomState) -> NDArray[np.int64]:
    """Rows that k-means++ starts from: each drawn with a chance proportional to its squared distance to those before.

    The best of 2 + log k draws is taken each time, as scikit-learn does, whose numbers these are.

    References
    ----------
    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding.
    """
    n, draws = len(squares), 2 + int(np.log(k))
    rows = [int(random.choice(n, p=np.full(n, 1 / n)))]
    nearest = squares[rows[0]]
    for _ in range(k - 1):
        along = np.cumsum(nearest)
        drawn = np.minimum(np.searchsorted(along, random.uniform(size=draws) * along[-1]), n - 1)
        closer = np.minimum(nearest, squares[drawn])  # (draws, n)
        best = int(closer.sum(1).argmin())
        rows.append(int(drawn[best]))
        nearest = closer[best]
    return np.array(rows)


def k_means_again(
    points: Floats, apart: Floats, labels: Labels, rows: NDArray[np.int64], k: int, seed: int
) -> Clustering:
    """K-means on some rows, the better of a fresh start and one from the centres of a partition of all rows.

    Parameters
    ----------
    points : (n, p) array
    apart : (m, m) array
        Distances between the rows.
    labels : (n,) int array
        The partition of all.
    rows : (m,) int array
        The rows to cluster.
    k, seed
        As in `k_means`.
    """
    fresh = k_means(points[rows], k, seed, restarts=1, apart=apart)
    centres = np.stack([points[labels == name].mean(0) for name in np.unique(labels)])
    if len(centres) < k:
        return fresh
    again = k_means(points[rows], k, seed, centres=centres)
    return min(fresh, again, key=lambda found: found.cost)


def mixture(points: Floats, k: int, seed: int, covariance: Covariance) -> Clustering:
    """A mixture of k Gaussians, each clip put to its likeliest; 1e-6 is added to every variance."""
    with warnings.catch_warnings(), sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GaussianMixture(k, covariance_type=covariance, random_state=seed).fit(points)
    return Clustering(found.predict(points).astype(np.int64), float(found.bic(points)))


def distances(points: Floats) -> Floats:
    """(n, n) Euclidean distances."""
    return cdist(points, points)


@dataclass(frozen=True)
class Silhouettes:
    """How much nearer every clip is to its own cluster than to the nearest other one (Rousseeuw 1987).

    Attributes
    ----------
    values : (n,) array
        From -1 to 1; 0 for a clip that is a cluster of its own; NaN for one cluster, or one a clip.
    nearest : (n,) array
        Label of the nearest other cluster.
    """

    values: Floats
    nearest: NDArray[np.generic]


def silhouettes(D: Floats, labels: NDArray[np.generic]) -> Floats:
    """Silhouette of every clip from the (n, n) distances between all."""
    return nearest_clusters(D, labels).values


def nearest_clusters(D: Floats, labels: NDArray[np.generic]) -> Silhouettes:
    """Silhouette of every clip, and the nearest cluster that it is not in."""
    return all_silhouettes(D, [labels])[0]


def all_silhouettes(D: Floats, partitions: Sequence[NDArray[np.generic]]) -> list[Silhouettes]:
    """Silhouettes of several partitions of the same clips: one product of the distances with all of them."""
    named = [np.unique(labels, return_inverse=True) for labels in partitions]
    members = [np.eye(len(names))[member] for names, member in named]  # (n, k) each
    sums = D @ np.concatenate(members, axis=1)
    cuts = np.cumsum([len(names) for names, _ in named])[:-1]
    return [
        _silhouettes(totals, names, member)
        for totals, (names, member) in zip(np.split(sums, cuts, axis=1), named, strict=True)
    ]


def _silhouettes(totals: Floats, names: NDArray[np.generic], member: Labels) -> Silhouettes:
    """From the summed distances (n, k) of every clip to every cluster."""
    n, clips = len(member), np.arange(len(member))
    if not 2 <= len(names) < n:
        return Silhouettes(np.full(n, np.nan), names[member])
    size = np.bincount(member)
    alone = size[member] == 1
    own = totals[clips, member] / np.maximum(size[member] - 1, 1)
    others = totals / size
    others[clips, member] = np.inf
    nearest = others.argmin(1)
    other = others[clips, nearest]
    values = np.divide(other - own, np.maximum(own, other), out=np.zeros(n), where=np.maximum(own, other) > 0)
    return Silhouettes(np.where(alone, 0.0, values), names[nearest])


def indices(points: Floats, D: Floats, partitions: Sequence[Labels]) -> list[dict[str, float]]:
    """The three indices of several partitions of the same clips; NaN for one cluster, or one a clip."""
    widths = all_silhouettes(D, partitions)
    return [
        dict.fromkeys(INDICES, np.nan)
        if np.isnan(width.values).any()
        else {"silhouette": float(width.values.mean()), **_spread_indices(points, labels)}
        for labels, width in zip(partitions, widths, strict=True)
    ]


def _spread_indices(points: Floats, labels: Labels) -> dict[str, float]:
    """Calinski and Harabasz (1974), and Davies and Bouldin (1979), of a partition of centred points."""
    names, member, size = np.unique(labels, return_inverse=True, return_counts=True)
    centres = np.stack([points[member == k].mean(0) for k in range(len(names))])
    away = np.square(points - centres[member]).sum(1)
    within = float(away.sum())
    between = float(size @ np.square(centres - points.mean(0)).sum(1))
    n, k = len(points), len(names)
    radius = np.bincount(member, np.sqrt(away)) / size
    gaps = cdist(centres, centres)
    gaps[gaps == 0] = np.inf
    ratios = (radius + radius[:, None]) / gaps
    return {
        "Calinski-Harabasz": 1.0 if within == 0 else between * (n - k) / (within * (k - 1)),
        "Davies-Bouldin": float(ratios.max(1).mean()),
    }


def rand_index(a: Labels, b: Labels) -> float:
    """Adjusted Rand index of two partitions (Hubert and Arabie 1985), their labels counted from 0: 1 where they are
    the same, 0 on average by chance."""
    width = int(b.max()) + 1
    cells = np.bincount(a * width + b)
    joint, first, second = (float(pairs @ (pairs - 1)) for pairs in (cells, np.bincount(a), np.bincount(b)))
    expected, most = first * second / (len(a) * (len(a) - 1)), (first + second) / 2
    return 1.0 if most == expected else (joint - expected) / (most - expected)


def enough_for_full(n: int, axes: int, most_clusters: int) -> bool:
    """Whether each of the most clusters gets five clips for every row of a full covariance."""
    return n >= 5 * axes * most_clusters
