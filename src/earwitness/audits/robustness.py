"""Do nearby neighbours stay relatives when the sound is hardly changed?

Conventions: a changed clip looks for its own original among the originals, and only there; another original that is as
near is an error (ties count against the encoder). *Consistency* C^W is the share of changed clips whose own original is
the nearest (Kim 2021, equations 4.9 and 4.10); by chance it is 1/N for N originals, so N belongs to the number.
Intervals come from resampling the changed clips (or their groups), with the originals held fixed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audio import PerturbationRecord
from earwitness.audio_space import AudioSpace
from earwitness.audits._between import Agreement, Heard, meet, of_originals, of_sound, rows_of
from earwitness.audits._branches import branches, breaking_points, follows_severity
from earwitness.audits._controls import Role, check_controls, check_role
from earwitness.audits._labels import read_groups
from earwitness.audits._neighbours import DISTANCES, has_length
from earwitness.audits._probed import moving_rows, task_rows
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._robustness_verdicts import verdicts
from earwitness.audits._rounds import Round, factors_of
from earwitness.audits._summaries import RHO, SOUND_RANK, differences, summaries
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

_SHARES = ("consistency", "recall@5", "recall@10", "moved")
_TEXTS = (
    "distance",
    "reference",
    "perturbation",
    "family",
    "direction",
    "unit",
    "imperceptible",
    "reached",
    "audible",
    "of",
    "control",
)
_NUMBERS = ("magnitude", "severity")


@dataclass(frozen=True)
class Reads:
    """Columns that probes read off the changed clips.

    Attributes
    ----------
    label, task
        What should stay as it is, as in the transfer audit.
    pitch
        Column of semitones, or names of notes or keys, which a pitch shift should move.
    tempo
        Column of beats a minute, which a change of tempo should move.
    """

    label: str | None = None
    task: str = "auto"
    pitch: str | None = None
    tempo: str | None = None

    @property
    def columns(self) -> list[str | None]:
        """All of them."""
        return [self.label, self.pitch, self.tempo]


def robustness(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    *,
    sound: Sequence[AudioSpace] = (),
    reads: Reads = Reads(),
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
    sound
        Distances in sound of the same clips under the same perturbations, by one reference each: see
        `earwitness.audio_space`. Without them nothing is said of agreement with sound.
    reads
        Columns that probes are to read off the changed clips.
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
        Table: for every perturbation and distance (cosine, Euclidean) `consistency`; `recall@5`, `recall@10` and
        `reciprocal rank` of the own original; `nearer than another`, the chance that the own original is nearer than a
        random other (does not depend on N); `displacement`, the distance to the own original over the mean distance
        between two originals. `moved` is the share of clips that the imperceptible perturbations, pooled, move nearer
        to another recording, also by family. `breaking point` is the magnitude from which on consistency is below 0.9
        or 0.5, by family and direction, with whether it was `reached` and is `audible`; `displacement follows severity`
        is a rank correlation, clip by clip.

        By reference in sound: `consistency in sound`; `rank correlation` of the distances (4.11), pooled over all pairs
        but the own ones, or `per query` and then averaged; `agreement` (4.12) with Cohen's `kappa` and the shares of
        the two by two table; the correlations `of originals` alone.

        By probe: `task score` and `task change` of the label, `label kept`, and for pitch and tempo `moved by` and
        `equivariance`, the slope that should be 1 (of keys: the share that moves rightly).

        `mean consistency`, `mean agreement` and `mean rank correlation` average over all perturbations, each family
        counting the same; `chance` gives the level without knowledge, `difference` that to each control.
        Items: the rank of the own original of every clip, perturbation and distance, the nearest other clip, and by
        reference the rank in sound and the rank correlation.

    Notes
    -----
    The first verdict *holds* where the 95 % interval of the pooled consistency (1 - `moved`, cosine distance) lies at
    or above 0.95, *breaks* where it lies below, and is open in between. The second, beside the controls, holds where
    this encoder moves fewer clips than every control (interval of the paired difference below 0), breaks where it
    moves more than one of them (above 0). Breaking points hold where none lies within what people hardly hear, its
    interval included, and break where one does, interval included.

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
    heard = [Heard.of(space, embeddings) for space in sound]
    rounds = [Round.run(embeddings, each, distance) for each in perturbed for distance in DISTANCES]
    resamples = Resamples.draw(len(embeddings), read_groups(embeddings, group), n_resamples, seed)
    rows = [*_moved(rounds, resamples), *_along_branches(rounds, resamples)]
    between, met = _between(embeddings, perturbed, rounds, heard, resamples)
    items = _items(embeddings, rounds, group, met)
    rows += summaries(items, DISTANCES, embeddings.column("clip"), resamples)
    rows += differences(items, controls, DISTANCES, group, n_resamples, seed)
    read, unread = _read(embeddings, perturbed, reads, group, resamples)
    rows += [*read, *_chance(len(embeddings)), *_by_perturbation(rounds, resamples), *between]
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
            "references": [space.reference for space in sound],
            "perturbations": [change.label for change in changes],
            "repeated clips": _repetitions(embeddings),
            "without length": int((~has_length(embeddings.vectors)).sum()),
            "label": reads.label,
            "pitch": reads.pitch,
            "tempo": reads.tempo,
            "not read": unread,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings, *perturbed], columns=[group, *reads.columns], seed=seed, started=started),
        items=items,
        skipped=_skipped([embeddings, *perturbed], sound),
    )
    return replace(result, verdicts=verdicts(result, controls))


def _along_branches(rounds: Sequence[Round], resamples: Resamples) -> list[Row]:
    """Breaking points first, then whether displacement follows severity."""
    found = [branch for distance in DISTANCES for branch in branches([r for r in rounds if r.distance == distance])]
    points = [point for branch in found for point in breaking_points(branch, resamples)]
    points.sort(key=lambda point: (point["distance"], -float(point["of"])))
    return points + [each for branch in found for each in follows_severity(branch, resamples)]


def _between(
    embeddings: Embeddings,
    perturbed: Sequence[Embeddings],
    rounds: Sequence[Round],
    heard: Sequence[Heard],
    resamples: Resamples,
) -> tuple[list[Row], dict[tuple[str, str, str], Agreement]]:
    """Sound beside embedding: rows, and what was found by perturbation, distance and reference."""
    rows: list[Row] = []
    met: dict[tuple[str, str, str], Agreement] = {}
    changed = {each.perturbation.label: each for each in perturbed if each.perturbation is not None}
    for each in heard:
        rows += of_sound(each, rounds, resamples)
        for distance in DISTANCES:
            pool = next(r.pool for r in rounds if r.distance == distance)
            rows += of_originals(each, embeddings, distance, pool, resamples)
        for r in rounds:
            found = meet(each, r, embeddings, changed[r.change.label])
            if found is not None:
                met[r.change.label, r.distance, each.space.reference] = found
                rows += rows_of(found, each, r, resamples)
    return rows, met


def _read(
    embeddings: Embeddings, perturbed: Sequence[Embeddings], reads: Reads, group: str | None, resamples: Resamples
) -> tuple[list[Row], dict[str, str]]:
    """What probes read off the changed clips, and why a column could not be read."""
    asked: dict[str, Callable[[], list[Row]]] = {}
    if reads.label is not None:
        asked["label"] = partial(task_rows, embeddings, perturbed, reads.label, reads.task, group, resamples)
    if reads.pitch is not None:
        asked["pitch"] = partial(moving_rows, embeddings, perturbed, reads.pitch, "pitch", group, resamples)
    if reads.tempo is not None:
        asked["tempo"] = partial(moving_rows, embeddings, perturbed, reads.tempo, "tempo", group, resamples)
    rows: list[Row] = []
    unread: dict[str, str] = {}
    for name, ask in asked.items():
        try:
            rows += ask()
        except InputError as error:
            unread[name] = str(error)
    return rows, unread


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


def _by_perturbation(rounds: Sequence[Round], resamples: Resamples) -> list[Row]:
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
        rows.append(row(measure, estimate, distance=r.distance, **factors_of(r.change)))
    return rows


def _moved(rounds: Sequence[Round], resamples: Resamples) -> list[Row]:
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


def _items(
    embeddings: Embeddings, rounds: Sequence[Round], group: str | None, met: dict[tuple[str, str, str], Agreement]
) -> pd.DataFrame:
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
            **_sound_columns(r, met, len(clip)),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _sound_columns(r: Round, met: dict[tuple[str, str, str], Agreement], n: int) -> dict[str, Floats]:
    """Rank in sound and rank correlation of each clip of a round, by reference; NaN where there is none."""
    columns = {}
    for (label, distance, reference), found in met.items():
        if (label, distance) == (r.change.label, r.distance):
            rank, rho = np.full((2, n), np.nan)
            rank[found.clips], rho[found.clips] = found.sound_rank, np.round(found.rho, 5)
            columns[SOUND_RANK + reference], columns[RHO + reference] = rank[r.clips], rho[r.clips]
    return columns


def _short(values: Floats) -> Floats:
    """Six significant digits: enough to read, and half the file."""
    return np.array([float(f"{value:.6g}") for value in values])


def _repetitions(embeddings: Embeddings) -> int:
    """Clips whose vector another clip has too: each of them ties with its twin."""
    _, member, count = np.unique(embeddings.vectors, axis=0, return_inverse=True, return_counts=True)
    return int((count[member.ravel()] > 1).sum())


def _skipped(embeddings: Sequence[Embeddings], sound: Sequence[AudioSpace]) -> pd.DataFrame:
    parts = [each.skipped for each in embeddings] + [each.skipped for each in sound]
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)
