"""How many groups are there: the indices over k, beside clouds that have none, and the k that stands out most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._clustering import (
    HIGH_IS_GOOD,
    INDICES,
    K_MEANS,
    MIXTURE,
    Clustering,
    Covariance,
    distances,
    indices,
    k_means,
    k_means_again,
    mixture,
    rand_index,
    silhouettes,
)
from earwitness.audits._space import Floats, Space

CLOUDS = 19
"""Clouds without groups: an excess above all of them has p = 0.05."""

MIXTURE_RUNS = 4
SUBSAMPLES = 20
KEPT = 0.8
STABILITY_CLOUDS, STABILITY_SUBSAMPLES = 4, 5

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Sweep:
    """Indices of every run over k, and the best partition of each.

    Attributes
    ----------
    ks
        Numbers of clusters.
    runs
        By method, index and "clips" or "cloud": (runs, len(ks)) values.
    best
        By method: the partition of each k with the lowest cost among the seeds.
    made
        By method: the partitions of each k, seed by seed.
    """

    ks: tuple[int, ...]
    runs: dict[tuple[str, str, str], Floats]
    best: dict[str, dict[int, Clustering]]
    made: dict[str, dict[int, list[Clustering]]]

    @property
    def excess(self) -> Floats:
        """(len(ks),) silhouette of k-means above the mean of the clouds."""
        return self._silhouettes("clips").mean(0) - self._silhouettes("cloud").mean(0)

    @property
    def natural_k(self) -> int:
        """The k with the largest excess."""
        return self.ks[int(np.nanargmax(self.excess))]

    @property
    def p(self) -> float:
        """Chance of so large an excess, at whichever k, in a cloud without groups (one-sided, exact)."""
        clouds = self._silhouettes("cloud")
        others = (clouds.sum(0) - clouds) / (len(clouds) - 1)  # each against the mean of the rest
        largest = np.nanmax(clouds - others, axis=1)
        return float((1 + (largest >= np.nanmax(self.excess)).sum()) / (1 + len(clouds)))

    def chosen(self, method: str, index: str, data: str) -> list[int]:
        """The k at which the bare index is best, in every run; where it is nowhere a number, none."""
        runs = self.runs[method, index, data] * (1 if index in HIGH_IS_GOOD else -1)
        return [self.ks[int(np.nanargmax(run))] for run in runs if not np.isnan(run).all()]

    def _silhouettes(self, data: str) -> Floats:
        return self.runs[K_MEANS, "silhouette", data]


def sweep(space: Space, ks: Sequence[int], covariance: Covariance, seeds: int, seed: int) -> Sweep:
    """Cluster the clips and some clouds without groups, for every k, with both methods.

    Parameters
    ----------
    space
        Where the clips are.
    ks
        Numbers of clusters.
    covariance
        Of the mixtures.
    seeds
        Runs of k-means on the clips; mixtures, which are slow, get `MIXTURE_RUNS`.
    seed
        Of all.
    """
    D = distances(space.points)
    counts = {K_MEANS: seeds, MIXTURE: min(seeds, MIXTURE_RUNS)}
    clips = {
        method: [_run(space.points, D, method, ks, seed + run, covariance) for run in range(count)]
        for method, count in counts.items()
    }
    clouds: dict[str, list[_Run]] = {K_MEANS: [], MIXTURE: []}
    for run in range(CLOUDS):
        cloud = _cloud(space, seed, run)
        between = distances(cloud)
        for method in clouds if run < MIXTURE_RUNS else (K_MEANS,):
            clouds[method].append(_run(cloud, between, method, ks, seed + run, covariance))
    runs = {
        (method, index, data): np.array([run.indices[index] for run in made[method]])
        for method in counts
        for index in clips[method][0].indices
        for data, made in (("clips", clips), ("cloud", clouds))
    }
    made = {method: {k: [run.made[i] for run in mine] for i, k in enumerate(ks)} for method, mine in clips.items()}
    best = {
        method: {k: min(found, key=lambda one: one.cost) for k, found in by_k.items()} for method, by_k in made.items()
    }
    return Sweep(tuple(ks), runs, best, made)


def _cloud(space: Space, seed: int, run: int) -> Floats:
    return space.cloud(np.random.default_rng([seed, run]))


@dataclass(frozen=True)
class _Run:
    """One clustering for every k, and by index one value for every k."""

    made: list[Clustering]
    indices: dict[str, list[float]]


def _run(points: Floats, D: Floats, method: str, ks: Sequence[int], start: int, covariance: Covariance) -> _Run:
    made = [
        k_means(points, k, start, apart=D) if method == K_MEANS else mixture(points, k, start, covariance) for k in ks
    ]
    each = indices(points, D, [found.labels for found in made])
    values = {index: [found[index] for found in each] for index in INDICES}
    if method == MIXTURE:
        values["BIC"] = [found.cost for found in made]
    return _Run(made, values)


@dataclass(frozen=True)
class Subsampled:
    """What becomes of the groups in subsamples of 80 % of the clips (or of their groups).

    Attributes
    ----------
    chosen
        The k with the largest excess in each.
    agreement : (subsamples, len(ks)) array
        Adjusted Rand index of the partitions of two subsamples, on the clips that both have.
    in_clouds : (runs, len(ks)) array or None
        The same in clouds without groups.
    """

    chosen: list[int]
    agreement: Floats
    in_clouds: Floats | None


def subsampled(space: Space, found: Sweep, groups: Texts | None, seed: int, *, clouds: bool) -> Subsampled:
    """Cluster subsamples of the clips for every k, and where asked of clouds.

    Subsamples, not resamples: a clip that is drawn twice is a tight group of its own. Each k gets the better of a fresh
    start and one from the centres that all clips have, so that a bad start does not pass for another number of groups.
    Their silhouettes stand beside those of clouds that were subsampled and clustered in the same way.
    """
    bests = {k: found.best[K_MEANS][k].labels for k in found.ks}
    parts = list(_parts(space.points, bests, groups, SUBSAMPLES, seed))
    by_cloud = _cloud_parts(space, found.ks, groups, seed, STABILITY_SUBSAMPLES if clouds else 1)
    above = np.mean([part.silhouettes for of_cloud in by_cloud for part in of_cloud], axis=0)
    chosen = [found.ks[int(np.nan_to_num(part.silhouettes - above, nan=-np.inf).argmax())] for part in parts]
    in_clouds = np.concatenate([_agreements(of_cloud) for of_cloud in by_cloud]) if clouds else None
    return Subsampled(chosen, _agreements(parts), in_clouds)


def _cloud_parts(
    space: Space, ks: Sequence[int], groups: Texts | None, seed: int, subsamples: int
) -> list[list["_Part"]]:
    """Subsamples of some clouds without groups, clustered as those of the clips are; cloud by cloud."""
    found = []
    for run in range(STABILITY_CLOUDS):
        cloud = _cloud(space, seed, run)
        D = distances(cloud)
        bests = {k: k_means(cloud, k, seed + run, apart=D).labels for k in ks}
        found.append(list(_parts(cloud, bests, groups, subsamples, seed)))
    return found


@dataclass(frozen=True)
class _Part:
    """Partitions of a subsample: (n, len(ks)) labels, -1 for what is not in it, and the mean silhouette of each."""

    labels: NDArray[np.int64]
    silhouettes: Floats


def _parts(
    points: Floats, bests: dict[int, NDArray[np.int64]], groups: Texts | None, count: int, seed: int
) -> Iterator[_Part]:
    rng = np.random.default_rng([seed, CLOUDS])
    D = distances(points)
    names, unit = np.unique(np.arange(len(points)) if groups is None else groups, return_inverse=True)
    for _ in range(count):
        kept = rng.permutation(len(names))[: max(2, round(KEPT * len(names)))]
        rows = np.flatnonzero(np.isin(unit, kept))
        within = D[np.ix_(rows, rows)]
        labels = np.full((len(points), len(bests)), -1)
        width = np.full(len(bests), np.nan)
        for column, (k, best) in enumerate(bests.items()):
            if k < len(rows):
                labels[rows, column] = k_means_again(points, within, best, rows, k, seed).labels
                width[column] = silhouettes(within, labels[rows, column]).mean()
        yield _Part(labels, width)


def _agreements(parts: Sequence[_Part]) -> Floats:
    """(parts, len(ks)) adjusted Rand index of each part and the next, on the clips of both; NaN where one has none."""
    values = np.full((len(parts), parts[0].labels.shape[1]), np.nan)
    for i, one in enumerate(parts):
        other = parts[(i + 1) % len(parts)]
        for column in range(values.shape[1]):
            a, b = one.labels[:, column], other.labels[:, column]
            both = (a >= 0) & (b >= 0)
            if both.sum() > 1:
                values[i, column] = rand_index(a[both], b[both])
    return values
