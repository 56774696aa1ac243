"""The verdicts and the main numbers on a terminal."""

from collections.abc import Sequence

from earwitness.report.sections import audited_encoders, title
from earwitness.report.tables import Cell, headlines, side_by_side
from earwitness.report.words import STATUS, is_control, names, printable
from earwitness.results import AuditResult, Verdict

_STYLE = {"holds": "green", "breaks": "red", "open": "yellow"}
_ROWS = 6  # of one audit
_SIDE_BY_SIDE = 6  # encoders; more of them stand below one another
_COLUMNS = 3  # numbers of an encoder that has a line of its own


def print_summary(results: Sequence[AuditResult]) -> None:
    """Print a table an audit, then the verdicts encoder by encoder, with the sign that says how each went.

    Of an audit of many encoders only the first verdict of each is printed; the page has them all.
    """
    from rich.console import Console

    console = Console(highlight=False)
    audited = audited_encoders(results)
    for audit in dict.fromkeys(result.audit for result in results):
        mine = sorted((result for result in results if result.audit == audit), key=is_control)
        console.print(_table(mine))
    left = 0
    called = dict(zip(map(id, results), names(results), strict=True))
    for name in dict.fromkeys(
        called[id(result)] for encoder in audited for result in results if result.encoder == encoder
    ):
        console.print(f"\n[bold]{_plain(name)}[/bold]")
        for result in results:
            if called[id(result)] == name:
                shown = result.verdicts[:1] if _many(result, results, audited) else result.verdicts
                left += len(result.verdicts) - len(shown)
                for verdict in shown:
                    console.print(_sentence(verdict))
    if left:
        console.print(f"\n[dim]{left} further verdicts are in the report[/dim]")


def _many(result: AuditResult, results: Sequence[AuditResult], audited: Sequence[str]) -> bool:
    return sum(other.audit == result.audit and other.encoder in audited for other in results) > _SIDE_BY_SIDE


def _table(results: Sequence[AuditResult]) -> "object":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = headlines(side_by_side(results, most=3000))
    table = Table(title=title(results[0].audit), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    heads = [_plain(name) + (" (control)" if control else "") for name, control in found.encoders]
    styles = ["dim" if control else "" for _, control in found.encoders]
    if len(heads) > _SIDE_BY_SIDE:
        table.add_column("")
        columns = [column for column in found.rows if any(column.cells)][:_COLUMNS]
        for column in columns:
            table.add_column(_plain(f"{column.measure} {column.of}".strip()))
        for place, (head, style) in enumerate(zip(heads, styles, strict=True)):
            if any(column.cells[place] for column in columns):
                table.add_row(head, *(_number(column.cells[place]) for column in columns), style=style)
        return table
    table.add_column("measure")
    table.add_column("of", style="dim")
    for head, style in zip(heads, styles, strict=True):
        table.add_column(head, style=style)
    for row in found.rows[:_ROWS]:
        table.add_row(_plain(row.measure), _plain(row.of), *map(_number, row.cells))
    return table


def _number(cell: Cell | None) -> str:
    return _plain(f"{cell.value} {cell.interval}".strip()) if cell else "–"


def _sentence(verdict: Verdict) -> str:
    sign, word = STATUS[verdict.status]
    style = _STYLE[verdict.status]
    beside = f" [dim]({_plain(verdict.controls)})[/dim]" if verdict.controls else ""
    return f"[{style}]{sign} {word}[/{style}]  [bold]{_plain(verdict.title)}.[/bold] {_plain(verdict.text)}{beside}"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text.replace("**", "")))
