"""Genre from artist groups: the experiment of Kim, Won, Serra and Liem (2018), and Kim (2021), chapter 3, on any clips.

Networks learn genres and groups of artists, each by itself (STN) or several at once (MTN); genres are then learnt from
what they make of one-second segments, alone and side by side. Every combination of tasks is compared by log loss and
macro F1 on 15 % of the clips, beside wide networks of equal size (wSTN) and networks that were never trained.
Everything that was finished is kept, so an interrupted run goes on where it stopped.

Where this differs from the paper: the classifier never sees the clips that it is judged by; descriptors are librosa's,
not Essentia's; an MTN is trained for as many passes a task as an STN, not for 1,000 whatever the number of its tasks.
Clips of one artist may lie on both sides of the split, as in the paper.
"""

import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

import earwitness
from earwitness import report
from earwitness.charts import artist_groups as figures
from earwitness.charts import save
from earwitness.datasets import Clips, load_clips
from earwitness.errors import InputError
from earwitness.learning.artist_groups.experiment import Material, Outcome, Settings, prepare
from earwitness.learning.artist_groups.experiment import run as run_experiment
from earwitness.learning.artist_groups.plan import SOURCES
from earwitness.learning.artist_groups.scores import MEASURES, Scores
from earwitness.learning.sources import LabelOptions
from earwitness.recipes import Options
from earwitness.recipes import _kim2018_tables as tables
from earwitness.recipes._kim2018_verdicts import verdicts
from earwitness.report.words import counted
from earwitness.results import AuditResult
from earwitness.store import whole_file

SCALES = {
    "small": (
        Settings(width=0.125, epochs=4, transfer_epochs=6, batch=16),
        LabelOptions(least_clips=20, codewords=256, frames=50_000),
    ),
    "full": (Settings(), LabelOptions()),
}
"""Of networks and of labels: "small" ends in a quarter of an hour on one core with 400 clips of three seconds."""

SAMPLE = 400
"""Clips at most on the small scale."""


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Run the experiment, and write a report, tables and figures.

    Parameters
    ----------
    sources
        One: a manifest or folder of clips with genres and artists, and perhaps sub-genres.
    out
        Folder: `report.html` and what belongs to it, `tables/*.csv`, `tables/tables.txt`, `figures/*.svg`,
        `notes.txt`; `experiment/networks/*` are models that `learned:` loads.
    options
        The scale: "small" (narrow networks and few passes, at most 400 clips) or "full" (the published size); `label`
        is the column of genres (by default `genre`, else `label`), `group` that of artists.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If there is not one source, or it has not two genres with enough clips.
    """
    if len(sources) != 1:
        raise InputError(
            f"kim2018 wants one source of clips with genres and artists, not {len(sources)}: try "
            "`earwitness reproduce kim2018 ~/music/metadata.csv --label genre --group artist`"
        )
    scale = options.scale or "small"
    if scale not in SCALES:
        raise InputError(f"there is no scale {scale!r}: choose {' or '.join(SCALES)}")
    started = perf_counter()
    settings, labels = SCALES[scale]
    clips = load_clips(sources[0])
    if scale == "small" and len(clips) > SAMPLE:
        clips = clips.sample(SAMPLE, seed=options.seed)
    if options.group:
        labels = replace(labels, columns={"artist": options.group})
    genre = options.label or next((name for name in ("genre", "label") if name in clips.table), "genre")
    workers: dict[str, Any] = {"jobs": options.jobs, "cluster": options.cluster, "progress": options.progress}
    material = prepare(clips, genre=genre, options=labels, settings=settings, seed=options.seed, **workers)
    outcomes = run_experiment(material, out / "experiment", settings, seed=options.seed, **workers)
    scores = Scores(material.truth[material.held], outcomes, options.seed)
    made = {
        "seed": options.seed,
        "seconds": round(perf_counter() - started, 1),
        "versions": {
            "earwitness": earwitness.__version__,
            "python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "scikit-learn", "torch")},
        },
    }
    results = _results(scores, outcomes, material, clips, settings, made)
    _write(scores, results, material, out)
    return report.write(
        results,
        out,
        seed=options.seed,
        command=f"reproduce kim2018 --scale {scale}",
        title="Kim (2021), chapter 3: genres from artist groups",
    )


def _results(
    scores: Scores,
    outcomes: list[Outcome],
    material: Material,
    clips: Clips,
    settings: Settings,
    made: dict[str, Any],
) -> list[AuditResult]:
    """One result a kind of network; the verdicts compare them, and stand with the MTN."""
    found = []
    by_number = tables.figure_3_3(scores)
    parameters = {outcome.case.name: outcome.parameters for outcome in outcomes}
    for kind in ("MTN", "STN", "wSTN", "untrained"):
        rows: list[dict[str, Any]] = []
        for place, case in enumerate(scores.cases):
            if case.kind != kind:
                continue
            for measure in MEASURES:
                one = scores.estimate(scores.values(measure)[place])
                tasks = "g, wide" if kind == "wSTN" else case.tasks
                size = f"{parameters[case.name]:,} parameters".replace(",", " ")
                note = "; ".join(filter(None, (one.note, size)))
                rows.append(
                    {"measure": measure, **asdict(one), "note": note, "tasks": tasks, "number": case.number},
                )
        if not rows:
            continue
        means = by_number[by_number["kind"] == kind].drop(columns="kind")
        over = ["over " + counted(int(count), "combination") for count in means["combinations"]]
        means = means.assign(measure="mean " + means["measure"], note=over, tasks="")
        found.append(
            AuditResult(
                audit="artist_groups",
                encoder=kind,
                dataset=clips.name,
                table=pd.concat([means, pd.DataFrame(rows)], ignore_index=True)[
                    ["measure", "value", "low", "high", "n", "note", "number", "tasks"]
                ],
                verdicts=verdicts(scores) if kind == "MTN" else (),
                parameters={
                    "role": "control" if kind == "untrained" else "group",
                    "tasks": {letter: _task(letter, material) for letter in material.letters},
                    "genres": list(material.genres),
                    "training clips": int(material.training.sum()),
                    "held-out clips": int(material.held.sum()),
                    "width": settings.width,
                    "epochs a task": settings.epochs,
                    "notes": list(material.notes),
                },
                provenance=made,
                skipped=pd.concat([clips.skipped, material.cache.skipped], ignore_index=True),
            )
        )
    return found


def _task(letter: str, material: Material) -> str:
    if letter == "g":
        return "genre"
    source = material.sources[letter]
    return f"{SOURCES[letter]} ({len(source.outputs)} topics of {source.model.facts['artists']} artists)"


def _write(scores: Scores, results: list[AuditResult], material: Material, out: Path) -> None:
    made = {
        "table-3.3": tables.table_3_3(scores),
        "table-3.4": tables.table_3_4(scores),
        "table-3.5": tables.table_3_5(scores),
        "figure-3.3": tables.figure_3_3(scores),
    }
    for name, table in made.items():
        with whole_file(out / "tables" / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)
    with whole_file(out / "tables" / "tables.txt") as draft:
        draft.write_text(tables.in_layout(scores), encoding="utf-8")
    for name, chart in {"figure-3.3": figures.by_number(results), "table-3.4": figures.combinations(results)}.items():
        with whole_file(out / "figures" / f"{name}.svg") as draft:
            save(chart, draft)
    with whole_file(out / "notes.txt") as draft:
        draft.write_text("".join(f"{note}\n" for note in material.notes), encoding="utf-8")
