"""The tables of the page: one row a number, one column an encoder, so that the eye compares along a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.report.words import condition, factors, in_words, interval, is_control, is_given, names, number
from earwitness.results import AuditResult

HEADLINES = 16  # rows of the short table at most
_DETAILS = ("perturbation", "class", "by", "data", "tag", "train")  # factors of which a row shows one of many
_MANY = ("breaking point",)  # measures whose rows a verdict sums up and a picture shows
_USUAL = {
    "distance": ("cosine",),
    "method": ("k-means", "t-SNE"),
    "among": ("all clips",),
}  # what verdicts speak of; the rest is detail


@dataclass(frozen=True)
class Cell:
    """A number, its interval ("" without one) and what must be said of it ("" mostly)."""

    value: str
    interval: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One number of every encoder; None where an encoder has none. A `detail` is one of many of its kind."""

    measure: str
    of: str
    n: str
    detail: bool
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """Encoders side by side.

    Attributes
    ----------
    encoders
        Name and whether it is a control, of each column.
    rows
        Of numbers.
    left_out
        Rows that had no room.
    """

    encoders: tuple[tuple[str, bool], ...]
    rows: tuple[Row, ...]
    left_out: int = 0


def side_by_side(results: Sequence[AuditResult], most: int) -> Table:
    """All numbers of one audit.

    Parameters
    ----------
    results
        Of one audit, an encoder each.
    most
        Rows at most.
    """
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for column, result in enumerate(results):
        kept = factors(result.table)
        for row in records(result):
            found.setdefault((str(row["measure"]), condition(row, kept)), {})[column] = row
    rows = [_row(*key, by_column, len(results)) for key, by_column in found.items()]
    heads = tuple(zip(names(results), map(is_control, results), strict=True))
    return Table(heads, tuple(rows[:most]), max(0, len(rows) - most))


def headlines(table: Table) -> Table:
    """The numbers that stand for the whole."""
    whole = [row for row in table.rows if not row.detail]
    return Table(table.encoders, tuple((whole or list(table.rows))[:HEADLINES]))


def is_detail(row: Mapping[str, Any]) -> bool:
    """Whether a table's row is one of many of its kind: of one class, one perturbation, another distance or method."""
    if row["measure"] in _MANY or any(is_given(row.get(factor)) for factor in _DETAILS):
        return True
    return any(is_given(row.get(factor)) and row[factor] not in usual for factor, usual in _USUAL.items())


def records(result: AuditResult) -> list[dict[str, Any]]:
    """The rows of a result's table, by column; a number of groups is named by what it is, as encoders differ in it."""
    rows = [{str(name): value for name, value in row.items()} for row in result.table.to_dict("records")]
    natural = next((row["value"] for row in rows if row["measure"] == "natural k"), None)
    for row in rows:
        if is_given(row.get("k")) and not row.get("data"):
            if row["k"] == result.parameters.get("labels"):
                row["k"] = "as many groups as labels"
            elif row["k"] == natural:
                row["k"] = "its own number of groups"
    return rows


def _row(measure: str, of: str, by_column: dict[int, dict[str, Any]], columns: int) -> Row:
    sizes = {int(row["n"]) for row in by_column.values() if row["n"] is not None}
    return Row(
        measure=in_words(measure),
        of=of,
        detail=is_detail(next(iter(by_column.values()))),
        n=" / ".join(str(size) for size in sorted(sizes)),
        cells=tuple(_cell(by_column[column]) if column in by_column else None for column in range(columns)),
    )


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(number(row["value"]), interval(row["low"], row["high"]), str(row["note"] or ""))
