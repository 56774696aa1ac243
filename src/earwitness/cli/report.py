"""`earwitness report`: rebuild the page from saved results."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli import options


def report(
    results: Annotated[Path, typer.Argument(help="A folder of *.json that `earwitness audit` wrote.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; by default the folder that holds RESULTS.")
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Also save every chart to DIR/figures: png, svg or pdf."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Rebuild report.html from RESULTS, without the audio or the encoders."""
    from earwitness import report as pages

    found = pages.read_results(results)
    folder = options.out_folder(out if out is not None else results.resolve().parent)
    page = pages.write(found, folder)
    if figures is not None:
        pages.save_figures(found, folder / "figures", figures)
    if as_json:
        print("[" + ",\n".join(result.to_json() for result in found) + "]")
    else:
        pages.print_summary(found)
    options.note(f"report: {page.resolve()}")
