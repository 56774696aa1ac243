"""How many groups are there: the indices over k, beside clouds that have none, and the k that stands out most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._clustering import (
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
    silhouettes,
)
from earwitness.audits._space import Floats, Space

CLOUDS = 19
"""Clouds without groups: an excess above all of them has p = 0.05."""

MIXTURE_RUNS = 4
SUBSAMPLES = 20
KEPT = 0.8


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
    """

    ks: tuple[int, ...]
    runs: dict[tuple[str, str, str], Floats]
    best: dict[str, dict[int, Clustering]]

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
        cloud = space.cloud(np.random.default_rng([seed, run]))
        between = distances(cloud)
        for method in clouds if run < MIXTURE_RUNS else (K_MEANS,):
            clouds[method].append(_run(cloud, between, method, ks, seed + run, covariance))
    runs = {
        (method, index, data): np.array([run.indices[index] for run in made[method]])
        for method in counts
        for index in clips[method][0].indices
        for data, made in (("clips", clips), ("cloud", clouds))
    }
    best = {
        method: {k: min((run.made[i] for run in made), key=lambda found: found.cost) for i, k in enumerate(ks)}
        for method, made in clips.items()
    }
    return Sweep(tuple(ks), runs, best)


@dataclass(frozen=True)
class _Run:
    """One clustering for every k, and by index one value for every k."""

    made: list[Clustering]
    indices: dict[str, list[float]]


def _run(
    points: Floats, D: NDArray[np.float32], method: str, ks: Sequence[int], start: int, covariance: Covariance
) -> _Run:
    made = [k_means(points, k, start) if method == K_MEANS else mixture(points, k, start, covariance) for k in ks]
    each = [indices(points, D, found.labels) for found in made]
    values = {index: [found[index] for found in each] for index in INDICES}
    if method == MIXTURE:
        values["BIC"] = [found.cost for found in made]
    return _Run(made, values)


def chosen_in_subsamples(space: Space, found: Sweep, groups: NDArray[np.str_] | None, seed: int) -> list[int]:
    """The k with the largest excess in each of some subsamples of 80 % of the clips (or of their groups).

    Subsamples, not resamples: a clip that is drawn twice is a tight group of its own. Each k gets the better of a fresh
    start and one from the centres that all clips have, so that a bad start does not pass for another number of groups.
    """
    rng = np.random.default_rng([seed, CLOUDS])
    D = distances(space.points)
    clouds = found.runs[K_MEANS, "silhouette", "cloud"].mean(0)
    names, unit = np.unique(np.arange(len(space.points)) if groups is None else groups, return_inverse=True)
    chosen = []
    for _ in range(SUBSAMPLES):
        kept = rng.permutation(len(names))[: max(2, round(KEPT * len(names)))]
        rows = np.flatnonzero(np.isin(unit, kept))
        within = D[np.ix_(rows, rows)]
        excess = np.full(len(found.ks), -np.inf)
        for column, k in enumerate(found.ks):
            if k < len(rows):
                labels = k_means_again(space.points, found.best[K_MEANS][k].labels, rows, k, seed).labels
                excess[column] = np.nan_to_num(silhouettes(within, labels).mean(), nan=-np.inf) - clouds[column]
        chosen.append(found.ks[int(excess.argmax())])
    return chosen
