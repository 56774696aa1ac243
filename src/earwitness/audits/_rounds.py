"""One round of the robustness audit: all clips under one perturbation, by one distance between embeddings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audio import PerturbationRecord
from earwitness.audits._neighbours import Distance, Neighbours, has_length, mean_distance, own_ranks
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

Floats = NDArray[np.float64]


def factors_of(change: PerturbationRecord) -> dict[str, Any]:
    """The columns of a table that say which perturbation a row is about."""
    return {
        "perturbation": change.label,
        "family": change.family,
        "magnitude": float(change.magnitude),
        "unit": change.unit,
        "severity": float(change.severity),
        "imperceptible": bool(change.imperceptible),
    }


@dataclass(frozen=True)
class Round:
    """All clips under one perturbation, by one distance.

    Attributes
    ----------
    change, distance
        What was done, and how far apart is measured.
    clips : (n,) int array
        Rows of the originals that were compared.
    changed : (n,) int array
        Their rows among the changed embeddings.
    pool : (N,) int array
        Rows of the originals that can be the nearest.
    neighbours
        Of the changed clips.
    scale
        Mean distance between two originals.
    """

    change: PerturbationRecord
    distance: Distance
    clips: NDArray[np.int64]
    changed: NDArray[np.int64]
    pool: NDArray[np.int64]
    neighbours: Neighbours
    scale: float

    @classmethod
    def run(cls, embeddings: Embeddings, changed: Embeddings, distance: Distance) -> "Round":
        """Compare the changed clips with the originals.

        Raises
        ------
        InputError
            If fewer than two originals, or no changed clip, have a vector that this distance can use.
        """
        usable = has_length(embeddings.vectors) if distance == "cosine" else np.ones(len(embeddings), bool)
        place = pd.Index(embeddings.clips["clip"]).get_indexer(pd.Index(changed.clips["clip"]))
        keep = (place >= 0) & usable[place]
        if distance == "cosine":
            keep &= has_length(changed.vectors)
        pool = np.flatnonzero(usable)
        assert changed.perturbation is not None
        if len(pool) < 2 or not keep.any():
            raise InputError(
                f"fewer than two clips have a vector of {embeddings.encoder} with a length, so the {distance} distance "
                "says nothing: does it return zeros?"
            )
        originals = embeddings.vectors[pool]
        found = own_ranks(originals, changed.vectors[keep], np.searchsorted(pool, place[keep]), distance)
        found = Neighbours(found.rank, found.own, pool[found.nearest], found.nearest_distance)
        scale = mean_distance(originals, distance)
        return cls(changed.perturbation, distance, place[keep], np.flatnonzero(keep), pool, found, scale)

    def scores(self, n: int) -> dict[str, tuple[Floats, NDArray[np.bool_]]]:
        """By measure, a score of each of the n originals and which of them have one."""
        rank = self.neighbours.rank
        values = {
            "consistency": rank == 1,
            "recall@5": rank <= 5,
            "recall@10": rank <= 10,
            "reciprocal rank": 1 / rank,
            "nearer than another": 1 - (rank - 1) / (len(self.pool) - 1),
            "displacement": self.neighbours.own / self.scale if self.scale else np.zeros(len(rank)),
        }
        return {measure: self.spread(value, n) for measure, value in values.items()}

    def spread(self, values: NDArray[np.generic], n: int) -> tuple[Floats, NDArray[np.bool_]]:
        """(n,) values at the clips of this round, and which clips those are."""
        column, present = np.zeros(n), np.zeros(n, bool)
        column[self.clips], present[self.clips] = values, True
        return column, present
