"""Do sound and embedding agree on what is near? Between-space measures (Kim 2021, equations 4.11 and 4.12).

Conventions: rows are changed clips, columns originals, and the own original is left out of every rank correlation. In
resamples of the changed clips the ranks stay those of all clips. "Keeps" means that the own original is strictly
nearer than any other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from earwitness.audio_space import UNCHANGED, AudioSpace
from earwitness.audits._neighbours import MATRIX, Distance
from earwitness.audits._resamples import Resamples
from earwitness.audits._rounds import Round, factors_of
from earwitness.audits._tables import Row, row
from earwitness.distances import average_ranks
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError

Floats = NDArray[Any]

CELLS = ("both keep", "only sound keeps", "only embedding keeps", "neither keeps")
"""Shares of clips: the two by two table of which space keeps a clip beside its own original."""


@dataclass(frozen=True)
class Heard:
    """Distances in sound of the clips of one embedding, by one reference."""

    space: AudioSpace
    place: NDArray[np.int64]  # row of the space for each clip of the embedding

    @classmethod
    def of(cls, space: AudioSpace, embeddings: Embeddings) -> "Heard":
        """The clips of the embedding in the space.

        Raises
        ------
        InputError
            If one is missing from it.
        """
        place = pd.Index(space.clips).get_indexer(pd.Index(embeddings.clips["clip"]))
        if (place < 0).any():
            missing = embeddings.clips["clip"].to_numpy()[place < 0]
            raise InputError(
                f"{len(missing)} clips have no distances in sound ({space.reference}), the first is {missing[0]!r}: "
                "measure both on the same clips"
            )
        return cls(space, place)

    def under(self, key: str) -> Floats:
        """(N, N) distances under the perturbation of that key; rows of NaN where a clip has none.

        Raises
        ------
        InputError
            If the perturbation was not measured.
        """
        if key not in self.space.matrices:
            raise InputError(f"{self.space.reference} was not measured under {key!r}: give the same perturbations")
        found: Floats = self.space.matrices[key][np.ix_(self.place, self.place)]
        return found


@dataclass(frozen=True)
class Agreement:
    """Sound beside embedding in one round.

    Attributes
    ----------
    clips : (n,) int array
        Rows of the originals that both could measure.
    sound_rank, rank : (n,) int arrays
        Of the own original in sound and in the embedding.
    rho : (n,) array
        Rank correlation over the originals for each changed clip; NaN where one space has all at one distance.
    sums : (n, 6) array
        Of each row's pooled ranks: count, x, y, xx, yy, xy.
    """

    clips: NDArray[np.int64]
    sound_rank: NDArray[np.int64]
    rank: NDArray[np.int64]
    rho: Floats
    sums: Floats


def agree(sound: Floats, latent: Floats, own: NDArray[np.int64], clips: NDArray[np.int64]) -> Agreement:
    """Compare two matrices of distances.

    Parameters
    ----------
    sound, latent : (n, N) arrays
        From every changed clip to every original.
    own : (n,) int array
        Column of each row's own original.
    clips
        As in `Agreement`.
    """
    away = np.ones(sound.shape, bool)
    away[np.arange(len(own)), own] = False
    shape = (len(own), sound.shape[1] - 1)
    x, y = sound[away].reshape(shape), latent[away].reshape(shape)
    ranks = _ranks_of_own(sound, own, x), _ranks_of_own(latent, own, y)
    middle = (x.size + 1) / 2
    u, v = average_ranks(x) - middle, average_ranks(y) - middle
    sums = [np.full(len(own), float(shape[1])), u.sum(1), v.sum(1), (u * u).sum(1), (v * v).sum(1), (u * v).sum(1)]
    return Agreement(clips, *ranks, _row_correlations(x, y), np.stack(sums, 1))


def _ranks_of_own(D: Floats, own: NDArray[np.int64], others: Floats) -> NDArray[np.int64]:
    return 1 + (D[np.arange(len(own)), own][:, None] >= others).sum(1)


def _row_correlations(x: Floats, y: Floats) -> Floats:
    """Spearman's correlation of each row."""
    u, v = rankdata(x, axis=1), rankdata(y, axis=1)
    u, v = u - u.mean(1, keepdims=True), v - v.mean(1, keepdims=True)
    size = np.sqrt((u * u).sum(1) * (v * v).sum(1))
    return np.divide((u * v).sum(1), size, out=np.full(len(x), np.nan), where=size > 0)


def pooled(sums: Floats) -> Floats:
    """(r,) correlations from (r, 6) sums of ranks; NaN where one side does not vary."""
    count, x, y, xx, yy, xy = sums.T
    count = np.where(count > 0, count, np.nan)
    spread = (xx - x * x / count) * (yy - y * y / count)
    return np.divide(xy - x * y / count, np.sqrt(np.maximum(spread, 0)), out=np.full(len(x), np.nan), where=spread > 0)


def kappa(both: Floats, sound: Floats, embedding: Floats, neither: Floats) -> Floats:
    """Cohen's kappa of a two by two table of shares; NaN where one outcome is all there is on both sides."""
    chance = (both + sound) * (both + embedding) + (neither + sound) * (neither + embedding)
    agreed = both + neither
    return np.divide(agreed - chance, 1 - chance, out=np.full(np.shape(agreed), np.nan), where=chance < 1 - 1e-12)


def meet(heard: Heard, round_: Round, embeddings: Embeddings, changed: Embeddings) -> Agreement | None:
    """Sound beside embedding in a round, or None where no clip is in both."""
    sound = heard.under(round_.change.key)[np.ix_(round_.clips, round_.pool)]
    there = ~np.isnan(sound).any(1)
    if not there.any() or len(round_.pool) < 3:
        return None
    latent = MATRIX[round_.distance](changed.vectors[round_.changed[there]], embeddings.vectors[round_.pool])
    clips = round_.clips[there]
    return agree(sound[there], latent, np.searchsorted(round_.pool, clips), clips)


def of_originals(
    heard: Heard, embeddings: Embeddings, distance: Distance, pool: NDArray[np.int64], resamples: Resamples
) -> list[Row]:
    """Rank correlations over pairs of originals alone (figure 4.13)."""
    if len(pool) < 3:
        return []
    sound = heard.under(UNCHANGED)[np.ix_(pool, pool)]
    vectors = embeddings.vectors[pool]
    found = agree(sound, MATRIX[distance](vectors, vectors), np.arange(len(pool)), pool)
    factors = {"distance": distance, "reference": heard.space.reference}
    rows = _correlations(found, resamples, factors)
    return [{**each, "measure": f"{each['measure']} of originals"} for each in rows]


def rows_of(found: Agreement, heard: Heard, round_: Round, resamples: Resamples) -> Iterator[Row]:
    """What the table says of one round, one reference: C^B_rho both ways, C^B_acc, kappa and the two by two table."""
    factors = {"distance": round_.distance, "reference": heard.space.reference, **factors_of(round_.change)}
    yield from _correlations(found, resamples, factors)
    some = resamples.of(found.clips)
    sound, embedding = found.sound_rank == 1, found.rank == 1
    cells = np.stack([sound & embedding, sound & ~embedding, ~sound & embedding, ~sound & ~embedding], 1).astype(float)
    point, draws = cells.mean(0), some.means(cells)
    yield row("agreement", some.share(point[0] + point[3], draws[:, 0] + draws[:, 3]), **factors)
    agreed = float(kappa(*point))
    if not np.isnan(agreed):
        yield row("kappa", some.estimate(agreed, kappa(*draws.T)), **factors)
    for k, cell in enumerate(CELLS):
        yield row(cell, some.share(point[k], draws[:, k]), **factors)


def _correlations(found: Agreement, resamples: Resamples, factors: Mapping[str, Any]) -> list[Row]:
    """C^B_rho pooled over all pairs, and per query: none where all distances of a space are equal."""
    some = resamples.of(found.clips)
    rows = []
    rho = float(pooled(found.sums.sum(0, keepdims=True))[0])
    if not np.isnan(rho):
        rows.append(row("rank correlation", some.estimate(rho, pooled(some.weights @ found.sums)), **factors))
    there = ~np.isnan(found.rho)
    if there.any():
        values = np.where(there, found.rho, 0)
        draws = some.means(values[:, None], there[:, None])[:, 0]
        estimate = some.estimate(float(values[there].mean()), draws)
        rows.append(row("rank correlation per query", estimate, **factors))
    return rows


def of_sound(heard: Heard, rounds: Sequence[Round], resamples: Resamples) -> list[Row]:
    """Consistency in sound under each perturbation: what an encoder could be expected to keep (figure 4.6)."""
    rows = []
    for change in {r.change.key: r.change for r in rounds}.values():
        D = heard.under(change.key)
        there = np.flatnonzero(~np.isnan(D).any(1))
        if not len(there) or len(D) < 2:
            continue
        away = np.ones((len(there), len(D)), bool)
        away[np.arange(len(there)), there] = False
        rank = _ranks_of_own(D[there], there, D[there][away].reshape(len(there), -1))
        some = resamples.of(there)
        values = np.stack([rank == 1, 1 - (rank - 1) / (len(D) - 1)], 1).astype(float)
        draws = some.means(values)
        factors = {"reference": heard.space.reference, **factors_of(change)}
        note = f"{len(D) - len(there)} clips without a distance" if len(there) < len(D) else ""
        rows.append(row("consistency in sound", some.share(values[:, 0].mean(), draws[:, 0], note=note), **factors))
        rows.append(row("nearer than another in sound", some.estimate(values[:, 1].mean(), draws[:, 1]), **factors))
    return rows
