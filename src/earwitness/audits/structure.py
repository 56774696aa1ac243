"""How does the embedding organise music when it is left alone, and is that how people name it?

Conventions: dimensions are standardised and turned to the principal axes that explain 95 % (50 at most). The number of
groups is the k at which the silhouette of k-means exceeds most that of clouds without groups, which have the same
covariance. Clusters are matched one to one with labels, so fewer clusters than labels have a ceiling below 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.audits._agreement import accuracy_of, agreement
from earwitness.audits._clustering import (
    K_MEANS,
    RESTARTS,
    Clustering,
    Covariance,
    distances,
    enough_for_full,
    k_means,
    mixture,
    silhouettes,
)
from earwitness.audits._company import MOST_PAIRS, ByLabel, SameGroup, by_label, repeated, same_group
from earwitness.audits._controls import Role, check_controls, check_role
from earwitness.audits._labels import read_groups, read_labels
from earwitness.audits._map import Projection, check_projection, map_2d
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._space import Space, principal_space
from earwitness.audits._structure_rows import (
    COLUMN,
    METHODS,
    Compared,
    Partitions,
    agreement_rows,
    bare_rows,
    centre_distances,
    company_rows,
    difference_rows,
    index_rows,
    item_table,
    number_rows,
    stability_rows,
)
from earwitness.audits._structure_verdicts import verdicts
from earwitness.audits._sweep import Sweep, subsampled, sweep
from earwitness.audits._tables import exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult

Floats = NDArray[np.float64]

_TEXTS = ("method", "data", "of", "control")
_NUMBERS = ("k",)


def structure(
    embeddings: Embeddings,
    *,
    label: str | None = None,
    group: str | None = None,
    ks: Sequence[int] = range(2, 21),
    compare_at: Sequence[int] = (),
    covariance: Literal["auto", "full", "diag", "tied"] = "auto",
    seeds: int = 10,
    thorough: bool = True,
    projection: Projection = "t-SNE",
    colour: Sequence[str] = (),
    max_clips: int = 3000,
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """What groups the clips form by themselves, and how these agree with labels.

    Parameters
    ----------
    embeddings
        Of the clips as they are, four or more.
    label
        Column of one class a clip to compare the groups with; clips without one are clustered, but not compared.
        A column of tags or of numbers is not compared.
    group
        Column of what is drawn together in subsamples, resamples and shuffles (artist, score).
    ks
        Numbers of clusters to try, from 2; those above half the clips, or above the number of
        different vectors, are dropped.
    compare_at
        Further numbers of clusters at which groups are compared with labels.
    covariance
        Of the Gaussian mixtures. "auto" is full where each of the most clusters gets five clips for every axis, and
        else diagonal: a full one would be near-singular.
    seeds
        Runs of k-means; in the sweep mixtures, which are slow, get four at most.
    thorough
        Also how stable the groups of clouds are, and accuracy seed by seed: about half as much time again.
    projection
        What draws the map: "t-SNE" or "UMAP" (the extra `maps`).
    colour
        Further columns by which the map is coloured.
    max_clips
        Above this number a sample, drawn by the seed, is looked at.
    controls
        Results of this audit for encoders that know little.
    role
        "control" marks the result as one of a control.
    seed
        Of everything random.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table: `silhouette`, `Calinski-Harabasz`, `Davies-Bouldin` and `BIC` by method ("k-means", "Gaussian mixture"),
        k and data ("clips", or "cloud": a Gaussian of the same covariance), mean and band over runs; `partition
        stability`, the adjusted Rand index of two subsamples' groups, by k and data; `natural k` (low and high: the
        band over subsamples), `stability` (share of subsamples of 80 % that choose it) and `p` (chance of so large an
        excess in a cloud); `k of the bare index`, where an index alone is best, in clips and in clouds; `accuracy`,
        `ceiling`, `share of the ceiling`, `purity`, `NMI`, `ARI`, `chance`, `agreement p` and `accuracy by seed` of
        clusters and labels, by method, at the natural k, at as many clusters as labels and where asked; `label
        silhouette`, of all clips and of each label, beside shuffled labels; `repeated clips`; `nearest clip of the same
        group` beside chance; `difference` of accuracy (k-means, as many clusters as labels) and of label silhouette to
        each control; `trustworthiness` of the map.
        Items: label, cluster at the natural k with its silhouette and the label it is matched with, the same at as many
        clusters as labels (`asked_cluster`, `asked_match`) and at those asked for (`at7_cluster`), the distance to the
        centre of the cluster among as many as labels (`centre_distance`), the silhouette among labels with the nearest
        other label (`label_silhouette`, `nearest_label`), the place on the map, and the columns that colour it.

    Notes
    -----
    The first verdict *holds* where groups stand out from a cloud (p at most 0.05) and 80 % of the subsamples choose the
    same k, and is open otherwise, also where no groups were found. The second *holds* where the accuracy is above
    shuffled labels (p at most 0.05) and above every control (paired difference), *breaks* where it is below one of
    them, and is open otherwise. A third, always open, warns where the nearest clip is of the same group more often
    than by chance.

    Raises
    ------
    InputError
        If there are fewer than four clips, no k is possible, or all vectors are the same.
    MissingExtraError
        If UMAP is asked for and not installed.

    References
    ----------
    Arputharaj and Kalaivanan (2022), Latent Space Shenanigans. Tibshirani, Walther and Hastie (2001), Journal of the
    Royal Statistical Society B 63(2), for the comparison with a reference without groups. Sturm (2013),
    arXiv:1306.1461, for repeated clips and artists in GTZAN.
    """
    started = perf_counter()
    check_role(role)
    check_controls(controls, "structure", label=label)
    check_projection(projection)
    chosen = _sample(embeddings, max_clips, seed)
    tried = _possible(ks, chosen)
    groups = read_groups(chosen, group)
    labels, reason = _labels(chosen, label)
    # One thread: sums in another order would move the last digits of a clustering from run to run.
    with threadpool_limits(1):
        space = principal_space(chosen.vectors, chosen.encoder)
        if covariance == "auto":
            covariance = "full" if enough_for_full(len(chosen), space.points.shape[1], max(tried)) else "diag"
        runs = _Runs(space, covariance, seeds, seed)
        found = sweep(space, tried, covariance, seeds, seed)
        again = subsampled(space, found, groups, seed, clouds=thorough)
        asked = None if labels is None else len(set(labels) - {""})
        further = [] if labels is None else _further(compare_at, len(chosen))
        partitions = runs.partitions(found, asked, further)
        by_seed = runs.by_seed(found, partitions, labels) if thorough else {}
        D = distances(space.points)
        company = _company(D, chosen, labels, groups, n_resamples, seed)
        place, trust = map_2d(space.points, seed, projection)
    compared = {} if labels is None else _compare(partitions, labels, groups, n_resamples, seed)
    shown = {"": found.natural_k, **({} if asked is None else {"asked_": asked}), **{f"at{k}_": k for k in further}}
    company_k = found.natural_k if asked is None else asked
    columns = {
        **_of_clips(chosen, groups, labels, colour),
        "silhouette": silhouettes(D, partitions[K_MEANS, found.natural_k].labels).round(4),
        "centre_distance": centre_distances(space.points, partitions[K_MEANS, company_k].labels).round(4),
        **company.columns(labels),
        **dict(zip(("x", "y"), place.round(3).T, strict=True)),
    }
    items = item_table(columns, partitions, compared, shown)
    rows = [*index_rows(found), *number_rows(found, again), *bare_rows(found), *stability_rows(found, again)]
    rows += [*agreement_rows(compared, by_seed), *company.rows(len(chosen))]
    rows.append(row("trustworthiness", exact(trust, len(chosen)), method=projection))
    for control in controls:
        rows += difference_rows(items, control, n_resamples, seed)
    result = AuditResult(
        audit="structure",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, _TEXTS, _NUMBERS),
        parameters={
            "role": role,
            "label": label,
            "not compared": reason,
            "group": group,
            "clips": len(chosen),
            "of clips": len(embeddings),
            "repeated": company.named(chosen),
            "axes": space.points.shape[1],
            "explained": round(space.explained, 4),
            "ks": list(tried),
            "labels": asked,
            "compared at": further,
            "covariance": covariance,
            "seeds": seeds,
            "thorough": thorough,
            "map": projection,
            "restarts": RESTARTS,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings], columns=[label, group, *colour], seed=seed, started=started),
        items=items,
        skipped=embeddings.skipped,
    )
    return replace(result, verdicts=verdicts(result, controls))


def _sample(embeddings: Embeddings, most: int, seed: int) -> Embeddings:
    if len(embeddings) < 4:
        raise InputError(f"structure looks for groups of clips, and there are {len(embeddings)}: give four or more")
    if len(embeddings) <= most:
        return embeddings
    return embeddings.take(np.sort(np.random.default_rng(seed).permutation(len(embeddings))[:most]))


def _possible(ks: Sequence[int], chosen: Embeddings) -> tuple[int, ...]:
    most = min(len(chosen) // 2, len(np.unique(chosen.vectors, axis=0)))
    possible = tuple(sorted({int(k) for k in ks if 2 <= k <= most}))
    if not possible and most > 1:
        raise InputError(f"none of the numbers of clusters {list(ks)} lies between 2 and {most}: give others")
    return possible or (2,)  # all vectors are the same, which `principal_space` says better


def _further(ks: Sequence[int], n: int) -> list[int]:
    for k in ks:
        if not 2 <= k <= n:
            raise InputError(f"{n} clips cannot be put into {k} groups: compare at numbers from 2 to {n}")
    return sorted({int(k) for k in ks})


def _labels(embeddings: Embeddings, label: str | None) -> tuple[NDArray[Any] | None, str]:
    """One class a clip, "" where it has none; or None and why there is nothing to compare with."""
    if label is None:
        return None, "no label was named"
    found = read_labels(embeddings, label)
    if found.task != "classes":
        return None, f"“{label}” holds {'several tags a clip' if found.task == 'tags' else 'numbers'}, not classes"
    classes = set(found.values) - {""}
    if not 2 <= len(classes) <= len(embeddings) // 2:
        return None, f"“{label}” has {len(classes)} classes for {len(embeddings)} clips"
    return found.values, ""


@dataclass(frozen=True)
class _Runs:
    """How partitions are made: by which seeds, with which covariance of the mixtures."""

    space: Space
    covariance: Covariance
    seeds: int
    seed: int

    def partitions(self, found: Sweep, asked: int | None, further: Sequence[int]) -> Partitions:
        """By method and k, at the natural k, at as many clusters as labels, and at further ones."""
        ks = dict.fromkeys([found.natural_k, *([] if asked is None else [asked]), *further])
        return {(method, k): found.best[method].get(k) or self._best(method, k) for k in ks for method in METHODS}

    def by_seed(
        self, found: Sweep, partitions: Partitions, labels: NDArray[Any] | None
    ) -> dict[tuple[str, int], Floats]:
        """Accuracy of the partition of every seed."""
        if labels is None:
            return {}
        has = labels != ""
        values = {}
        for method, k in partitions:
            known = found.made[method].get(k, [])
            runs = [*known, *(self._one(method, k, self.seed + run) for run in range(len(known), self.seeds))]
            values[method, k] = np.array([accuracy_of(labels[has], run.labels[has]) for run in runs])
        return values

    def _best(self, method: str, k: int) -> Clustering:
        if method == K_MEANS:
            return k_means(self.space.points, k, self.seed, restarts=RESTARTS * self.seeds)
        return self._one(method, k, self.seed)

    def _one(self, method: str, k: int, seed: int) -> Clustering:
        if method == K_MEANS:
            return k_means(self.space.points, k, seed)
        return mixture(self.space.points, k, seed, self.covariance)


def _compare(
    partitions: Partitions, labels: NDArray[Any], groups: NDArray[Any] | None, n_resamples: int, seed: int
) -> Compared:
    has = labels != ""
    groups = None if groups is None else groups[has]
    resamples = Resamples.draw(int(has.sum()), groups, n_resamples, seed)
    return {
        key: agreement(labels[has], clustering.labels[has], groups, resamples, seed)
        for key, clustering in partitions.items()
    }


@dataclass(frozen=True)
class _Company:
    """What lies among strangers, what is there twice, and what is of one group."""

    labels: ByLabel | None
    same: SameGroup | None
    twins: list[tuple[int, int]]

    def columns(self, labels: NDArray[Any] | None) -> dict[str, Any]:
        """For the items."""
        if self.labels is None or labels is None:
            return {}
        has = labels != ""
        width, nearest = np.full(len(labels), np.nan), np.full(len(labels), "", dtype=object)
        width[has], nearest[has] = self.labels.widths.values.round(4), self.labels.widths.nearest
        return {"label_silhouette": width, "nearest_label": nearest}

    def rows(self, n: int) -> list[dict[str, Any]]:
        """For the table."""
        return company_rows(self.labels, self.same, len({clip for pair in self.twins for clip in pair}), n)

    def named(self, chosen: Embeddings) -> list[str]:
        """The nearest pairs by the names of their clips."""
        clips = chosen.column("clip")
        return [f"{clips[a]} = {clips[b]}" for a, b in self.twins[:MOST_PAIRS]]


def _company(
    D: Floats, chosen: Embeddings, labels: NDArray[Any] | None, groups: NDArray[Any] | None, n_resamples: int, seed: int
) -> _Company:
    all_ = Resamples.draw(len(chosen), groups, n_resamples, seed)
    same = None if groups is None else same_group(D, groups, labels, all_)
    lying = None
    if labels is not None:
        has = labels != ""
        of = None if groups is None else groups[has]
        some = Resamples.draw(int(has.sum()), of, n_resamples, seed)
        lying = by_label(D[np.ix_(has, has)], labels[has], of, some, seed)
    return _Company(lying, same, repeated(D))


def _of_clips(
    chosen: Embeddings, groups: NDArray[Any] | None, labels: NDArray[Any] | None, colour: Sequence[str]
) -> dict[str, Any]:
    columns: dict[str, Any] = {"clip": chosen.column("clip")}
    if groups is not None:
        columns["group"] = groups
    columns["label"] = "" if labels is None else labels
    for name in colour:
        values = pd.Series(chosen.column(name))
        columns[COLUMN + name] = values if pd.api.types.is_numeric_dtype(values) else values.fillna("").astype(str)
    return columns
