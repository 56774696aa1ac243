"""The measures of the transfer audit, had from its items alone: any result can be scored again, in any resamples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits import _scores as scores
from earwitness.audits._labels import Task, split_tags

Floats = NDArray[np.float64]
Scores = dict[tuple[str, str], Floats]
"""By measure and class ("" for all classes together), (n_resamples,) values."""

PROBABILITY = "p:"
"""Prefix of the columns of items that hold the probability of a class."""


def evaluate(items: pd.DataFrame, task: Task, weights: NDArray[np.float32]) -> Scores:
    """All measures in each resample; the first is the one that verdicts speak of.

    Parameters
    ----------
    items
        Truth, prediction and probabilities, n rows.
    task
        "classes", "tags" or "number".
    weights : (n_resamples, n) array
        How often each clip counts.
    """
    truth = items["truth"].to_numpy()
    if task == "number":
        return {("R2", ""): scores.r_squared(truth.astype(float), items["prediction"].to_numpy(float), weights)}
    classes = [str(name).removeprefix(PROBABILITY) for name in items if str(name).startswith(PROBABILITY)]
    has = indicators(truth, classes, task)
    p = [items[PROBABILITY + name].to_numpy(float) for name in classes]
    curves = [scores.roc_auc(has[:, k], p[k], weights) for k in range(len(classes))]
    if task == "classes":
        hit = (items["prediction"] == items["truth"]).to_numpy()
        overall, single = "balanced accuracy", "recall"
        second = [scores.recall(has[:, k], hit, weights) for k in range(len(classes))]
    else:
        overall, single = "average precision", "class average precision"
        second = [scores.average_precision(has[:, k], p[k], weights) for k in range(len(classes))]
    found: Scores = {
        ("ROC-AUC", ""): scores.mean_over_classes(curves),
        (overall, ""): scores.mean_over_classes(second),
    }
    for k, name in enumerate(classes):
        found["class ROC-AUC", name] = curves[k]
        found[single, name] = second[k]
    return found


def chance(items: pd.DataFrame, task: Task) -> dict[str, float]:
    """What a probe scores that knows nothing but how frequent each class or tag is."""
    if task == "number":
        return {"R2": 0.0}
    classes = [str(name).removeprefix(PROBABILITY) for name in items if str(name).startswith(PROBABILITY)]
    share = indicators(items["truth"].to_numpy(), classes, task).mean(0)
    if task == "classes":
        return {"ROC-AUC": 0.5, "balanced accuracy": 1 / int((share > 0).sum())}
    return {"ROC-AUC": 0.5, "average precision": float(share[share > 0].mean())}


def indicators(truth: NDArray[Any], classes: Sequence[str], task: Task) -> NDArray[np.bool_]:
    """(n, K), whether each clip has the class or tag."""
    has = [set(split_tags(cell)) if task == "tags" else {cell} for cell in truth]
    return np.array([[name in mine for name in classes] for mine in has])
