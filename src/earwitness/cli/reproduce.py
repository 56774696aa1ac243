"""`earwitness reproduce`: a published experiment on your clips and encoders."""

import difflib
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options
from earwitness.cli.audit import group_column, label_column

RECIPES = {
    "kim2019": "earwitness.recipes.kim2019:reproduce",
}
"""By name, the module and the function that does it."""


class ScaleName(StrEnum):
    """How much of an experiment is done."""

    small = "small"
    full = "full"


def reproduce(
    recipe: Annotated[str, typer.Argument(help=f"Which experiment: {', '.join(RECIPES)}.")],
    source: options.Source,
    encoder: Annotated[
        list[str], typer.Option("--encoder", "-e", help="What to compare; again for more. mfcc and random always are.")
    ],
    scale: Annotated[
        ScaleName, typer.Option(help="`small`: some minutes on two cores. `full`: the published size.")
    ] = ScaleName.small,
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column of a task for a probe.")] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COL", help="Column that is never on both sides of a fold.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into; by default the experiment's name.")
    ] = None,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    audio_column: options.AudioColumn = None,
    allow_outside: options.AllowOutside = False,
) -> None:
    """Repeat a published experiment on SOURCE.

    `kim2019`: are nearby neighbours relatives? (Kim, Urbano, Liem and Hanjalic 2019). Writes a report, tables of the
    analyses and the figures of the paper. Run it again after an interruption: nothing is computed twice.

    **Example**

    `earwitness reproduce kim2019 ~/music -e musicnn-msd --scale small`
    """
    from earwitness.errors import InputError

    if recipe not in RECIPES:
        near = difflib.get_close_matches(recipe, RECIPES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"there is no experiment {recipe!r} to reproduce; there are {', '.join(RECIPES)}.{hint}")
    module, name = RECIPES[recipe].split(":")
    run = getattr(import_module(module), name)
    clips = options.load(source, audio_column, allow_outside)
    folder = options.out_folder(out or Path(recipe))
    with options.progress_bar() as progress:
        page = run(
            clips,
            encoder,
            scale=scale.value,
            out=folder,
            label=label_column(clips, label),
            group=group_column(clips, group),
            seed=seed,
            jobs=jobs,
            cluster=cluster,
            progress=progress,
        )
    options.note((folder / "analyses.txt").read_text(encoding="utf-8").rstrip())
    options.note(f"report: {page.resolve()}")
