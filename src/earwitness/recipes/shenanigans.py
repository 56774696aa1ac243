"""How do taggers organise music? The protocol of Arputharaj and Kalaivanan (2022), Latent Space Shenanigans.

Clips are embedded whole, in windows that do not overlap, and clustered: how many groups, and are they the genres
(Figures 1 to 3, Table 1)? Is a change of tempo or pitch a linear map (Table 2)? What does a tagger take for disco
(Figure 4)? Where do genres lie that the taggers were not trained on (Figure 5)? Printed numbers stand beside those of
the encoders that were measured.

Where this differs from the paper: conclusions rest on standardised principal components, with intervals, seeds, nulls
and controls; Table 1 is also made on the bare vectors, as the paper seems to. Table 2 is made for both changes and of
clips that were seen and unseen, as it does not say which it shows. GTZAN's jazz.00054, which is corrupt, is left out.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness import charts, report
from earwitness.audits import Descent
from earwitness.audits.assignments import assignments
from earwitness.charts import linear_maps as map_figures
from earwitness.charts import placement as placement_figures
from earwitness.charts import structure as figures
from earwitness.charts.theme import audited
from earwitness.datasets import Clips, excluding, load_clips
from earwitness.embeddings import Embeddings
from earwitness.encoders import Differentiable, load_encoder
from earwitness.errors import EarwitnessError, InputError
from earwitness.extraction import embed_all, resolve
from earwitness.inverting import Wish, invert
from earwitness.pipeline import CONTROLS, Profile, Settings, Workers, audit_encoders
from earwitness.recipes import Options
from earwitness.recipes.shenanigans_printed import MODELS
from earwitness.recipes.shenanigans_tables import tables
from earwitness.report.folder import file_name
from earwitness.results import AuditResult
from earwitness.store import whole_file

WHOLE_S = 31.0
"""Longer than any clip of GTZAN, and at least one window of every tagger."""

CORRUPT = {"jazz.00054": "corrupt in GTZAN as it is distributed"}
WITHOUT_TAGGERS = ("musicnn-msd",)
KS = (7, 10)
PRINTED_TARGET = "disco"
FULL_STEPS, SMALL_STEPS = 10_000, 100
SCALES = {
    "small": (200, 3, Profile(WHOLE_S, 100, 10.0, "quick", thorough=False)),
    "full": (3000, 10, Profile(WHOLE_S, 1000, WHOLE_S, "quick")),
}
"""Clips and seeds at most, and the profile."""


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Run the experiment, and write a report, tables and figures.

    Parameters
    ----------
    sources
        A folder with one sub-folder a genre, such as GTZAN's, or any manifest with labels; as a second one, the same
        with genres that are to be placed among the first.
    out
        Folder: `report.html` and what belongs to it, `tables/*.csv`, `figures/*.svg`, `notes.txt`; `inversion`:
        the report of Figure 4.
    options
        Encoders, by default the seven taggers as far as their weights are there, and else `musicnn-msd`, beside the
        controls; label and group columns; the scale: "small" (200 clips and 3 seeds) or "full".

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If there is not one source or two, or the clips have no labels.
    """
    if len(sources) not in (1, 2):
        raise InputError(
            f"shenanigans wants a folder of genres, and perhaps one of new genres, not {len(sources)} sources: try "
            "`earwitness reproduce shenanigans ~/gtzan/genres_original`"
        )
    scale = options.scale or "small"
    if scale not in SCALES:
        raise InputError(f"there is no scale {scale!r}: choose {' or '.join(SCALES)}")
    most, seeds, profile = SCALES[scale]
    label = options.label or "label"
    clips, notes = _clips(sources[0], label, most, options.seed)
    encoders = options.encoders or _taggers(notes)
    workers = Workers(options.jobs, options.cluster, options.progress)
    settings = Settings(
        audits=("structure", "linear_maps"),
        label=label,
        group=options.group,
        compare_at=tuple(k for k in KS if k <= len(clips)),
        profile=profile,
        seed=options.seed,
    )
    results = audit_encoders(clips, encoders, settings, workers)
    heard = clips
    if len(sources) == 2:
        new = load_clips(sources[1])
        heard = _joined(clips, new, label)
        results += _placed(heard, new, encoders, settings, workers)
    else:
        notes.append("Figure 5: no second source with new genres was given.")
    _invert(clips, encoders, settings, workers, out, notes)
    page = report.write(results, out, clips=heard, seed=options.seed, command=f"reproduce shenanigans --scale {scale}")
    embedded = _embedded(clips, encoders, settings, workers)
    runs = _runs(embedded, label, settings.compare_at, seeds, options.seed)
    for name, table in tables(results, runs).items():
        with whole_file(out / "tables" / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)
    _write_figures(results, out)
    with whole_file(out / "notes.txt") as draft:
        draft.write_text("".join(f"{note}\n" for note in notes), encoding="utf-8")
    return page


def _invert(
    clips: Clips, encoders: Sequence[str], settings: Settings, workers: Workers, out: Path, notes: list[str]
) -> None:
    """Figure 4, with its own report: a sound that the first encoder which can be inverted takes for disco."""
    able = [encoder for encoder in encoders if isinstance(resolve(encoder), Differentiable)]
    if not able:
        notes.append("Figure 4: none of the encoders has gradients, so that no sound can be made for it.")
        return
    labels = sorted(clips.table[settings.label].dropna().astype(str).unique())
    target = PRINTED_TARGET if PRINTED_TARGET in labels else labels[0]
    if target != PRINTED_TARGET:
        notes.append(f"Figure 4: there is no {PRINTED_TARGET}, so that the sound is made for {target}.")
    full = settings.profile.thorough
    wish = Wish(
        target,
        label=settings.label,
        group=settings.group,
        descent=Descent(steps=FULL_STEPS if full else SMALL_STEPS),
        starts=3 if full else 1,
        controls=full,
        seed=settings.seed,
    )
    folder = out / "inversion"
    try:
        result, heard = invert(clips, able[0], wish, folder, workers)
    except InputError as error:
        notes.append(f"Figure 4 is not made: {error}")
        return
    report.write([result], folder, clips=heard, seed=settings.seed, command="reproduce shenanigans")
    drawn = [chart for title, chart in result.charts().items() if title.startswith("Spectrogram")]
    with whole_file(out / "figures" / f"figure-4-{file_name(target)}-{file_name(result.encoder)}.svg") as draft:
        charts.save(drawn[0], draft)


def _clips(source: str, label: str, most: int, seed: int) -> tuple[Clips, list[str]]:
    """The clips with labels, without what is known to be corrupt, and what is to be said of that."""
    clips = load_clips(source)
    if label not in clips.table or clips.table[label].dropna().nunique() < 2:
        raise InputError(
            f"{source}: there are no two labels to compare groups with; put the clips into one sub-folder a genre, or "
            "name a column with --label"
        )
    kept, unknown = excluding(clips, CORRUPT)
    notes = [f"{name} is left out: {CORRUPT[name]}." for name in CORRUPT if name not in unknown]
    if len(kept) > most:
        notes.append(f"A sample of {most} of {len(kept)} clips, drawn by the seed; --scale full takes them all.")
        kept = kept.sample(most, seed=seed)
    return kept, notes


def _taggers(notes: list[str]) -> tuple[str, ...]:
    """The taggers of the paper that can be loaded, or what stands in for them."""
    found, missing = [], []
    for name in MODELS.values():
        try:
            load_encoder(name)
        except EarwitnessError as error:
            missing.append(f"{name} is not measured: {error}")
        else:
            found.append(name)
    notes += missing
    if not found:
        notes.append(f"No tagger of the paper is there, so {', '.join(WITHOUT_TAGGERS)} stands in for them.")
    return tuple(found) or WITHOUT_TAGGERS


def _joined(clips: Clips, new: Clips, label: str) -> Clips:
    """Known and new clips as one collection."""
    if label not in new.table:
        raise InputError(
            f"{new.name}: the new clips have no column {label!r}; they have {', '.join(map(str, new.table))}"
        )
    both = set(clips.table[label].dropna()) & set(new.table[label].dropna())
    if both:
        raise InputError(f"{new.name}: the label {min(both)!r} is among the known ones too: rename the new one")
    return clips.joined(new)


def _placed(
    both: Clips, new: Clips, encoders: Sequence[str], settings: Settings, workers: Workers
) -> list[AuditResult]:
    assert settings.label is not None
    labels = tuple(sorted(str(name) for name in new.table[settings.label].dropna().unique()))
    asked = Settings(
        audits=("placement",), label=settings.label, group=settings.group, new=labels, profile=settings.profile,
        seed=settings.seed,
    )  # fmt: skip
    return audit_encoders(both, encoders, asked, workers)


def _embedded(clips: Clips, encoders: Sequence[str], settings: Settings, workers: Workers) -> list[Embeddings]:
    """What structure looked at; nothing is computed again."""
    cast = [*dict.fromkeys([*CONTROLS, *encoders])]
    rows = embed_all(
        clips.excerpt(settings.profile.excerpt_s),
        cast,
        seed=settings.seed,
        jobs=workers.jobs,
        cluster=workers.cluster,
        progress=workers.progress,
    )
    return [row[0] for row in rows]


def _runs(embedded: Sequence[Embeddings], label: str, ks: Sequence[int], seeds: int, seed: int) -> pd.DataFrame:
    """Accuracy of every run, on bare vectors and in the space of the structure audit."""
    parts = []
    for each in embedded:
        for space in ("raw", "principal"):
            covariance: Any = "full" if space == "raw" else "diag"
            found = assignments(each, label=label, ks=ks, seeds=seeds, space=space, covariance=covariance, seed=seed)
            parts.append(found.assign(encoder=each.encoder, space=space, covariance=covariance))
    return pd.concat(parts, ignore_index=True)


def _write_figures(results: Sequence[AuditResult], out: Path) -> None:
    for name, draw in _figures(results).items():
        with whole_file(out / "figures" / f"{name}.svg") as draft:
            charts.save(draw(), draft)


def _figures(results: Sequence[AuditResult]) -> dict[str, Callable[[], Any]]:
    """Figures of the paper by name, each drawn when called."""
    of = {audit: [r for r in results if r.audit == audit] for audit in ("structure", "linear_maps", "placement")}
    made: dict[str, Callable[[], Any]] = {"figure-2-number-of-groups": partial(figures.indices, of["structure"])}
    for result in audited(of["structure"]):
        name = file_name(result.encoder)
        made[f"figure-1-map-{name}"] = partial(figures.label_map, result)
        for k in result.parameters["compared at"]:
            made[f"figure-3-confusion-{k}-{name}"] = partial(figures.confusion, result, f"at{k}_")
    maps = of["linear_maps"]
    made["table-2-explained"] = partial(map_figures.explained, maps)
    made["table-2-found"] = partial(map_figures.found, maps)
    for result in audited(of["placement"]):
        made[f"figure-5-map-{file_name(result.encoder)}"] = partial(placement_figures.new_groups, result)
    return made
