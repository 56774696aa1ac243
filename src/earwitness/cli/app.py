"""The commands by name."""

from typing import Annotated

import typer

from earwitness import __version__
from earwitness.cli import (
    audit,
    check_encoder,
    correct,
    embed,
    explain,
    invert,
    learn,
    listing,
    perturb,
    report,
    reproduce,
    topics,
)

app = typer.Typer(
    name="earwitness",
    help="Test whether a music model can be believed.\n\n"
    "Start with `earwitness audit FOLDER -e musicnn-msd`: sub-folders are labels, or give a manifest (CSV, TSV, "
    "Parquet, JSONL). `earwitness audit demo -e musicnn-msd` needs no data of yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"earwitness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    del version


app.command("audit")(audit.audit)
app.command("embed")(embed.embed)
app.command("perturb")(perturb.perturb)
app.command("check-encoder")(check_encoder.check_encoder)
app.command("encoders")(listing.encoders)
app.command("datasets")(listing.datasets)
app.command("invert")(invert.invert)
app.command("report")(report.report)
app.command("explain")(explain.explain)
app.add_typer(correct.app, name="correct")
app.command("learn")(learn.learn)
app.command("topics")(topics.topics)
app.command("reproduce")(reproduce.reproduce)
