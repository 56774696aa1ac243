"""The measures of bias that can be had from its items alone, in any resamples, so that encoders can be compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits import _scores as scores
from earwitness.audits._domains import Question
from earwitness.audits._geometry import Floats
from earwitness.audits._labels import SEPARATOR, split_tags

Key = tuple[str, str, str, str]
"""Measure, trained on, tested on, class; "" for all."""

PROBES = ("linear", "non-linear")


def items_of(question: Question, crossed: Floats, domains: Sequence[Floats]) -> pd.DataFrame:
    """One row a clip: what is known of it and what held-out probes say.

    Parameters
    ----------
    question
        n clips.
    crossed : (domains, n, K) array
        Scores by the domain that was learnt from.
    domains
        By `PROBES`, (n, domains) scores of the domains.
    """
    columns: dict[str, Any] = {
        "clip": question.embeddings.column("clip"),
        "domain": np.array(question.domains, dtype=object)[question.member],
        "truth": question.labels,
    }
    if question.grouped:
        columns["group"] = [f"group {unit}" for unit in question.units]
    unknown = [SEPARATOR.join(np.array(question.classes, dtype=object)[has == -1]) for has in question.truth]
    if any(unknown):
        columns["unknown"] = unknown
    # Six decimals, here already, so that every score can be had again from the items.
    for source, name in enumerate(question.domains):
        columns |= {score_of(name, k): np.round(crossed[source][:, i], 6) for i, k in enumerate(question.classes)}
    for probe, found in zip(PROBES, domains, strict=True):
        columns |= {domain_score_of(probe, name): np.round(found[:, j], 6) for j, name in enumerate(question.domains)}
    return pd.DataFrame(columns)


def score_of(source: str, name: str) -> str:
    """Column of items: log odds of a class by the probe learnt from a domain."""
    return f"{source} says {name}"


def domain_score_of(probe: str, name: str) -> str:
    """Column of items: log odds of a domain."""
    return f"{probe} probe says {name}"


def evaluate(
    items: pd.DataFrame, classes: Sequence[str], domains: Sequence[str], weights: NDArray[np.float32]
) -> dict[Key, Floats]:
    """Every measure in each resample, (n_resamples,) values.

    Parameters
    ----------
    items
        Of `items_of`, n rows.
    classes, domains
        Names.
    weights : (n_resamples, n) array
        How often each clip counts.
    """
    truth, home = truth_of(items, classes), items["domain"].to_numpy()
    member = np.array([list(domains).index(name) for name in home])
    said = [[items[score_of(source, name)].to_numpy(float) for name in classes] for source in domains]
    found = crossed_measures(truth, member, np.array(said).transpose(0, 2, 1), classes, domains, weights)
    for probe in PROBES:
        columns = [items[domain_score_of(probe, name)].to_numpy(float) for name in domains]
        found |= domain_measures(member, np.stack(columns, axis=1), probe, domains, weights)
    return found


def crossed_measures(
    truth: NDArray[np.int8],
    member: NDArray[np.int64],
    crossed: Floats,
    classes: Sequence[str],
    domains: Sequence[str],
    weights: NDArray[np.float32],
) -> dict[Key, Floats]:
    """ROC-AUC of every pair of domains and class, their means, and what is lost, in each resample.

    Parameters
    ----------
    truth : (n, K) array
        1, 0 or -1 (unknown).
    member : (n,) array
        Domains.
    crossed : (domains, n, K) array
        Scores by the domain that was learnt from.
    classes, domains
        Names.
    weights : (n_resamples, n) array
    """
    found: dict[Key, Floats] = {}
    for t, target in enumerate(domains):
        for k, name in enumerate(classes):
            rows = np.flatnonzero((member == t) & (truth[:, k] >= 0))
            here, has = weights[:, rows], truth[rows, k] == 1
            for s, source in enumerate(domains):
                found["ROC-AUC", source, target, name] = scores.roc_auc(has, crossed[s, rows, k], here)
    _add_means(found, classes, domains)
    return found


def truth_of(items: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int8]:
    """(n, K), 1 has, 0 has not, -1 unknown."""
    named = [set(split_tags(cell)) for cell in items["truth"]]
    unknown = [set(split_tags(cell)) for cell in items.get("unknown", pd.Series([""] * len(items)))]
    return np.array(
        [
            [1 if k in yes else -1 if k in not_known else 0 for k in classes]
            for yes, not_known in zip(named, unknown, strict=True)
        ],
        np.int8,
    )


def points(items: pd.DataFrame, classes: Sequence[str], domains: Sequence[str]) -> dict[Key, float]:
    """Each measure of the clips themselves."""
    once = np.ones((1, len(items)), np.float32)
    return {key: float(value[0]) for key, value in evaluate(items, classes, domains, once).items()}


def _add_means(found: dict[Key, Floats], classes: Sequence[str], domains: Sequence[str]) -> None:
    """Means over classes and pairs of domains, and what is lost between them."""
    pairs = [(source, target) for target in domains for source in domains if source != target]
    for source, target in pairs:
        for name in classes:
            within, across = (found["ROC-AUC", s, target, name] for s in (target, source))
            found["drop", source, target, name] = within - across
    for measure in ("ROC-AUC", "drop"):
        for key in [(s, t) for s in domains for t in domains if (measure, s, t, classes[0]) in found]:
            found[measure, *key, ""] = scores.mean_over_classes([found[measure, *key, k] for k in classes])
    for name in ("", *classes):
        within = scores.mean_over_classes([found["ROC-AUC", d, d, name] for d in domains])
        across = scores.mean_over_classes([found["ROC-AUC", *pair, name] for pair in pairs])
        found["within ROC-AUC", "", "", name], found["across ROC-AUC", "", "", name] = within, across
        found["drop", "", "", name] = scores.mean_over_classes([found["drop", *pair, name] for pair in pairs])


def domain_measures(
    member: NDArray[np.int64], said: Floats, probe: str, domains: Sequence[str], weights: NDArray[np.float32]
) -> dict[Key, Floats]:
    """ROC-AUC of each domain against the others, and their mean, in each resample, from scores (n, domains)."""
    each = [scores.roc_auc(member == j, said[:, j], weights) for j in range(len(domains))]
    found: dict[Key, Floats] = {(f"domain ROC-AUC, {probe}", "", "", ""): scores.mean_over_classes(each)}
    if len(domains) > 2:
        found |= {(f"domain ROC-AUC, {probe}", "", name, ""): one for name, one in zip(domains, each, strict=True)}
    return found
