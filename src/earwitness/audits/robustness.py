"""Do nearby neighbours stay relatives when the sound is hardly changed?

Conventions: a changed clip looks for its own original among the originals, and only there; another original that is as
near is an error (ties count against the encoder). *Consistency* C^W is the share of changed clips whose own original is
the nearest (Kim 2021, equations 4.9 and 4.10); by chance it is 1/N for N originals, so N belongs to the number.
Intervals come from resampling the changed clips (or their groups), with the originals held fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audio import PerturbationRecord
from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._labels import read_groups
from earwitness.audits._neighbours import DISTANCES, Distance, Neighbours, has_length, mean_distance, own_ranks
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._robustness_verdicts import verdicts
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

_SHARES = ("consistency", "recall@5", "moved")
_TEXTS = ("distance", "perturbation", "family", "unit", "imperceptible", "of", "control")
_NUMBERS = ("magnitude", "severity")


def robustness(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    *,
    controls: Sequence[AuditResult] = (),
    group: str | None = None,
    role: Role = "audited",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """How many clips are still nearest to their own original when the sound is changed.

    Parameters
    ----------
    embeddings
        Of the clips as they are, N of them.
    perturbed
        Of the same clips under one perturbation each; a clip may be missing from some.
    controls
        Results of this audit for encoders that know little, on the same clips: they are compared clip by clip.
    group
        Column of what is drawn together in the bootstrap (artist, score).
    role
        "control" marks the result as one of a control.
    seed
        Of the resamples.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table: for every perturbation and distance (cosine, Euclidean) `consistency`; `recall@5` and `reciprocal rank`
        of the own original; `nearer than another`, the chance that the own original is nearer than a random other
        (does not depend on N); `displacement`, the distance to the own original over the mean distance between two
        originals. `moved` is the share of clips that the imperceptible perturbations, pooled, move nearer to another
        recording, also by family; `chance` gives the level without knowledge, `difference` that to each control.
        Items: the rank of the own original of every clip, perturbation and distance, and the nearest other clip.

    Notes
    -----
    The first verdict *holds* where the 95 % interval of the pooled consistency (1 - `moved`, cosine distance) lies at
    or above 0.95, *breaks* where it lies below, and is open in between. The second, beside the controls, holds where
    this encoder moves fewer clips than every control (interval of the paired difference below 0), breaks where it
    moves more than one of them (above 0).

    Raises
    ------
    InputError
        If there are fewer than two clips, no perturbation, one twice, or embeddings of another encoder.

    References
    ----------
    Kim (2021), doctoral thesis, chapter 4. Kim, Urbano, Liem and Hanjalic (2019), Frontiers in Applied Mathematics and
    Statistics 5:53.
    """
    started = perf_counter()
    check_role(role)
    check_controls(controls, "robustness")
    changes = _checked(embeddings, perturbed)
    rounds = [_Round.run(embeddings, each, distance) for each in perturbed for distance in DISTANCES]
    resamples = Resamples.draw(len(embeddings), read_groups(embeddings, group), n_resamples, seed)
    rows = [*_by_perturbation(rounds, resamples), *_moved(rounds, resamples), *_chance(len(embeddings))]
    items = _items(embeddings, rounds, group)
    rows += _differences(items, controls, group, n_resamples, seed)
    result = AuditResult(
        audit="robustness",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, _TEXTS, _NUMBERS),
        parameters={
            "role": role,
            "group": group,
            "clips": len(embeddings),
            "distances": list(DISTANCES),
            "perturbations": [change.label for change in changes],
            "repeated clips": _repetitions(embeddings),
            "without length": int((~has_length(embeddings.vectors)).sum()),
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings, *perturbed], columns=[group], seed=seed, started=started),
        items=items,
        skipped=_skipped([embeddings, *perturbed]),
    )
    return replace(result, verdicts=verdicts(result, controls))


def _checked(embeddings: Embeddings, perturbed: Sequence[Embeddings]) -> list[PerturbationRecord]:
    """The perturbations, in order, once all can be compared with the originals."""
    if len(embeddings) < 2:
        raise InputError(f"robustness compares a clip with others, and there is {len(embeddings)}: give two or more")
    changes = [each.perturbation for each in perturbed if each.perturbation is not None]
    if not perturbed or len(changes) < len(perturbed):
        raise InputError("robustness needs embeddings of changed clips: embed them with a perturbation")
    labels = [change.label for change in changes]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise InputError(f"the perturbation {sorted(twice)[0]!r} is there twice: give each once")
    for each, label in zip(perturbed, labels, strict=True):
        if (each.encoder, each.revision, each.size) != (embeddings.encoder, embeddings.revision, embeddings.size):
            raise InputError(
                f"the clips under {label!r} have {each.size} numbers of {each.encoder} {each.revision}, the originals "
                f"{embeddings.size} of {embeddings.encoder} {embeddings.revision}: use one encoder for both"
            )
        if not np.isin(each.column("clip"), embeddings.column("clip")).any():
            raise InputError(f"no clip under {label!r} is among the originals: embed the same clips")
    return changes


@dataclass(frozen=True)
class _Round:
    """All clips under one perturbation, by one distance."""

    change: PerturbationRecord
    distance: Distance
    clips: NDArray[np.int64]  # (n,) rows of the originals that were compared
    neighbours: Neighbours
    candidates: int  # originals that could be the nearest
    scale: float  # mean distance between two of them

    @classmethod
    def run(cls, embeddings: Embeddings, changed: Embeddings, distance: Distance) -> "_Round":
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
        return cls(changed.perturbation, distance, place[keep], found, len(pool), mean_distance(originals, distance))

    def scores(self, n: int) -> dict[str, tuple[Floats, NDArray[np.bool_]]]:
        """By measure, a score a clip and which clips have one."""
        rank = self.neighbours.rank
        present = np.zeros(n, bool)
        present[self.clips] = True
        values = {
            "consistency": rank == 1,
            "recall@5": rank <= 5,
            "reciprocal rank": 1 / rank,
            "nearer than another": 1 - (rank - 1) / (self.candidates - 1),
            "displacement": self.neighbours.own / self.scale if self.scale else np.zeros(len(rank)),
        }
        scores = {}
        for measure, value in values.items():
            column = np.zeros(n)
            column[self.clips] = value
            scores[measure] = (column, present)
        return scores


def _by_perturbation(rounds: Sequence[_Round], resamples: Resamples) -> list[Row]:
    n = resamples.weights.shape[1]
    cells = [(r, measure, *score) for r in rounds for measure, score in r.scores(n).items()]
    values = np.stack([value for _, _, value, _ in cells], 1)
    present = np.stack([there for *_, there in cells], 1)
    draws = resamples.means(values, present)
    rows = []
    for k, (r, measure, value, there) in enumerate(cells):
        interval = resamples.share if measure in _SHARES else resamples.estimate
        missing = int((~there).sum())
        note = f"{missing} clips without a vector" if missing else ""
        estimate = interval(value[there].mean(), draws[:, k], note=note)
        change = r.change
        rows.append(
            row(
                measure,
                estimate,
                distance=r.distance,
                perturbation=change.label,
                family=change.family,
                magnitude=float(change.magnitude),
                unit=change.unit,
                severity=float(change.severity),
                imperceptible=bool(change.imperceptible),
            )
        )
    return rows


def _moved(rounds: Sequence[_Round], resamples: Resamples) -> list[Row]:
    """Each clip's share of imperceptible perturbations that moved it, over all of them and by family."""
    n = resamples.weights.shape[1]
    rows = []
    for distance in DISTANCES:
        mild = [r for r in rounds if r.distance == distance and r.change.imperceptible and r.change.severity > 0]
        for family in ["", *dict.fromkeys(r.change.family for r in mild)] if mild else []:
            errors, tried = np.zeros(n), np.zeros(n)
            for r in mild:
                if family in ("", r.change.family):
                    errors[r.clips] += r.neighbours.rank > 1
                    tried[r.clips] += 1
            estimate = _mean_share(errors, tried, resamples)
            rows.append(row("moved", estimate, distance=distance, family=family, imperceptible=True))
    return rows


def _mean_share(errors: Floats, tried: Floats, resamples: Resamples) -> Estimate:
    there = tried > 0
    share = np.divide(errors, tried, out=np.zeros(len(errors)), where=there)
    draws = resamples.means(share[:, None], there[:, None])[:, 0]
    return resamples.share(float(share[there].mean()), draws)


def _chance(n: int) -> list[Row]:
    """What a random order of the originals would give."""
    levels = {
        "consistency": 1 / n,
        "recall@5": min(1.0, 5 / n),
        "reciprocal rank": float(np.mean(1 / np.arange(1, n + 1))),
        "nearer than another": 0.5,
        "moved": 1 - 1 / n,
    }
    return [row("chance", exact(level, n), of=of) for of, level in levels.items()]


def _items(embeddings: Embeddings, rounds: Sequence[_Round], group: str | None) -> pd.DataFrame:
    clip = embeddings.column("clip")
    groups = read_groups(embeddings, group)
    parts = []
    for r in rounds:
        found = r.neighbours
        columns = {
            "clip": clip[r.clips],
            **({} if groups is None else {"group": groups[r.clips]}),
            "perturbation": r.change.label,
            "family": r.change.family,
            "magnitude": float(r.change.magnitude),
            "imperceptible": bool(r.change.imperceptible),
            "distance": r.distance,
            "rank": found.rank,
            "own_distance": _short(found.own),
            "nearest": clip[found.nearest],
            "nearest_distance": _short(found.nearest_distance),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _short(values: Floats) -> Floats:
    """Six significant digits: enough to read, and half the file."""
    return np.array([float(f"{value:.6g}") for value in values])


def _differences(
    items: pd.DataFrame, controls: Sequence[AuditResult], group: str | None, n_resamples: int, seed: int
) -> list[Row]:
    """By control and distance: share of clips moved here less that of the control, on the same clips and changes."""
    rows = []
    for control in controls:
        ours, theirs = paired(
            items[items["imperceptible"].astype(bool)], control.items, ["clip", "perturbation", "distance"]
        )
        for distance in DISTANCES:
            here = (ours["distance"] == distance).to_numpy()
            if not here.any():
                continue
            both = ours[here].assign(
                difference=(ours["rank"] > 1).astype(float) - (theirs["rank"] > 1).astype(float),
            )
            clips = both.groupby("clip", sort=False).agg(difference=("difference", "mean"))
            groups = None if group is None else both.groupby("clip", sort=False)["group"].first().to_numpy()
            value = clips["difference"].to_numpy(float)
            resamples = Resamples.draw(len(value), groups, n_resamples, seed)
            estimate = resamples.estimate(value.mean(), resamples.means(value[:, None])[:, 0])
            rows.append(row("difference", estimate, of="moved", distance=distance, control=control.encoder))
    return rows


def _repetitions(embeddings: Embeddings) -> int:
    """Clips whose vector another clip has too: each of them ties with its twin."""
    _, member, count = np.unique(embeddings.vectors, axis=0, return_inverse=True, return_counts=True)
    return int((count[member.ravel()] > 1).sum())


def _skipped(embeddings: Sequence[Embeddings]) -> pd.DataFrame:
    return pd.concat([each.skipped for each in embeddings], ignore_index=True).drop_duplicates(ignore_index=True)
