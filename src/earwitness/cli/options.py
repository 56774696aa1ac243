"""Options and arguments that several commands share, and how progress is shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.datasets import Clips
    from earwitness.engine import Progress

Source = Annotated[
    str,
    typer.Argument(
        help="A folder of audio, a manifest (.csv, .tsv, .parquet, .jsonl), `demo`, or `mirdata:NAME`. "
        "See `earwitness datasets`."
    ),
]
EncoderSpec = Annotated[
    str,
    typer.Option(
        "--encoder", "-e", help="A name from `earwitness encoders`, or `python:FILE.py:NAME`, `hear:MODULE`, …"
    ),
]
AudioColumn = Annotated[
    str | None, typer.Option(help="Column of the manifest with the file names, where it is none of the usual ones.")
]
AllowOutside = Annotated[
    bool, typer.Option("--allow-outside", help="Let the manifest name files that lie outside its folder.")
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Worker processes; every core by default.")]
Cluster = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask scheduler (tcp://HOST:PORT) in place of --jobs.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of every random draw. The same seed gives the same numbers.")]
Exclude = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Text file of clips to leave out: an id, file name or its stem a line; # comments."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs in place of text for people.")]


def load(source: str, audio_column: str | None, allow_outside: bool, exclude: Path | None = None) -> "Clips":
    """The clips of SOURCE without those of a list, with a line on what was skipped."""
    from earwitness.datasets import excluding, load_clips, read_exclusions

    clips = load_clips(source, audio_column=audio_column, allow_outside=allow_outside)
    if exclude is not None:
        clips, unknown = excluding(clips, read_exclusions(exclude), f"left out by {exclude.name}")
        if unknown:
            note(f"--exclude {exclude}: {len(unknown)} names are of no clip; the first is {unknown[0]!r}")
    if len(clips.skipped):
        file, reason = clips.skipped.iloc[0][["file", "reason"]]
        note(f"{len(clips.skipped)} of {len(clips) + len(clips.skipped)} files skipped; the first, {file}: {reason}")
    return clips


def listed(text: str | None) -> tuple[str, ...]:
    """Names that commas part."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def note(text: str) -> None:
    """A line for the person, kept apart from what a program may read on standard output."""
    print(printable(text), file=sys.stderr)


def printable(text: str) -> str:
    """The text with what would move the cursor or cannot be encoded written out."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in plain
    )


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar a stage on standard error, with the time that is left; plain lines where nobody watches a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(done: int, total: int, stage: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
                if not console.is_terminal:
                    note(f"{stage}: {total} steps")
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def out_folder(out: Path) -> Path:
    """The folder to write into, made where it is missing."""
    from earwitness.errors import InputError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made ({error.strerror}); name a folder you may write to") from error
    return out
