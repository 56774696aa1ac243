"""`earwitness reproduce`: a paper's experiment."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


def reproduce(
    recipe: Annotated[
        str | None, typer.Argument(help="Name of the experiment; without one, what there is is listed.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Argument(help="Folders of the data it wants.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into; named after the recipe by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small version that shows the shape.")] = False,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Run a paper's experiment on your copy of its data, or list the experiments.

    **Examples**

    `earwitness reproduce`

    `earwitness reproduce kim-explain ~/hetrec2011-lastfm-2k ~/ml-latest-small`
    """
    import json

    from earwitness import report
    from earwitness.recipes import RECIPES, Options, load_recipe

    if recipe is None:
        listed = {name: f"{entry.about}. Data: {entry.data}" for name, entry in RECIPES.items()}
        print(
            json.dumps(listed, indent=1) if as_json else "\n".join(f"{name}  {text}" for name, text in listed.items())
        )
        return
    run = load_recipe(recipe)
    folder = options.out_folder(out or Path(f"earwitness-{recipe}"))
    with options.progress_bar() as progress:
        page = run(data or [], folder, Options(quick, jobs, cluster, seed, progress))
    results = report.read_results(folder)
    if as_json:
        print("[" + ",\n".join(result.to_json() for result in results) + "]")
    else:
        report.print_summary(results)
    options.note(f"report: {page.resolve()}")
