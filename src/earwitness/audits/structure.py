"""How does the embedding organise music when it is left alone, and is that how people name it?

Conventions: dimensions are standardised and turned to the principal axes that explain 95 % (50 at most). The number of
groups is the k at which the silhouette of k-means exceeds most that of clouds without groups, which have the same
covariance. Clusters are matched one to one with labels, so fewer clusters than labels have a ceiling below 1.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.audits._agreement import Agreement, agreement
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
from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._labels import read_groups, read_labels
from earwitness.audits._map import map_2d
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._space import Space, principal_space
from earwitness.audits._structure_verdicts import verdicts
from earwitness.audits._sweep import SUBSAMPLES, Sweep, chosen_in_subsamples, sweep
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate

_TEXTS = ("method", "data", "of", "control")
_NUMBERS = ("k",)


def structure(
    embeddings: Embeddings,
    *,
    label: str | None = None,
    group: str | None = None,
    ks: Sequence[int] = range(2, 21),
    covariance: Literal["auto", "full", "diag", "tied"] = "auto",
    seeds: int = 10,
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
    covariance
        Of the Gaussian mixtures. "auto" is full where each of the most clusters gets five clips for every axis, and
        else diagonal: a full one would be near-singular.
    seeds
        Runs of k-means; mixtures, which are slow, get four at most.
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
        k and data ("clips", or "cloud": a Gaussian of the same covariance), mean and band over runs; `natural k` (low
        and high: the band over subsamples), `stability` (share of subsamples of 80 % that choose it) and `p` (chance of
        so large an excess in a cloud); `accuracy`, `ceiling`, `purity`, `NMI`, `ARI`, `chance` and `agreement p` of
        clusters and labels, by method, at the natural k and at as many clusters as labels; `difference` of that
        accuracy to each control (k-means, as many clusters as labels); `trustworthiness` of the map.
        Items: label, cluster at the natural k with its silhouette and the label it is matched with, the same at as many
        clusters as labels (`asked_cluster`, `asked_match`), and the place on the map.

    Notes
    -----
    The first verdict *holds* where groups stand out from a cloud (p at most 0.05) and 80 % of the subsamples choose the
    same k, and is open otherwise, also where no groups were found. The second *holds* where the accuracy is above
    shuffled labels (p at most 0.05) and above every control (paired difference), *breaks* where it is below one of
    them, and is open otherwise.

    Raises
    ------
    InputError
        If there are fewer than four clips, no k is possible, or all vectors are the same.

    References
    ----------
    Arputharaj and Kalaivanan (2022), Latent Space Shenanigans. Tibshirani, Walther and Hastie (2001), Journal of the
    Royal Statistical Society B 63(2), for the comparison with a reference without groups.
    """
    started = perf_counter()
    check_role(role)
    check_controls(controls, "structure", label=label)
    chosen = _sample(embeddings, max_clips, seed)
    tried = _possible(ks, chosen)
    groups = read_groups(chosen, group)
    labels, reason = _labels(chosen, label)
    # One thread: sums in another order would move the last digits of a clustering from run to run.
    with threadpool_limits(1):
        space = principal_space(chosen.vectors, chosen.encoder)
        if covariance == "auto":
            covariance = "full" if enough_for_full(len(chosen), space.points.shape[1], max(tried)) else "diag"
        found = sweep(space, tried, covariance, seeds, seed)
        votes = chosen_in_subsamples(space, found, groups, seed)
        asked = None if labels is None else len(set(labels) - {""})
        partitions = _partitions(space, found, asked, covariance, seeds, seed)
        place, trust = map_2d(space.points, seed)
    compared = {} if labels is None else _compare(partitions, labels, groups, n_resamples, seed)
    items = _items(chosen, space, partitions, compared, found.natural_k, asked, labels, groups, place)
    rows = [*_indices(found), *_number_of_groups(found, votes), *_agreement_rows(compared)]
    rows.append(row("trustworthiness", exact(trust, len(chosen)), method="t-SNE"))
    for control in controls:
        rows += _difference(items, control, n_resamples, seed)
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
            "axes": space.points.shape[1],
            "explained": round(space.explained, 4),
            "ks": list(tried),
            "labels": asked,
            "covariance": covariance,
            "seeds": seeds,
            "restarts": RESTARTS,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings], columns=[label, group], seed=seed, started=started),
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


Partitions = dict[tuple[str, int], Clustering]


def _partitions(
    space: Space, found: Sweep, asked: int | None, covariance: Covariance, seeds: int, seed: int
) -> Partitions:
    """By method and k, at the natural k and at as many clusters as labels."""
    made = {(method, found.natural_k): found.best[method][found.natural_k] for method in found.best}
    if asked is not None:
        for method in found.best:
            known = found.best[method].get(asked)
            made[method, asked] = known or _best(space, method, asked, covariance, seeds, seed)
    return made


def _best(space: Space, method: str, k: int, covariance: Covariance, seeds: int, seed: int) -> Clustering:
    if method == K_MEANS:
        return k_means(space.points, k, seed, restarts=RESTARTS * seeds)
    return mixture(space.points, k, seed, covariance)


Compared = dict[tuple[str, int], Agreement]


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


def _items(
    chosen: Embeddings,
    space: Space,
    partitions: Partitions,
    compared: Compared,
    natural: int,
    asked: int | None,
    labels: NDArray[Any] | None,
    groups: NDArray[Any] | None,
    place: NDArray[np.float64],
) -> pd.DataFrame:
    clusters = partitions[K_MEANS, natural].labels
    columns: dict[str, Any] = {"clip": chosen.column("clip")}
    if groups is not None:
        columns["group"] = groups
    columns["label"] = "" if labels is None else labels
    columns["cluster"] = clusters
    columns["silhouette"] = silhouettes(distances(space.points), clusters).round(4)
    columns["x"], columns["y"] = place.round(3).T
    items = pd.DataFrame(columns)
    if labels is not None and asked is not None:
        has = labels != ""
        items["asked_cluster"] = partitions[K_MEANS, asked].labels
        for name, k in (("match", natural), ("asked_match", asked)):
            items[name] = ""
            items.loc[has, name] = compared[K_MEANS, k].named
    return items


def _indices(found: Sweep) -> list[Row]:
    """Mean over the runs, and the band in which 95 % of them lie."""
    rows = []
    for (method, index, data), runs in found.runs.items():
        for k, values in zip(found.ks, runs.T, strict=True):
            low, high = np.quantile(values, [0.025, 0.975])
            estimate = Estimate(float(values.mean()), float(low), float(high), len(values), "mean and band over runs")
            rows.append(row(index, estimate, method=method, data=data, k=k))
    return rows


def _number_of_groups(found: Sweep, votes: list[int]) -> list[Row]:
    natural = found.natural_k
    low, high = np.quantile(votes, [0.025, 0.975], method="nearest")
    band = Estimate(natural, float(low), float(high), len(votes), f"band over {SUBSAMPLES} subsamples of the clips")
    share = float(np.mean(np.array(votes) == natural))
    excess = float(np.nanmax(found.excess))
    return [
        row("natural k", band, method=K_MEANS, k=natural),
        row("stability", exact(share, len(votes)), method=K_MEANS, k=natural),
        row("excess", exact(excess, len(found.runs[K_MEANS, "silhouette", "cloud"])), method=K_MEANS, k=natural),
        row("p", exact(found.p, len(found.runs[K_MEANS, "silhouette", "cloud"])), method=K_MEANS, k=natural),
    ]


def _agreement_rows(compared: Compared) -> list[Row]:
    rows = []
    for (method, k), found in compared.items():
        rows += [row(name, estimate, method=method, k=k) for name, estimate in found.measures.items()]
        rows.append(row("agreement p", exact(found.p, found.measures["chance"].n), method=method, k=k))
    return rows


def _difference(items: pd.DataFrame, control: AuditResult, n_resamples: int, seed: int) -> list[Row]:
    """Accuracy with as many clusters as labels less the control's, on the labelled clips that both have."""
    if "asked_match" not in items or "asked_match" not in control.items:
        return []
    ours, theirs = paired(items[items["label"] != ""], control.items, ["clip"])
    difference = (ours["asked_match"] == ours["label"]).astype(float) - (theirs["asked_match"] == theirs["label"])
    values = difference.to_numpy(np.float64)
    resamples = Resamples.draw(len(values), ours["group"].to_numpy() if "group" in ours else None, n_resamples, seed)
    estimate = resamples.estimate(values.mean(), resamples.means(values[:, None])[:, 0])
    return [row("difference", estimate, method=K_MEANS, of="accuracy", control=control.encoder)]
