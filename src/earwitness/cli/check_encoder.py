"""`earwitness check-encoder`: does a wrapper behave?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from earwitness.cli import options

if TYPE_CHECKING:
    from earwitness.encoders.check import CheckRow


def check_encoder(
    encoder: Annotated[
        str, typer.Argument(help="A name from `earwitness encoders`, or python:FILE.py:NAME, hear:MODULE, …")
    ],
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Measure whether ENCODER keeps the protocol: shape, determinism, independence of batch and padding, speed.

    Exit status 1 if a check fails.
    """
    from earwitness.encoders import check_encoder as check
    from earwitness.encoders import load_encoder

    found = check(load_encoder(encoder), seed=seed)
    if as_json:
        print(found.to_frame().to_json(orient="records", indent=1))
    else:
        _print_table(encoder, found.rows)
    if not found.passed:
        raise typer.Exit(1)


def _print_table(encoder: str, rows: "Sequence[CheckRow]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colour = {"pass": "green", "warn": "yellow", "fail": "bold red"}
    table = Table(title=f"check of {encoder}", title_justify="left")
    for column in ("check", "status", "what was found"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(Text(row.check), Text(row.status, style=colour[row.status]), Text(row.sentence))
    Console().print(table)
