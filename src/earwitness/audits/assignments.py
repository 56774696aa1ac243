"""Accuracy of clusters by seed, as Table 1 of Arputharaj and Kalaivanan (2022) has it: one row a run."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.audits._agreement import accuracy_of
from earwitness.audits._clustering import K_MEANS, MIXTURE, Covariance, k_means, mixture
from earwitness.audits._labels import read_texts
from earwitness.audits._space import principal_space
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

RESTARTS = 10
SPACES = ("raw", "principal")


def assignments(
    embeddings: Embeddings,
    *,
    label: str,
    ks: Sequence[int] = (7, 10),
    seeds: int = 10,
    space: Literal["raw", "principal"] = "raw",
    covariance: Covariance = "full",
    seed: int = 0,
) -> pd.DataFrame:
    """Share of clips in the cluster that is matched with their label, for every seed.

    Parameters
    ----------
    embeddings
        Of the clips; those without a label are left out.
    label
        Column of one class a clip.
    ks
        Numbers of clusters.
    seeds
        Runs of k-means (the best of ten restarts each) and of Gaussian mixtures.
    space
        "raw" takes the vectors as they are, as the paper seems to; "principal" is the space of the structure audit.
    covariance
        Of the mixtures; 1e-6 is added to every variance. "full" in the raw space reproduces scikit-learn's default, and
        is near-singular where a cluster has fewer clips than dimensions.
    seed
        The first of the seeds.

    Returns
    -------
    DataFrame
        `k`, `method` ("k-means", "Gaussian mixture"), `seed`, `accuracy`, `ceiling` (what so many clusters can reach).

    Raises
    ------
    InputError
        If there are fewer clips than clusters, no labels, or an unknown space.
    """
    if space not in SPACES:
        raise InputError(f"there is no space {space!r}: choose {' or '.join(SPACES)}")
    labels = read_texts(embeddings, label)
    clips = embeddings.take(np.flatnonzero(labels != ""))
    labels = labels[labels != ""]
    if not len(labels):
        raise InputError(f"no clip has a label in column {label!r}: name another")
    for k in ks:
        if not 2 <= k <= len(clips):
            raise InputError(
                f"{len(clips)} clips cannot be put into {k} groups: compare at numbers from 2 to {len(clips)}"
            )
    principal = principal_space(clips.vectors, clips.encoder)  # refuses what no space can hold
    points = principal.points if space == "principal" else clips.vectors.astype(np.float64)
    largest = np.sort(np.unique(labels.astype(str), return_counts=True)[1])[::-1]
    rows = []
    with threadpool_limits(1):
        for k in ks:
            ceiling = float(largest[:k].sum() / len(labels))
            for run in range(seeds):
                for method in (K_MEANS, MIXTURE):
                    found = _clusters(points, method, k, seed + run, covariance)
                    rows.append((k, method, seed + run, accuracy_of(labels, found), ceiling))
    return pd.DataFrame(rows, columns=["k", "method", "seed", "accuracy", "ceiling"])


def _clusters(points: NDArray[np.float64], method: str, k: int, seed: int, covariance: Covariance) -> NDArray[np.int64]:
    if method == K_MEANS:
        return k_means(points, k, seed, restarts=RESTARTS).labels
    return mixture(points, k, seed, covariance).labels
