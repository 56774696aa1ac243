"""Rows of the structure audit's table, and its items, from what was found."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits._agreement import Agreement
from earwitness.audits._clustering import K_MEANS, MIXTURE, Clustering
from earwitness.audits._company import ByLabel, SameGroup
from earwitness.audits._controls import paired
from earwitness.audits._resamples import Resamples
from earwitness.audits._sweep import STABILITY_CLOUDS, SUBSAMPLES, Subsampled, Sweep
from earwitness.audits._tables import Row, exact, row
from earwitness.results import AuditResult
from earwitness.stats import Estimate

Floats = NDArray[np.float64]
Partitions = Mapping[tuple[str, int], Clustering]
Compared = Mapping[tuple[str, int], Agreement]

COLUMN = "column:"
"""Prefix of the columns of items that colour the map."""


def index_rows(found: Sweep) -> list[Row]:
    """Every index over k: the mean over the runs, and the band in which 95 % of them lie."""
    rows = []
    for (method, index, data), runs in found.runs.items():
        for k, values in zip(found.ks, runs.T, strict=True):
            rows.append(row(index, band(values, "mean and band over runs"), method=method, data=data, k=k))
    return rows


def band(values: Floats, note: str) -> Estimate:
    """The mean of some runs and the band of 95 % of them; NaN where no run has a value."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan, 0, "no run has a value")
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high), len(values), note)


def number_rows(found: Sweep, again: Subsampled) -> list[Row]:
    """How many groups there are, and how sure that is."""
    natural = found.natural_k
    low, high = np.quantile(again.chosen, [0.025, 0.975], method="nearest")
    width = Estimate(natural, float(low), float(high), len(again.chosen), f"band over {SUBSAMPLES} subsamples of clips")
    share = float(np.mean(np.array(again.chosen) == natural))
    clouds = len(found.runs[K_MEANS, "silhouette", "cloud"])
    return [
        row("natural k", width, method=K_MEANS, k=natural),
        row("stability", exact(share, len(again.chosen)), method=K_MEANS, k=natural),
        row("excess", exact(float(np.nanmax(found.excess)), clouds), method=K_MEANS, k=natural),
        row("p", exact(found.p, clouds), method=K_MEANS, k=natural),
    ]


def bare_rows(found: Sweep) -> list[Row]:
    """The k at which each bare index is best, on the clips and on clouds without groups."""
    rows = []
    for method, index, data in found.runs:
        chosen = found.chosen(method, index, data)
        if chosen:
            low, high = np.quantile(chosen, [0.025, 0.975], method="nearest")
            middle = float(np.quantile(chosen, 0.5, method="nearest"))
            estimate = Estimate(middle, float(low), float(high), len(chosen), "median and band over runs")
            rows.append(row("k of the bare index", estimate, method=method, data=data, of=index))
    return rows


def stability_rows(found: Sweep, again: Subsampled) -> list[Row]:
    """How alike the partitions of two subsamples are, for each k; in clouds too where that was asked."""
    note = f"mean and band over pairs of {SUBSAMPLES} subsamples"
    parts = [("clips", again.agreement, note)]
    if again.in_clouds is not None:
        parts.append(("cloud", again.in_clouds, f"mean and band over pairs of subsamples of {STABILITY_CLOUDS} clouds"))
    return [
        row("partition stability", band(values, said), method=K_MEANS, data=data, k=k)
        for data, runs, said in parts
        for k, values in zip(found.ks, runs.T, strict=True)
    ]


def agreement_rows(compared: Compared, by_seed: Mapping[tuple[str, int], Floats]) -> list[Row]:
    """Groups against labels, by method and k."""
    rows = []
    for (method, k), found in compared.items():
        rows += [row(name, estimate, method=method, k=k) for name, estimate in found.measures.items()]
        rows.append(row("agreement p", exact(found.p, found.measures["chance"].n), method=method, k=k))
        if (method, k) in by_seed:
            values = by_seed[method, k]
            note = f"mean and band over {len(values)} seeds, s.d. {values.std(ddof=1) if len(values) > 1 else 0:.4f}"
            rows.append(row("accuracy by seed", band(values, note), method=method, k=k))
    return rows


def company_rows(labels: ByLabel | None, same: SameGroup | None, twins: int, n: int) -> list[Row]:
    """Silhouettes of the labels, repeated clips, and neighbours of one group."""
    rows = [row("repeated clips", exact(twins, n))]
    if labels is not None:
        rows.append(row("label silhouette", labels.mean))
        rows.append(row("label silhouette by chance", labels.chance))
        rows.append(row("label silhouette p", exact(labels.p, labels.chance.n)))
        rows += [row("label silhouette", each, of=name) for name, each in labels.by_label.items()]
    if same is not None:
        rows.append(row("nearest clip of the same group", same.share))
        rows.append(row("the same by chance", same.chance))
    return rows


def difference_rows(items: pd.DataFrame, control: AuditResult, n_resamples: int, seed: int) -> list[Row]:
    """On the labelled clips that both have, what is had here less what the control has.

    Accuracy (k-means, as many clusters as labels) and silhouette of the labels.
    """
    scores = {"accuracy": _hits, "label silhouette": _widths}
    there = {name: score for name, score in scores.items() if _has(name, items) and _has(name, control.items)}
    if not there:
        return []
    ours, theirs = paired(items[items["label"] != ""], control.items, ["clip"])
    values = np.column_stack([score(ours) - score(theirs) for score in there.values()])
    resamples = Resamples.draw(len(values), ours["group"].to_numpy() if "group" in ours else None, n_resamples, seed)
    draws = resamples.means(values)
    return [
        row("difference", resamples.estimate(mean, draws[:, k]), of=name, control=control.encoder)
        for k, (name, mean) in enumerate(zip(there, values.mean(0).tolist(), strict=True))
    ]


def _has(score: str, items: pd.DataFrame) -> bool:
    return {"accuracy": "asked_match", "label silhouette": "label_silhouette"}[score] in items


def _hits(items: pd.DataFrame) -> Floats:
    return np.asarray(items["asked_match"] == items["label"], dtype=np.float64)


def _widths(items: pd.DataFrame) -> Floats:
    return items["label_silhouette"].to_numpy(np.float64)


def item_table(columns: Mapping[str, Any], partitions: Partitions, compared: Compared, ks: Mapping[str, int]) -> Any:
    """Items: what is given by clip, then the groups of some numbers of them, and the labels these are matched with.

    Parameters
    ----------
    columns
        By name, one value a clip; `label` is "" where a clip has none.
    partitions, compared
        By method and k.
    ks
        By prefix of the columns' names.
    """
    items = pd.DataFrame(dict(columns))
    has = items["label"] != ""
    for prefix, k in ks.items():
        items[f"{prefix}cluster"] = partitions[K_MEANS, k].labels
        if (K_MEANS, k) in compared:
            items[f"{prefix}match"] = ""
            items.loc[has, f"{prefix}match"] = compared[K_MEANS, k].named
    return items


def centre_distances(points: Floats, clusters: NDArray[np.int64]) -> Floats:
    """(n,) distance of every clip to the centre of its cluster."""
    names, member = np.unique(clusters, return_inverse=True)
    centres = np.stack([points[member == k].mean(0) for k in range(len(names))])
    return np.sqrt(np.square(points - centres[member]).sum(1))


METHODS = (K_MEANS, MIXTURE)
