"""How well clusters found without labels agree with labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from earwitness.errors import InputError


@dataclass(frozen=True)
class Assignment:
    """Clusters matched one to one with labels.

    `accuracy` is the share of items in the cluster matched with their label, `ceiling` the accuracy that as many
    clusters of free sizes could reach, `purity` the accuracy when several clusters may share a label. `table` counts
    items by label (rows) and cluster (columns); `matching` is cluster -> label, without the unmatched.
    """

    accuracy: float
    ceiling: float
    purity: float
    n: int
    table: pd.DataFrame
    matching: dict[object, object]

    @property
    def relative(self) -> float:
        """Accuracy as a share of its ceiling."""
        return self.accuracy / self.ceiling

    def to_frame(self, **factors: object) -> pd.DataFrame:
        """One row: accuracy, ceiling, relative, purity, n, then the factors."""
        row = {"accuracy": self.accuracy, "ceiling": self.ceiling, "relative": self.relative, "purity": self.purity}
        return pd.DataFrame([{**row, "n": self.n, **factors}])

    def __str__(self) -> str:
        return f"{self.accuracy:.2f} of {self.ceiling:.2f} possible (purity {self.purity:.2f}, n={self.n})"


def assignment_accuracy(labels: ArrayLike, clusters: ArrayLike) -> Assignment:
    r"""Share of items in the right cluster, when clusters are matched with labels as well as possible.

    .. math:: \max_\pi \frac{1}{N} \sum_g n_{g \pi(g)}

    over one-to-one matchings of labels g with clusters (Hungarian method). With fewer clusters than labels some labels
    stay unmatched and their items count as errors: ten equal labels in seven clusters reach 0.70 at most, the
    `ceiling`. With more clusters than labels the items of unmatched clusters count as errors.

    Parameters
    ----------
    labels, clusters : (n,) arrays
        Any hashable values; the names of clusters do not matter.

    Returns
    -------
    Assignment

    Raises
    ------
    InputError
        If the lengths differ, there are no items, or a value is missing.

    References
    ----------
    Kuhn (1955). The Hungarian method for the assignment problem.

    Examples
    --------
    >>> print(assignment_accuracy(["a", "a", "b", "b", "c"], [1, 1, 0, 0, 0]))
    0.80 of 0.80 possible (purity 0.80, n=5)
    """
    label, cluster = pd.Series(np.asarray(labels)), pd.Series(np.asarray(clusters))
    if len(label) != len(cluster):
        raise InputError(f"{len(label)} labels but {len(cluster)} clusters: give one of each for every item")
    if not len(label):
        raise InputError("agreement needs at least one item, got none: is the selection empty?")
    if label.isna().any() or cluster.isna().any():
        raise InputError("some items have no label or no cluster: drop them before measuring agreement")
    table = pd.crosstab(label.rename("label"), cluster.rename("cluster"))
    counts = table.to_numpy()
    rows, columns = linear_sum_assignment(counts, maximize=True)
    largest = np.sort(counts.sum(1))[::-1][: counts.shape[1]]
    n = len(label)
    return Assignment(
        accuracy=float(counts[rows, columns].sum() / n),
        ceiling=float(largest.sum() / n),
        purity=float(counts.max(0).sum() / n),
        n=n,
        table=table,
        matching={table.columns[c]: table.index[r] for r, c in zip(rows.tolist(), columns.tolist(), strict=True)},
    )
