"""The main job: embed a collection with every encoder and its controls, and put each audit's question to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from earwitness import audits, engine
from earwitness.audio.perturbations import PROFILES as PERTURBATIONS
from earwitness.audio.perturbations import Perturbation, PitchShift, TempoShift
from earwitness.audio_space import AudioSpace, audio_spaces
from earwitness.audits import Projection, Role
from earwitness.datasets import Clips
from earwitness.embeddings import Embeddings
from earwitness.encoders import Encoder, PrecomputedEncoder
from earwitness.errors import InputError
from earwitness.extraction import embed_all, resolve
from earwitness.results import AuditResult

AUDITS = ("transfer", "robustness", "structure", "placement", "linear_maps", "bias", "correction")
CHANGING = ("robustness", "linear_maps")
"""Those of them that change the sound."""

CONTROLS = ("mfcc", "random")

SHIFTS: tuple[Perturbation, ...] = (TempoShift(1.5), PitchShift(702))
"""Half as fast again, and a fifth higher (a ratio of 1.5): those of Arputharaj and Kalaivanan (2022), Table 2."""


@dataclass(frozen=True)
class Profile:
    """How thorough an audit is.

    Attributes
    ----------
    excerpt_s
        Seconds from the middle of each clip that transfer and structure hear.
    robustness_clips
        At most so many clips are perturbed, drawn by the seed.
    robustness_excerpt_s
        Seconds from the middle of each of them.
    perturbations
        Name of the set of perturbations.
    references
        Distances in sound to hold the embeddings against; see `earwitness.references`.
    sound_s
        Seconds from the middle of each clip that they compare.
    thorough
        Whether structure also measures how stable groups are, and accuracy seed by seed.
    shifts
        Changes that linear maps are fitted to, of the clips of the robustness audit.
    on_request
        Audits that are done only where they are asked for by name.
    """

    excerpt_s: float
    robustness_clips: int
    robustness_excerpt_s: float
    perturbations: str
    references: tuple[str, ...] = ()
    sound_s: float | None = 4.0
    thorough: bool = True
    shifts: tuple[Perturbation, ...] = SHIFTS
    on_request: tuple[str, ...] = ()


SOUND = ("mfcc-dtw", "mfcc-simple", "log-mel-dtw", "chroma-dtw", "stft-dtw")
"""References of the thorough profiles: the two of Kim (2021), and three that no MFCC has a part in."""

PROFILES = {
    "quick": Profile(
        excerpt_s=30,
        robustness_clips=100,
        robustness_excerpt_s=5,
        perturbations="quick",
        thorough=False,
        on_request=("linear_maps", "correction"),
    ),
    "standard": Profile(
        excerpt_s=30,
        robustness_clips=200,
        robustness_excerpt_s=10,
        perturbations="standard",
        references=SOUND,
    ),
    "full": Profile(
        excerpt_s=120,
        robustness_clips=1000,
        robustness_excerpt_s=10,
        perturbations="full",
        references=SOUND,
    ),
}


@dataclass(frozen=True)
class Settings:
    """What to ask of the encoders, and how.

    Attributes
    ----------
    audits
        Of `AUDITS`; None takes every one that the clips and the encoder allow.
    label, group, domain
        Columns: what a probe predicts; what must not be on both sides of a split, and what intervals resample; where
        clips come from: two values or more are audited for bias, and reported one by one.
    stratum
        Column of what else may differ between domains, such as the genre.
    pitch, tempo
        Columns that a pitch shift, or a change of tempo, should move: semitones or names of notes; beats a minute.
    new, between
        Labels that are new, whose place among the others is asked for; triples (C, A, B): does C lie between A and B?
    colour
        Further columns by which the map of the clips is coloured.
    projection
        What draws maps: "t-SNE" or "UMAP".
    compare_at
        Further numbers of groups at which groups are compared with labels.
    profile
        Of `PROFILES`.
    controls
        Specs of the encoders that every number is held against.
    seed
        Of folds, resamples, clusterings and perturbations.
    """

    audits: tuple[str, ...] | None = None
    label: str | None = None
    group: str | None = None
    domain: str | None = None
    stratum: str | None = None
    pitch: str | None = None
    tempo: str | None = None
    new: tuple[str, ...] = ()
    between: tuple[tuple[str, str, str], ...] = ()
    colour: tuple[str, ...] = ()
    projection: Projection = "t-SNE"
    compare_at: tuple[int, ...] = ()
    profile: Profile = PROFILES["standard"]
    controls: tuple[str, ...] = CONTROLS
    seed: int = 0


@dataclass(frozen=True)
class Workers:
    """Where the encoders run and who is told of it: see `earwitness.engine.map`."""

    jobs: int | None = None
    cluster: str | None = None
    progress: engine.Progress | None = None


def audit_encoders(
    clips: Clips,
    encoders: Sequence[str | Encoder],
    settings: Settings = Settings(),
    workers: Workers = Workers(),
) -> list[AuditResult]:
    """Put every audit's question to every encoder, and to the controls first.

    Parameters
    ----------
    clips
        The collection.
    encoders
        Specs for `load_encoder`, or encoders.
    settings, workers
        What to ask, and where to run.

    Returns
    -------
    list of AuditResult
        Audit by audit; within one, the controls first, with `parameters["role"] == "control"`.

    Raises
    ------
    InputError
        If no audit can be done with these clips and options.
    EncoderError
        If an encoder cannot be loaded or breaks the protocol.
    """
    _check_columns(clips, settings)
    chosen = {_name(encoder): encoder for encoder in encoders}
    if len(chosen) < len(encoders):
        raise InputError(f"two of the encoders have the same name: {', '.join(map(_name, encoders))}")
    controls = {_name(spec): spec for spec in settings.controls if _name(spec) not in chosen}
    wanted = _applicable(clips, list(chosen.values()), settings)
    results: list[AuditResult] = []
    cast: list[tuple[str | Encoder, Role]] = [(spec, "control") for spec in controls.values()]
    cast += [(encoder, "audited") for encoder in chosen.values()]
    still = [audit for audit in wanted if audit not in CHANGING]
    if still:
        heard = clips.excerpt(settings.profile.excerpt_s)
        rows = _embed(heard, [encoder for encoder, _ in cast], settings, workers)
        shared = [[embeddings] for embeddings in _common([row[0] for row in rows])]
        for audit in still:
            ask = _still_audit(audit, settings, _absent(clips, settings))
            results += _each(ask, shared, cast, workers, audit, settings.profile.excerpt_s)
    if "robustness" in wanted:
        results += _robustness(clips, cast, settings, workers)
    if "linear_maps" in wanted:
        results += _linear_maps(clips, cast, settings, workers)
    return sorted(results, key=lambda result: wanted.index(result.audit))


def _name(encoder: str | Encoder) -> str:
    return resolve(encoder).name


def _check_columns(clips: Clips, settings: Settings) -> None:
    named = [
        (option, getattr(settings, option)) for option in ("label", "group", "domain", "stratum", "pitch", "tempo")
    ]
    for option, column in [*named, *(("colour", column) for column in settings.colour)]:
        if column is not None and column not in clips.table:
            columns = ", ".join(str(name) for name in clips.table.columns)
            raise InputError(f"--{option} {column}: the clips have no such column; they have {columns}")
    for audit in settings.audits or ():
        if audit not in AUDITS:
            raise InputError(f"there is no audit {audit!r}; there are {', '.join(AUDITS)}")


def _applicable(clips: Clips, encoders: Sequence[str | Encoder], settings: Settings) -> list[str]:
    """The audits to do, in the house's order; one that was asked for by name must be possible."""
    impossible = {}
    if settings.label is None:
        impossible["transfer"] = (
            "needs labels: put the clips into one sub-folder a label, or name a column with --label "
            f"(there are {', '.join(str(name) for name in clips.table.columns)})"
        )
    if not settings.new or settings.label is None:
        impossible["placement"] = (
            "places new labels among known ones: name them with --new, and their column with --label"
        )
    refused = audits.why_no_bias(
        clips.table, label=settings.label, domain=settings.domain, group=settings.group, absent=_absent(clips, settings)
    )
    if refused:
        impossible |= dict.fromkeys(("bias", "correction"), refused)
    tables = [resolve(encoder).name for encoder in encoders if isinstance(resolve(encoder), PrecomputedEncoder)]
    if tables:
        why = f"must change the sound, and {tables[0]} is a table of vectors: leave it out"
        impossible |= dict.fromkeys(CHANGING, why)
    for audit in settings.audits or ():
        if audit in impossible:
            raise InputError(f"the {audit} audit {impossible[audit]}")
    usual = [audit for audit in AUDITS if audit not in settings.profile.on_request]
    return [audit for audit in settings.audits or usual if audit not in impossible]


def _absent(clips: Clips, settings: Settings) -> str | None:
    """The column of classes that clips have not: mirdata's `absent` belongs to its `label`."""
    return "absent" if settings.label == "label" and "absent" in clips.table else None


def _embed(
    clips: Clips,
    encoders: Sequence[str | Encoder],
    settings: Settings,
    workers: Workers,
    changes: Sequence[Perturbation] = (),
) -> list[list[Embeddings]]:
    return embed_all(
        clips,
        encoders,
        [None, *changes],
        seed=settings.seed,
        jobs=workers.jobs,
        cluster=workers.cluster,
        progress=workers.progress,
    )


def _common(embedded: list[Embeddings]) -> list[Embeddings]:
    """The clips that every encoder has, so that each is measured on the same ones."""
    shared = set.intersection(*(set(e.column("clip")) for e in embedded))
    order = np.array([clip for clip in embedded[0].column("clip") if clip in shared])
    if not len(order):
        raise InputError("no clip has an embedding of every encoder: check the ids of the precomputed vectors")
    return [e.aligned_with(order) for e in embedded]


# Asked of the embeddings of one encoder: of the clips as they are, then under each perturbation, if any.
Question = Callable[[list[Embeddings], Role, list[AuditResult]], AuditResult]


def _still_audit(audit: str, settings: Settings, absent: str | None) -> Question:
    """An audit that leaves the sound as it is, with its options."""

    def transfer(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        assert settings.label is not None
        return audits.transfer(
            row[0],
            label=settings.label,
            group=settings.group,
            by=settings.domain,
            controls=controls,
            role=role,
            seed=settings.seed,
        )

    def structure(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        return audits.structure(
            row[0],
            label=settings.label,
            group=settings.group,
            compare_at=settings.compare_at,
            thorough=settings.profile.thorough,
            projection=settings.projection,
            colour=settings.colour,
            controls=controls,
            role=role,
            seed=settings.seed,
        )

    def placement(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        assert settings.label is not None
        return audits.placement(
            row[0],
            label=settings.label,
            new=settings.new,
            between=settings.between,
            group=settings.group,
            projection=settings.projection,
            controls=controls,
            role=role,
            seed=settings.seed,
        )

    def domains(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        assert settings.label is not None
        assert settings.domain is not None
        ask: Callable[..., AuditResult] = audits.bias if audit == "bias" else audits.correction
        return ask(
            row[0],
            label=settings.label,
            domain=settings.domain,
            group=settings.group,
            stratum=settings.stratum,
            absent=absent,
            controls=controls,
            role=role,
            seed=settings.seed,
        )

    return {
        "transfer": transfer,
        "structure": structure,
        "placement": placement,
        "bias": domains,
        "correction": domains,
    }[audit]


def _each(
    ask: Question,
    rows: list[list[Embeddings]],
    cast: list[tuple[str | Encoder, Role]],
    workers: Workers,
    audit: str,
    excerpt_s: float,
) -> list[AuditResult]:
    """Ask the controls side by side, then the encoders beside them; a result says which excerpt was heard."""

    def asked(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        with threadpool_limits(limits=1):  # a sum over another number of threads is another number in its last digits
            result = ask(row, role, controls)
        return replace(result, parameters={**result.parameters, "excerpt_s": excerpt_s})

    results: list[AuditResult] = []
    roles: tuple[Role, Role] = ("control", "audited")
    for role in roles:
        mine = [row for row, (_, part) in zip(rows, cast, strict=True) if part == role]
        controls = list(results)
        results += engine.map(
            partial(asked, role=role, controls=controls),
            mine,
            jobs=workers.jobs,
            progress=workers.progress,
            stage=f"{audit} audit" + (" of the controls" if role == "control" else ""),
        )
    return results


def changed_clips(clips: Clips, settings: Settings) -> Clips:
    """The clips that the robustness audit changes: at most so many as the profile says, and the middle of each."""
    profile = settings.profile
    if len(clips) > profile.robustness_clips:
        clips = clips.sample(profile.robustness_clips, seed=settings.seed)
    return clips.excerpt(profile.robustness_excerpt_s)


def _linear_maps(
    clips: Clips, cast: list[tuple[str | Encoder, Role]], settings: Settings, workers: Workers
) -> list[AuditResult]:
    encoders = [encoder for encoder, _ in cast]
    rows = _embed(changed_clips(clips, settings), encoders, settings, workers, settings.profile.shifts)

    def ask(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        return audits.linear_maps(
            row[0], row[1:], group=settings.group, controls=controls, role=role, seed=settings.seed
        )

    return _each(ask, rows, cast, workers, "linear_maps", settings.profile.robustness_excerpt_s)


def _robustness(
    clips: Clips, cast: list[tuple[str | Encoder, Role]], settings: Settings, workers: Workers
) -> list[AuditResult]:
    profile, heard = settings.profile, changed_clips(clips, settings)
    rows = _embed(heard, [encoder for encoder, _ in cast], settings, workers, PERTURBATIONS[profile.perturbations])
    sound = _sound(heard, rows[0][0], settings, workers) if profile.references else []
    # A quick look asks a probe about changed clips only where the user named what should move.
    label = settings.label if profile.references or settings.pitch or settings.tempo else None
    reads = audits.Reads(label=label, pitch=settings.pitch, tempo=settings.tempo)

    def ask(row: list[Embeddings], role: Role, controls: list[AuditResult]) -> AuditResult:
        return audits.robustness(
            row[0],
            row[1:],
            sound=sound,
            reads=reads,
            group=settings.group,
            controls=controls,
            role=role,
            seed=settings.seed,
        )

    return _each(ask, rows, cast, workers, "robustness", profile.robustness_excerpt_s)


def _sound(heard: Clips, embedded: Embeddings, settings: Settings, workers: Workers) -> list[AudioSpace]:
    """Distances in sound of the clips that were embedded."""
    usable = heard.take(np.flatnonzero(heard.table["clip"].isin(embedded.column("clip"))))
    return audio_spaces(
        usable,
        PERTURBATIONS[settings.profile.perturbations],
        settings.profile.references,
        seconds=settings.profile.sound_s,
        seed=settings.seed,
        jobs=workers.jobs,
        cluster=workers.cluster,
        progress=workers.progress,
    )
