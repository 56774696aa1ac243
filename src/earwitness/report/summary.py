"""The verdicts and the main numbers on a terminal."""

from collections.abc import Sequence

from earwitness.report.sections import audited_encoders, title
from earwitness.report.tables import headlines, side_by_side
from earwitness.report.words import STATUS, is_control, printable
from earwitness.results import AuditResult, Verdict

_STYLE = {"holds": "green", "breaks": "red", "open": "yellow"}
_ROWS = 6  # of one audit


def print_summary(results: Sequence[AuditResult]) -> None:
    """Print a table an audit, then the verdicts encoder by encoder, with the sign that says how each went."""
    from rich.console import Console

    console = Console(highlight=False)
    for audit in dict.fromkeys(result.audit for result in results):
        mine = sorted((result for result in results if result.audit == audit), key=is_control)
        console.print(_table(mine))
    for encoder in audited_encoders(results):
        console.print(f"\n[bold]{_plain(encoder)}[/bold]")
        for result in results:
            if result.encoder == encoder:
                for verdict in result.verdicts:
                    console.print(_sentence(verdict))


def _table(results: Sequence[AuditResult]) -> "object":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = headlines(side_by_side(results, most=3000))
    table = Table(title=title(results[0].audit), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("measure")
    table.add_column("of", style="dim")
    for name, control in found.encoders:
        table.add_column(_plain(name) + (" (control)" if control else ""), style="dim" if control else "")
    for row in found.rows[:_ROWS]:
        cells = [f"{cell.value} {cell.interval}".strip() if cell else "–" for cell in row.cells]
        table.add_row(_plain(row.measure), _plain(row.of), *map(_plain, cells))
    return table


def _sentence(verdict: Verdict) -> str:
    sign, word = STATUS[verdict.status]
    style = _STYLE[verdict.status]
    beside = f" [dim]({_plain(verdict.controls)})[/dim]" if verdict.controls else ""
    return f"[{style}]{sign} {word}[/{style}]  [bold]{_plain(verdict.title)}.[/bold] {_plain(verdict.text)}{beside}"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text.replace("**", "")))
