"""Are nearby neighbours relatives? The protocol of Kim et al. (2019) and Kim (2021), chapter 4, on any clips.

Short excerpts are changed by graded perturbations; C^W says whether a changed clip is still nearest to its own
original, C^B whether sound and embedding agree about that; an additive model compares encoders, kinds of change and
magnitudes. Everything that was computed is kept, so an interrupted run goes on where it stopped.

Where this differs from the paper: distances by DTW are exact, not FastDTW's; the levels of MP3 are those that the
format has; encoders hear the whole excerpt in their own windows, not its central two seconds. The four networks of the
paper are trained here on request, or named as `learned:FOLDER` like any other encoder, beside the MFCC statistics of
its baseline and a network that was never trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness import report
from earwitness.audio.perturbations import IMPERCEPTIBLE
from earwitness.audits.consistency import Analysis, analyse, ranking
from earwitness.audits.smallest_map import map_changes
from earwitness.charts import consistency as figures
from earwitness.charts import save
from earwitness.charts.breaking import breaking_points
from earwitness.charts.smallest_map import smallest_map
from earwitness.charts.statistics import marginal_means
from earwitness.datasets import Clips, load_clips
from earwitness.errors import InputError
from earwitness.extraction import embed_all
from earwitness.pipeline import SOUND, Profile, Settings, Workers, audit_encoders, changed_clips
from earwitness.recipes import Options
from earwitness.recipes.task_training import parted, train_all
from earwitness.results import AuditResult
from earwitness.store import whole_file

EXCERPT_S = 4.0
"""As in the published code, so that half as fast again is still a clip."""


@dataclass(frozen=True)
class Scale:
    """How much of the experiment is done: clips at most, and which set of perturbations."""

    clips: int
    perturbations: str


SCALES = {"small": Scale(60, "standard"), "full": Scale(1000, "full")}

REFERENCE = SOUND[0]
_ANALYSES: tuple[tuple[str, str, str], ...] = (
    ("task score", "cosine", ""),
    ("consistency", "euclidean", ""),
    ("consistency", "cosine", ""),
    *(
        (measure, distance, reference)
        for measure in ("agreement", "rank correlation")
        for distance in ("euclidean", "cosine")
        for reference in SOUND
    ),
)


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Run the experiment, and write a report, tables and figures.

    Parameters
    ----------
    sources
        One: a folder of sound, a manifest (here or at an address), or the name of a set. Excerpts of four seconds are
        taken from the middle.
    out
        Folder: `report.html` and what belongs to it, `tables/*.csv`, `figures/*.svg`, `analyses.txt`.
    options
        The encoders to compare, beside which `mfcc` and `random` are measured; the scale: "small" (60 clips under 30
        perturbations, some minutes on two cores) or "full" (1,000 clips under 94); columns for a probe. With `train`
        the paper's four encoders are trained first, on clips that are then not measured on, as far as the clips have
        answers (`tables/trained.csv`); they lie in `encoders/`, and are not trained again.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If there is not one source, no encoder, or they cannot be used.
    """
    if len(sources) != 1 or not (options.encoders or options.train):
        raise InputError(
            f"kim2019 wants one source of clips and an encoder or more, not {len(sources)} and "
            f"{len(options.encoders)}: try `earwitness reproduce kim2019 demo -e musicnn-msd`, or train the paper's "
            "four with --train"
        )
    clips = load_clips(sources[0])
    scale, seed = options.scale or "small", options.seed
    if scale not in SCALES:
        raise InputError(f"there is no scale {scale!r}: choose {' or '.join(SCALES)}")
    asked = SCALES[scale]
    profile = Profile(
        excerpt_s=EXCERPT_S,
        robustness_clips=asked.clips,
        robustness_excerpt_s=EXCERPT_S,
        perturbations=asked.perturbations,
        references=SOUND,
        sound_s=EXCERPT_S,
    )
    label = options.label or _usual(clips, ("label",))
    group = options.group or _usual(clips, ("group", "artist", "track", "album"))
    if options.train:
        training, clips = parted(clips, group, seed)
        specs, trained = train_all(training, out / "encoders", options, label, group)
        _write(out / "tables" / "trained.csv", trained)
        options = replace(options, encoders=(*options.encoders, *specs))
    settings = Settings(
        audits=("robustness",),
        label=label,
        group=group,
        profile=profile,
        seed=seed,
    )
    workers = Workers(options.jobs, options.cluster, options.progress)
    results = audit_encoders(clips, options.encoders, settings, workers)
    page = report.write(results, out, clips=clips, seed=seed, command=f"reproduce kim2019 --scale {scale}")
    write_tables(results, out)
    with whole_file(out / "figures" / "4.09-smallest-changes-map.svg") as draft:
        save(smallest_map(_mapped(changed_clips(clips, settings), options, settings)), draft)
    return page


def _mapped(heard: Clips, options: Options, settings: Settings) -> pd.DataFrame:
    """The originals and their hardly audible changes on a t-SNE map for each encoder, from vectors that are kept."""
    encoders = tuple(dict.fromkeys([*settings.controls, *options.encoders]))
    rows = embed_all(
        heard,
        encoders,
        [None, *IMPERCEPTIBLE],
        seed=settings.seed,
        jobs=options.jobs,
        cluster=options.cluster,
        progress=options.progress,
    )
    return pd.concat([map_changes(row, settings.seed) for row in rows], ignore_index=True)


def _usual(clips: Clips, names: Sequence[str]) -> str | None:
    """The first of these columns that there is."""
    return next((name for name in names if name in clips.table), None)


def write_tables(results: Sequence[AuditResult], out: Path) -> None:
    """The rankings, the analyses and the figures of results that are there already."""
    order = ranking(results)
    _write(out / "tables" / "ranking.csv", order)
    analyses, refused = _analyses(results)
    for one in analyses:
        name = _file_name(one)
        for kind, table in (("tests", one.tests), ("means", one.means), ("pairs", one.pairs)):
            _write(out / "tables" / f"{name}-{kind}.csv", table)
    with whole_file(out / "analyses.txt") as draft:
        draft.write_text("\n".join([*map(str, analyses), *refused]) + "\n", encoding="utf-8")
    for name, draw in _figures(results, order, analyses).items():
        chart = draw()
        if chart is not None:
            with whole_file(out / "figures" / f"{name}.svg") as draft:
                save(chart, draft)


def _analyses(results: Sequence[AuditResult]) -> tuple[list[Analysis], list[str]]:
    """Every model that the results allow, and why the others cannot be had."""
    found, refused = [], []
    for measure, distance, reference in _ANALYSES:
        try:
            found.append(analyse(results, measure, distance=distance, reference=reference))
        except InputError as error:
            refused.append(f"no analysis of {' '.join(filter(None, [measure, distance, reference]))}: {error}")
    return found, refused


def _file_name(one: Analysis) -> str:
    return "-".join(filter(None, [one.measure, one.distance, one.reference])).replace(" ", "-")


def _write(path: Path, table: pd.DataFrame) -> None:
    with whole_file(path) as draft:
        table.to_csv(draft, index=False)


def _figures(
    results: Sequence[AuditResult], order: pd.DataFrame, analyses: Sequence[Analysis]
) -> dict[str, Callable[[], Any]]:
    """Figures of the chapter by name, each drawn when called."""
    # The paper's figures show encoders alike: its baseline is one of them, not a grey control.
    alike = [replace(result, parameters=result.parameters | {"role": "audited"}) for result in results]
    made: dict[str, Callable[[], Any]] = {
        "breaking-points": lambda: breaking_points(results),
        "4.03-magnitudes": lambda: figures.magnitudes(alike),
        "4.04-task-scores": lambda: figures.task_scores(alike),
        "4.06-consistency-in-sound": lambda: figures.sound_consistency(alike),
        "4.07-consistency-euclidean": lambda: figures.consistency(alike, distance="euclidean"),
        "4.07-consistency-cosine": lambda: figures.consistency(alike),
        "4.12-smallest-changes": lambda: figures.smallest(alike, REFERENCE),
        "4.13-originals": lambda: figures.originals(alike),
        "ranking-agreement": lambda: figures.rankings(order, alike, "mean agreement"),
        "ranking-correlation": lambda: figures.rankings(order, alike, "mean rank correlation"),
    }
    for name in SOUND:
        made[f"4.10-between-{name}"] = partial(figures.between, alike, name)
    numbers = {"task score": "4.05", "consistency": "4.08", "agreement": "4.11", "rank correlation": "4.11"}
    for one in analyses:
        title = f"marginal mean of {one.measure}"
        made[f"{numbers[one.measure]}-means-{_file_name(one)}"] = partial(
            marginal_means, one.means, ["encoder"], title=title
        )
    return made
