"""One network from many learning sources: Kim et al. (2020), Kim (2021), chapter 2, on any clips.

Networks are trained on every source alone, on all together, and on sets between, by six strategies; each is frozen and
asked for target tasks on clips that it has not heard. Tables and figures are laid out as in the thesis, and each of its
findings is answered for these clips: it holds, does not, or cannot be said.

Where this differs from the chapter: sources and targets are those that the clips have; vectors of equal length and
untrained networks side by side are controls that the chapter has not; at the scale "small" the network is a quarter as
wide and shortly trained, which changes what is tested, so that nothing follows for the published size.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import charts, report
from earwitness.charts import topics as topic_figures
from earwitness.charts.learning_experiment import drawings
from earwitness.datasets import Clips, load_clips
from earwitness.datasets.splits import GROUP_COLUMNS
from earwitness.errors import InputError
from earwitness.extraction import embed
from earwitness.learning.baselines import baseline_scores
from earwitness.learning.design import Design, make_design
from earwitness.learning.experiment import Experiment, place_of, run_experiment
from earwitness.learning.experiment_result import Analysis, analyse_experiment
from earwitness.learning.plays import read_plays
from earwitness.learning.probes import Probe
from earwitness.learning.scale import SCALES, Scale
from earwitness.learning.scores import score_matrix
from earwitness.learning.source_components import source_shares
from earwitness.learning.sources import make_sources, offered_sources
from earwitness.learning.splitting import split_clips
from earwitness.learning.strategy_models import size_effects, strategy_effects
from earwitness.learning.targets import Target, column_target, listening_target
from earwitness.learning.topic_result import topics_result
from earwitness.learning.topics import head_answers
from earwitness.recipes import Options
from earwitness.recipes.kim2020_tables import finding_table, table_2_6
from earwitness.report.folder import file_name
from earwitness.results import AuditResult
from earwitness.store import whole_file

LISTENING = "listening:"
ASKED_SHARE = 0.4
"""Of the clips, that no network hears, where there is no second source to ask the targets about."""

USUAL_TARGETS = ("label", "genre", "domain", "year")
PREFERRED = ("self", "tempo", "chroma", "loudness", "genre", "tags", "timbre", "year")
MAPPED = "ms-cr@2"


@dataclass(frozen=True)
class Size:
    """How much of the experiment is done: sources and clips at most, runs of each phase, networks."""

    clips: int
    sources: int
    mixed: int
    single_repeats: int
    all_repeats: int
    scale: Scale


SIZES = {
    "small": Size(
        600, 5, 20, 2, 1, Scale(channels=1, width=0.25, features=128, batch=32, epochs=10, learning_rate=0.001)
    ),
    "full": Size(10**9, 8, 352, 6, 5, SCALES["full"]),
}


def run(sources: list[str], out: Path, options: Options) -> Path:
    """Train the networks of the design, ask them for the targets, and write a report, tables and figures.

    Parameters
    ----------
    sources
        Clips to learn from; as a second one, clips to ask the targets about. Without it 40 % of the first are kept
        apart for that, by group.
    out
        Folder: `report.html`, `tables/*.csv`, `figures/*.svg`, `notes.txt`, `runs/` (one folder a run).
    options
        `sources`: names of learning sources, by default those the clips offer; `targets`: columns, or
        `listening:FILE`, by default the label, genre, domain and year columns that are no source; `runs`: networks of
        some of the sources; the scale: "small" or "full"; columns of label and group.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If there is not one source or two, fewer than three learning sources are offered, or nothing can be asked.
    """
    if len(sources) not in (1, 2):
        raise InputError(
            f"kim2020 wants clips to learn from, and perhaps others to ask about, not {len(sources)} sources: try "
            "`earwitness reproduce kim2020 ~/music`"
        )
    size = SIZES.get(options.scale or "small")
    if size is None:
        raise InputError(f"there is no scale {options.scale!r}: choose {' or '.join(SIZES)}")
    notes: list[str] = []
    learning, asked = _clips(sources, options, size, notes)
    chosen = _sources(learning, options, size, notes)
    experiment = _experiment(learning, chosen, asked, options, size, out, notes)
    wanted = size.mixed if options.runs is None else options.runs
    design = make_design(
        experiment.names,
        mixed=wanted,
        single_repeats=size.single_repeats,
        all_repeats=size.all_repeats,
        seed=options.seed,
    )
    notes.append(str(design))
    scores = run_experiment(experiment, design, jobs=options.jobs, cluster=options.cluster, progress=options.progress)
    baselines, missing = baseline_scores(experiment, jobs=options.jobs, progress=options.progress)
    notes += missing
    result = analyse_experiment(
        scores,
        design.sources,
        baselines,
        dataset=learning.name,
        analysis=Analysis(seed=options.seed),
        parameters={"scale": asdict(size.scale), "design": str(design), "asked about": len(asked), "notes": notes},
    )
    _write_tables(scores, baselines, design, result, options.seed, out)
    _write_figures(result, out)
    results = [result, *_map(experiment, design, options, out, notes)]
    with whole_file(out / "notes.txt") as draft:
        draft.write_text("".join(f"{note}\n" for note in notes), encoding="utf-8")
    return report.write(
        results,
        out,
        seed=options.seed,
        command=f"reproduce kim2020 --scale {options.scale or 'small'}",
        title="Kim (2021), chapter 2: what do networks owe to their learning sources?",
    )


def _clips(sources: Sequence[str], options: Options, size: Size, notes: list[str]) -> tuple[Clips, Clips]:
    """Clips to learn from, and clips to ask about; no group is on both sides."""
    clips = load_clips(sources[0])
    if len(clips) > size.clips:
        notes.append(f"A sample of {size.clips} of {len(clips)} clips, drawn by the seed; --scale full takes them all.")
        clips = clips.sample(size.clips, seed=options.seed)
    if len(sources) == 2:
        return clips, load_clips(sources[1])
    # A column `split` parts the clips where there is one; else groups are drawn.
    if "split" in clips.table:
        test = clips.table["split"].astype(str).str.lower().isin(["test", "testing"]).to_numpy()
    else:
        test = split_clips(clips, share=ASKED_SHARE, group=options.group, seed=options.seed).validation
    if not test.any() or test.all():
        raise InputError(f"{clips.name}: its column 'split' leaves no clip to ask about, or none to learn from")
    notes.append(f"{int((~test).sum())} clips to learn from; the targets are asked about {int(test.sum())} others.")
    return clips.take(np.flatnonzero(~test)), clips.take(np.flatnonzero(test))


def _sources(learning: Clips, options: Options, size: Size, notes: list[str]) -> list[str]:
    """Names of the learning sources: those asked for, or those the clips offer, the usual ones first."""
    if options.sources:
        return list(options.sources)
    offered = offered_sources(
        learning, seed=options.seed, jobs=options.jobs, cluster=options.cluster, progress=options.progress
    )
    named = _asked_columns(learning, options)
    there = [name for name in offered[offered["offered"]]["source"] if name not in named]
    there.sort(key=lambda name: PREFERRED.index(name) if name in PREFERRED else len(PREFERRED))
    notes += [f"No source {row.source}: {row.why}" for row in offered[~offered["offered"]].itertuples()]
    if len(there) < 3:
        raise InputError(
            f"{learning.name} offers {len(there)} learning sources ({', '.join(there) or 'none'}), and the experiment "
            "needs three: add clips or columns; `earwitness learn SOURCE --list-sources` says what is missing"
        )
    if len(there) > size.sources:
        notes.append(f"Sources left aside, since {size.sources} are taken: {', '.join(there[size.sources :])}.")
    return there[: size.sources]


def _asked_columns(clips: Clips, options: Options) -> tuple[str, ...]:
    """What the targets are: as asked for, or the usual columns with a genre left to the sources."""
    if options.targets:
        return options.targets
    label = options.label
    usual = [label] if label else []
    if not label:
        usual = [name for name in USUAL_TARGETS if name in clips.table and not (name == "genre" and usual_label(clips))]
    elif "domain" in clips.table and label != "domain":
        usual.append("domain")
    return tuple(usual)


def usual_label(clips: Clips) -> bool:
    """Whether there is a label to ask for, so that a genre can be learnt from."""
    return "label" in clips.table


def _experiment(
    learning: Clips, names: Sequence[str], asked: Clips, options: Options, size: Size, out: Path, notes: list[str]
) -> Experiment:
    split = split_clips(learning, group=options.group, seed=options.seed)
    parts = np.where(split.training, "train", np.where(split.validation, "validation", "none"))
    learning = learning.assign(split=parts)
    made = make_sources(
        learning,
        names,
        training=split.training,
        seed=options.seed,
        jobs=options.jobs,
        cluster=options.cluster,
        progress=options.progress,
    )
    heard = embed(asked, "mfcc-120", jobs=options.jobs, cluster=options.cluster, progress=options.progress)
    asked = asked.take(np.flatnonzero(asked.table["clip"].isin(heard.column("clip"))))
    return Experiment(
        learning=learning,
        sources=tuple(made),
        asked=asked,
        targets=_targets(asked, options, notes),
        scale=size.scale,
        folder=out / "runs",
        probe=Probe(),
        seed=options.seed,
        single_repeats=size.single_repeats,
    )


def _targets(asked: Clips, options: Options, notes: list[str]) -> tuple[Target, ...]:
    """Every target that can be asked; one that was asked for by name must be possible."""
    table = asked.table
    group = options.group or next((name for name in GROUP_COLUMNS if name in table), None)
    split = None if "split" not in table or len(set(table["split"])) < 2 else "split"
    found = []
    for name in _asked_columns(asked, options):
        try:
            if name.startswith(LISTENING):
                found.append(listening_target(table, read_plays(name.removeprefix(LISTENING))))
            else:
                found.append(column_target(table, name, group=group, split=split, seed=options.seed))
        except InputError as error:
            if options.targets:
                raise
            notes.append(f"Not asked: {error}")
    if not found:
        raise InputError(
            f"{asked.name} has no target to ask for: name columns with --targets; the clips have "
            f"{', '.join(map(str, table.columns))}"
        )
    return tuple(found)


def _write_tables(
    scores: pd.DataFrame, baselines: pd.DataFrame, design: Design, result: AuditResult, seed: int, out: Path
) -> None:
    matrix = score_matrix(scores)
    reml = source_shares(matrix, design.sources, method="reml", seed=seed)
    tables = {
        "design": design.to_frame(),
        "scores": scores.drop(columns="folder"),
        "baselines": baselines,
        "table-2.6": table_2_6(result, design.sources),
        "table-2.6-reml": table_2_6(result, design.sources, reml),
        "model-1": result.table[result.table["measure"].isin(["intercept", "slope", "difference of intercepts"])],
        "model-2": result.table[result.table["measure"] == "effect"],
        "findings": finding_table(result),
    }
    for name, fit in (("model-1-mixed", strategy_effects), ("model-2-mixed", size_effects)):
        tables[name] = fit(matrix, method="mixed", n_resamples=200, seed=seed)
    for name, table in tables.items():
        with whole_file(out / "tables" / f"{name}.csv") as draft:
            table.to_csv(draft, index=False)


def _write_figures(result: AuditResult, out: Path) -> None:
    for number, (_, draw) in drawings(result).items():
        with whole_file(out / "figures" / f"figure-{number}.svg") as draft:
            charts.save(draw(), draft)


def _map(experiment: Experiment, design: Design, options: Options, out: Path, notes: list[str]) -> list[AuditResult]:
    """Figure 2.16: the clips of the targets in a network of all sources, with their strongest topics."""
    run = next((run for run in design.every if run.strategy == MAPPED), None)
    if run is None:
        notes.append("Figure 2.16: no network of all sources was trained.")
        return []
    folder = place_of(experiment, experiment.identity(), run).network
    label = options.label or next((t.name for t in experiment.targets if t.kind == "classification"), None)
    answers = head_answers(experiment.asked, f"learned:{folder}", jobs=options.jobs, progress=options.progress)
    result = topics_result(answers, label=label, seed=options.seed)
    for source in topic_figures.sources_of(result):
        with whole_file(out / "figures" / f"figure-2.16-{file_name(source)}.svg") as draft:
            charts.save(topic_figures.topic_map(result, source), draft)
    # A reader knows the network by what it is, not by the name of its folder.
    return [replace(result, encoder=f"{MAPPED} of all sources")]
