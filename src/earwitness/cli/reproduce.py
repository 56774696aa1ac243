"""`earwitness reproduce`: a paper's experiment."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


class ScaleName(StrEnum):
    """How much of an experiment is done."""

    small = "small"
    full = "full"


def reproduce(
    recipe: Annotated[
        str | None, typer.Argument(help="Name of the experiment; without one, what there is is listed.")
    ] = None,
    data: Annotated[list[str] | None, typer.Argument(help="Folders (or manifests) of the data it wants.")] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option("--encoder", "-e", help="What to compare, where encoders are; again for more."),
    ] = None,
    scale: Annotated[
        ScaleName | None, typer.Option(help="`small`: minutes on two cores. `full`: the published size.")
    ] = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column of a task, where clips have one.")] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COL", help="Column that is never on both sides of a fold.")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Networks with some of several learning sources (kim2020)."),
    ] = None,
    sources: Annotated[
        str | None, typer.Option(metavar="LIST", help="Learning sources, with commas (kim2020).")
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What the networks are asked for, with commas: columns, or `listening:FILE.csv` (kim2020).",
        ),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train the encoders of the paper first, where a recipe can: kim2019.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into; named after the recipe by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same as --scale small.")] = False,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Run a paper's experiment on your copy of its data, or list the experiments.

    **Examples**

    `earwitness reproduce`

    `earwitness reproduce kim2019 ~/music -e musicnn-msd --scale small`

    `earwitness reproduce kim2020 music.csv --sources self,tempo,chroma,genre --targets label --runs 25`

    `earwitness reproduce kim2019 ~/music --train --label instrument --group artist`

    `earwitness reproduce consistency-training ~/music --label instrument --group artist`

    `earwitness reproduce kim-explain ~/hetrec2011-lastfm-2k ~/ml-latest-small`
    """
    import json

    from earwitness import report
    from earwitness.errors import InputError
    from earwitness.recipes import RECIPES, Options, load_recipe

    if recipe is None:
        listed = {name: f"{entry.about}. Data: {entry.data}" for name, entry in RECIPES.items()}
        print(
            json.dumps(listed, indent=1) if as_json else "\n".join(f"{name}  {text}" for name, text in listed.items())
        )
        return
    run = load_recipe(recipe)
    if train and recipe != "kim2019":
        raise InputError(f"--train has no effect with {recipe}: leave it out, or run kim2019")
    folder = options.out_folder(out or Path(f"earwitness-{recipe}"))
    with options.progress_bar() as progress:
        asked = Options(
            quick=quick or scale is ScaleName.small,
            jobs=jobs,
            cluster=cluster,
            seed=seed,
            progress=progress,
            scale="small" if quick else scale,
            encoders=tuple(encoder or ()),
            label=label,
            group=group,
            runs=runs,
            sources=options.listed(sources),
            targets=options.listed(targets),
            train=train,
        )
        page = run(data or [], folder, asked)
    results = report.read_results(folder)
    if as_json:
        print("[" + ",\n".join(result.to_json() for result in results) + "]")
    else:
        report.print_summary(results)
    options.note(f"report: {page.resolve()}")
