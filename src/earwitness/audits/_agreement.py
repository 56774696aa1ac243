"""How far clusters that were found without labels agree with labels, and how far by luck."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from earwitness.audits._company import shuffled
from earwitness.audits._resamples import Resamples
from earwitness.stats import Estimate, assignment_accuracy

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

PERMUTATIONS = 999


@dataclass(frozen=True)
class Agreement:
    """Labels against clusters.

    Attributes
    ----------
    measures
        accuracy (one cluster a label), ceiling (the accuracy that so many clusters can reach), share of the ceiling,
        purity (the commonest label of each cluster), NMI, ARI, and chance (accuracy with shuffled labels).
    p
        Share of shuffles, these labels among them, that agree as well or better.
    named : (n,) array
        The label that the cluster of each clip is matched with; "" where it has none.
    """

    measures: dict[str, Estimate]
    p: float
    named: Texts


def agreement(
    labels: Texts, clusters: NDArray[np.int64], groups: Texts | None, resamples: Resamples, seed: int
) -> Agreement:
    """All measures with their bootstrap intervals; the clusters and their matching with labels stay as they are.

    Parameters
    ----------
    labels, clusters : (n,) arrays
        One of each for every clip.
    groups : (n,) array or None
        Where all clips of a group have one label, whole groups are shuffled.
    resamples
        Of the n clips.
    seed
        Of the shuffles.

    Notes
    -----
    A resample holds clips twice, which agree with themselves: the Rand index counts pairs of different clips only, and
    the interval of the mutual information is centred on its value.
    """
    found = assignment_accuracy(labels, clusters)
    named = np.array([str(found.matching.get(cluster, "")) for cluster in clusters], dtype=object)
    commonest = found.table.idxmax()
    hits = np.stack([named == labels, commonest.reindex(clusters).to_numpy() == labels], 1).astype(float)
    draws = resamples.means(hits)
    cells, label, cluster = _cells(labels, clusters)
    weights = resamples.weights.astype(np.float64)
    nmi, ari = normalized_mutual_info_score(labels, clusters), adjusted_rand_score(labels, clusters)
    nmi_draws = _mutual_information(weights, cells, label, cluster)
    luck, p = _by_luck(labels, clusters, groups, found.accuracy, seed)
    low, high = np.quantile(luck, [0.025, 0.975])
    measures = {
        "accuracy": resamples.share(found.accuracy, draws[:, 0]),
        "ceiling": Estimate(found.ceiling, np.nan, np.nan, resamples.units, "exact"),
        "share of the ceiling": resamples.share(found.relative, draws[:, 0] / found.ceiling),
        "purity": resamples.share(found.purity, draws[:, 1]),
        "NMI": resamples.estimate(nmi, np.clip(nmi_draws + nmi - nmi_draws.mean(), 0, 1)),
        "ARI": resamples.estimate(ari, _rand_index(weights, cells, label, cluster)),
        "chance": Estimate(float(luck.mean()), float(low), float(high), len(luck), "shuffled labels"),
    }
    return Agreement(measures, p, named)


def accuracy_of(labels: Texts, clusters: NDArray[np.int64]) -> float:
    """Accuracy alone, as `assignment_accuracy` has it."""
    _, label = np.unique(labels.astype(str), return_inverse=True)
    _, cluster = np.unique(clusters, return_inverse=True)
    table = np.zeros((label.max() + 1, cluster.max() + 1))
    np.add.at(table, (label, cluster), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(labels))


def _cells(labels: Texts, clusters: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Indicators (n, .) of cell, label and cluster."""
    _, label = np.unique(labels.astype(str), return_inverse=True)
    _, cluster = np.unique(clusters, return_inverse=True)
    _, cell = np.unique(label * (cluster.max() + 1) + cluster, return_inverse=True)
    return np.eye(cell.max() + 1)[cell], np.eye(label.max() + 1)[label], np.eye(cluster.max() + 1)[cluster]


def _rand_index(weights: Floats, *indicators: Floats) -> Floats:
    """Adjusted Rand index of each resample, over pairs of different clips (Hubert and Arabie 1985)."""
    squares = weights**2
    cells, labels, clusters = (((weights @ X) ** 2).sum(1) - squares.sum(1) for X in indicators)  # pairs, twice
    pairs = weights.sum(1) ** 2 - squares.sum(1)
    expected, most = labels * clusters / pairs, (labels + clusters) / 2
    return np.divide(cells - expected, most - expected, out=np.ones(len(weights)), where=most > expected)


def _mutual_information(weights: Floats, *indicators: Floats) -> Floats:
    """Mutual information of each resample over the mean of both entropies."""
    total = weights.sum(1, keepdims=True)
    cells, labels, clusters = (_entropy(weights @ X / total) for X in indicators)
    both = labels + clusters
    return np.divide(2 * (both - cells), both, out=np.ones(len(weights)), where=both > 0)


def _entropy(shares: Floats) -> Floats:
    return -(shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)).sum(1)


def _by_luck(
    labels: Texts, clusters: NDArray[np.int64], groups: Texts | None, accuracy: float, seed: int
) -> tuple[Floats, float]:
    """Accuracies with shuffled labels, and the share that reach this one."""
    names = np.unique(labels.astype(str))
    _, cluster = np.unique(clusters, return_inverse=True)
    shape = (len(names), cluster.max() + 1)
    luck = np.empty(PERMUTATIONS)
    for k, label in enumerate(shuffled(labels, groups, PERMUTATIONS, seed)):
        table = np.bincount(label * shape[1] + cluster, minlength=shape[0] * shape[1]).reshape(shape)
        rows, columns = linear_sum_assignment(table, maximize=True)
        luck[k] = table[rows, columns].sum() / len(labels)
    return luck, float((1 + (luck >= accuracy - 1e-12).sum()) / (1 + PERMUTATIONS))
