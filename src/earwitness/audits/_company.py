"""Who keeps company with whom: clips among strangers, clips that are there twice, and clips of one artist.

Conventions: distances are those of the space in which groups are looked for. A clip is in foreign company where it lies
near the centre of a group that is matched with another label, or nearer to the clips of another label than to its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._clustering import Silhouettes, all_silhouettes, nearest_clusters
from earwitness.audits._resamples import Resamples
from earwitness.stats import Estimate

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

SHUFFLES = 99
_AT_A_TIME = 10
NEAR = 0.2
"""Clips nearer than this share of the usual distance between neighbours are taken for one recording."""
BY_CHANCE = 0.05
"""Pairs of different recordings that may be taken for one."""
TWINS = 0.05
"""Where the nearest neighbour is usually so much nearer than the third, most clips are there twice."""
MOST_PAIRS = 20


@dataclass(frozen=True)
class ByLabel:
    """How the labels lie in the space.

    Attributes
    ----------
    widths
        Silhouette of every clip among the labels, and the nearest other label.
    mean
        Over all clips.
    by_label
        Over the clips of each label.
    chance
        The mean with shuffled labels, and the band of 95 % of the shuffles.
    p
        Share of shuffles, these labels among them, with as high a mean.
    """

    widths: Silhouettes
    mean: Estimate
    by_label: dict[str, Estimate]
    chance: Estimate
    p: float


def by_label(D: Floats, labels: Texts, groups: Texts | None, resamples: Resamples, seed: int) -> ByLabel | None:
    """Silhouettes of the labels, beside shuffled ones; None where every clip has a label of its own.

    Parameters
    ----------
    D : (n, n) array
        Distances of the labelled clips.
    labels, groups : (n,) arrays
        As in `agreement`.
    resamples
        Of the clips.
    seed
        Of the shuffles.
    """
    widths = nearest_clusters(D, labels)
    if np.isnan(widths.values).any():
        return None
    names, member = np.unique(labels.astype(str), return_inverse=True)
    own = np.eye(len(names), dtype=bool)[member]
    values = np.broadcast_to(widths.values[:, None], own.shape)
    draws = resamples.means(np.column_stack([widths.values, values]), np.column_stack([np.ones(len(D), bool), own]))
    each = {
        str(name): resamples.estimate(float(widths.values[own[:, k]].mean()), draws[:, k + 1], int(own[:, k].sum()))
        for k, name in enumerate(names)
    }
    mean = float(widths.values.mean())
    luck = _shuffled_means(D, labels, groups, seed)
    low, high = np.quantile(luck, [0.025, 0.975])
    chance = Estimate(float(luck.mean()), float(low), float(high), len(luck), "shuffled labels")
    p = float((1 + (luck >= mean - 1e-12).sum()) / (1 + len(luck)))
    return ByLabel(widths, resamples.estimate(mean, draws[:, 0]), each, chance, p)


def _shuffled_means(D: Floats, labels: Texts, groups: Texts | None, seed: int) -> Floats:
    shuffles = list(shuffled(labels, groups, SHUFFLES, seed))
    found: list[float] = []
    for start in range(0, SHUFFLES, _AT_A_TIME):
        found += [float(w.values.mean()) for w in all_silhouettes(D, shuffles[start : start + _AT_A_TIME])]
    return np.array(found)


def shuffled(labels: Texts, groups: Texts | None, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Labels, as numbers, in a random order; whole groups where all clips of each group have one label.

    Parameters
    ----------
    labels : (n,) array
    groups : (n,) array or None
    count
        Number of shuffles.
    seed
        Of their order.
    """
    rng = np.random.default_rng(seed)
    _, label = np.unique(labels.astype(str), return_inverse=True)
    unit, first = np.arange(len(labels)), np.arange(len(labels))
    if groups is not None:
        _, first, unit = np.unique(groups.astype(str), return_index=True, return_inverse=True)
        if (label[first][unit] != label).any():  # groups of several labels: clips are shuffled
            unit, first = np.arange(len(labels)), np.arange(len(labels))
    for _ in range(count):
        yield rng.permutation(label[first])[unit]


def repeated(D: Floats) -> list[tuple[int, int]]:
    """Pairs of clips that may be one recording, the nearest first: nearer than a fifth of the usual nearest neighbour.

    Where the space has few dimensions clips come as near by chance, so the limit falls with the dimension that the
    distances to the first two neighbours tell (Facco et al. 2017, by its median): 0.05 such pairs are expected. Where
    most clips are there twice the usual nearest neighbour is the twin, and the next two count.
    """
    n = len(D)
    if n < 5:
        return []
    nearest = np.sort(D + np.where(np.eye(n, dtype=bool), np.inf, 0), axis=1)[:, :3]  # (n, 3)
    twins = np.median(nearest[:, 0]) < TWINS * np.median(nearest[:, 2])
    first, second = nearest[:, twins + 0], nearest[:, twins + 1]
    ratio = float(np.median(np.divide(second, first, out=np.ones(n), where=first > 0)))
    # In d dimensions a share of log(2) r^d of the clips has a neighbour within r times the median distance.
    share = min(NEAR, (2 * BY_CHANCE / (np.log(2) * n)) ** (np.log(ratio) / np.log(2)))
    one, other = np.nonzero(np.triu(share * np.median(first) >= D, k=1))
    order = np.argsort(D[one, other], kind="stable")
    return [(int(one[i]), int(other[i])) for i in order]


@dataclass(frozen=True)
class SameGroup:
    """How often the nearest clip is of the same group (artist, album).

    Attributes
    ----------
    share
        Of the clips that have another one of their group.
    chance
        The same if the neighbour were any other clip, with the same label where clips have labels.
    """

    share: Estimate
    chance: Estimate


def same_group(D: Floats, groups: Texts, labels: Texts | None, resamples: Resamples) -> SameGroup | None:
    """None where no group has two clips, or every clip of a label is of one group, so that nothing can be told apart.

    Parameters
    ----------
    D : (n, n) array
        Distances between the clips.
    groups, labels : (n,) arrays
    resamples
        Of the clips.
    """
    _, unit = np.unique(groups.astype(str), return_inverse=True)
    mates = np.bincount(unit)[unit] - 1  # others of the group
    among = np.zeros(len(D), int) if labels is None else np.unique(labels.astype(str), return_inverse=True)[1]
    pool = np.bincount(among)[among] - 1  # others of the label
    one = unit[:, None] == unit
    mates_there = (one & (among[:, None] == among)).sum(1) - 1
    there = (mates > 0) & (pool > 0)
    if not there.any() or (mates_there[there] == pool[there]).all():
        return None
    nearest = (D + np.where(np.eye(len(D), dtype=bool), np.inf, 0)).argmin(1)
    values = np.column_stack([unit[nearest] == unit, mates_there / np.maximum(pool, 1)]).astype(float)
    draws = resamples.means(values, np.column_stack([there, there]))
    share = resamples.share(float(values[there, 0].mean()), draws[:, 0])
    return SameGroup(share, resamples.estimate(float(values[there, 1].mean()), draws[:, 1]))
