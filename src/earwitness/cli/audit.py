"""`earwitness audit`: the main job."""

import operator
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earwitness.cli import options

if TYPE_CHECKING:
    from earwitness.datasets import Clips
    from earwitness.pipeline import Settings
    from earwitness.results import AuditResult

_GROUP_COLUMNS = ("group", "artist", "track", "album")


class ProfileName(StrEnum):
    """How thorough an audit is."""

    quick = "quick"
    standard = "standard"
    full = "full"


class MapName(StrEnum):
    """What draws a map of the clips."""

    tsne = "tsne"
    umap = "umap"


def audit(
    source: options.Source,
    encoder: Annotated[
        list[str],
        typer.Option("--encoder", "-e", help="What to audit; give it again for more. See `earwitness encoders`."),
    ],
    audits: Annotated[
        str | None,
        typer.Option(
            help="Of transfer,robustness,structure,placement,linear_maps,bias,correction, with commas. By default all "
            "that the clips and the profile allow."
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column to predict: classes, numbers, or several tags with | between them."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column (artist, track, …) that is never on both sides of a split. By default the first there is of "
            f"{', '.join(_GROUP_COLUMNS)}.",
        ),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column (data set, source, …) whose values are audited for bias."),
    ] = None,
    stratum: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column (genre, …) in which domains may differ too, for bias and correction."),
    ] = None,
    pitch: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of pitches (semitones, notes, keys) that a pitch shift should move."),
    ] = None,
    tempo: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column of beats per minute that a change of tempo should move."),
    ] = None,
    new: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Labels that the others' map has not seen: where do these groups lie?"),
    ] = None,
    between: Annotated[
        list[str] | None,
        typer.Option(metavar="C:A:B", help="With --new: does label C lie between A and B? Again for more."),
    ] = None,
    colour: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Column by which the map of the clips is coloured too; again for more."),
    ] = None,
    map_by: Annotated[
        MapName, typer.Option("--map", help="What draws maps; umap needs the extra `maps`.")
    ] = MapName.tsne,
    exclude: options.Exclude = None,
    profile: Annotated[
        ProfileName, typer.Option(help="How much is perturbed, and how strongly.")
    ] = ProfileName.standard,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report.html, results and model cards.")] = Path(
        "earwitness-report"
    ),
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Measure mfcc and random beside every encoder.")
    ] = True,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Exit with 1 if it is so: `breaks` (any verdict), or `MEASURE<NUMBER` or `MEASURE>NUMBER`, such as "
            "`transfer.roc_auc<0.8`.",
        ),
    ] = None,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
    as_json: options.AsJson = False,
) -> None:
    """Audit encoders on SOURCE and write a report.

    Prints a table with 95 % intervals and the verdicts, and writes `report.html`, `results/*.json` and
    `model-card-*.md`. Run it again after an interruption: what was embedded is not embedded again.

    **Examples**

    `earwitness audit ~/music -e musicnn-msd`

    `earwitness audit clips.csv -e musicnn-msd -e python:mine.py:encoder --label instrument --group artist`
    """
    from earwitness import report
    from earwitness.pipeline import PROFILES, Settings, Workers, audit_encoders

    conditions = [_condition(text) for text in fail_on or []]
    clips = options.load(source, audio_column, allow_outside, exclude)
    options.out_folder(out)
    settings = Settings(
        audits=tuple(name.strip() for name in audits.split(",")) if audits else None,
        label=label_column(clips, label),
        group=group_column(clips, group),
        domain=domain,
        stratum=stratum,
        pitch=pitch,
        tempo=tempo,
        new=options.listed(new),
        between=tuple(_triple(text) for text in between or ()),
        colour=tuple(colour or ()),
        projection="UMAP" if map_by is MapName.umap else "t-SNE",
        profile=PROFILES[profile.value],
        seed=seed,
        **({} if controls else {"controls": ()}),
    )
    if domain in clips.table and settings.audits is None:
        _say_why_no_bias(clips, settings)
    with options.progress_bar() as progress:
        results = audit_encoders(clips, encoder, settings, Workers(jobs, cluster, progress))
    page = report.write(results, out, clips=clips, seed=seed, command=_command())
    if as_json:
        print("[" + ",\n".join(result.to_json() for result in results) + "]")
    else:
        report.print_summary(results)
    options.note(f"report: {page.resolve()}")
    broken = [text for text, holds in conditions if any(holds(result) for result in _audited(results))]
    if broken:
        options.note(f"--fail-on: it is so: {', '.join(broken)}")
        raise typer.Exit(1)


def _triple(text: str) -> tuple[str, str, str]:
    from earwitness.errors import InputError

    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 3 or not all(parts):
        raise InputError(f"--between {text!r}: write three labels, C:A:B, to ask whether C lies between A and B")
    return parts[0], parts[1], parts[2]


def _say_why_no_bias(clips: "Clips", settings: "Settings") -> None:
    """A line where domains were named and bias cannot be asked of them."""
    from earwitness.audits import why_no_bias

    refused = why_no_bias(clips.table, label=settings.label, domain=settings.domain, group=settings.group)
    if refused:
        options.note(f"the bias audit {refused}")


def _audited(results: Sequence["AuditResult"]) -> list["AuditResult"]:
    return [result for result in results if result.parameters.get("role") != "control"]


def _command() -> str:
    return shlex.join(["earwitness", *sys.argv[1:]])


def label_column(clips: "Clips", asked: str | None) -> str | None:
    """The column to predict: the one asked for, or `label` where it says something."""
    if asked is not None or "label" not in clips.table:
        return asked
    if clips.table["label"].nunique() < 2:
        options.note("every clip has the same label, so nothing can be predicted from it: no transfer audit")
        return None
    return "label"


def group_column(clips: "Clips", asked: str | None) -> str | None:
    """The column that no split parts: the one asked for, or the first of the usual ones."""
    if asked is not None:
        return asked
    found = next((name for name in _GROUP_COLUMNS if name in clips.table), None)
    if found is not None:
        options.note(f"clips with the same {found!r} are kept on one side of every split (--group {found})")
    return found


def _condition(text: str) -> tuple[str, Callable[["AuditResult"], bool]]:
    """A condition on a result: a broken verdict, or a measure beyond a number."""
    from earwitness.errors import InputError

    if text == "breaks":
        return text, lambda result: any(verdict.status == "breaks" for verdict in result.verdicts)
    parts = re.fullmatch(r"(?:([a-z_]+)\.)?(.*[^\s<>])\s*([<>])\s*(-?[\d.]+)", text)
    if parts is None:
        raise InputError(f"--fail-on {text!r}: write `breaks`, or a condition such as transfer.roc_auc<0.8")
    name, measure, sign, number = parts.groups()
    beyond = {"<": operator.lt, ">": operator.gt}[sign]

    def holds(result: "AuditResult") -> bool:
        if name not in (None, result.audit):
            return False
        names = result.table["measure"].map(_slug)
        values = result.table["value"][names == _slug(measure)]
        if name is not None and values.empty:
            known = ", ".join(sorted(set(names)))
            raise InputError(f"--fail-on {text!r}: the {name} audit has no measure {measure!r}; it has {known}")
        return bool(beyond(values, float(number)).any())

    return text, holds


def _slug(measure: str) -> str:
    """A measure as it is typed in a shell: ROC-AUC is roc_auc."""
    return re.sub(r"\W+", "_", measure.lower())
