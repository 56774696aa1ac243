"""Reading a table of text that somebody's spreadsheet, script or database wrote: CSV, TSV, JSON lines, Parquet.

Every reader returns columns of plain values: numbers where all of a column are numbers, else text, None where nothing
is written. Lists become text joined by "|". Identifiers (`clip`, `id`, `artist_id`, 007) stay text.
"""

import csv
import io
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from earwitness.datasets.text import encodable
from earwitness.errors import InputError

Columns = dict[str, list[Any]]

_BYTE_ORDER_MARKS = {  # the longer first: that of UTF-32 begins like that of UTF-16
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_NO_NUMBER = frozenset({"nan", "na", "n/a", "null", "none", "-"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_IDENTIFIER = re.compile(r"(^|[_\- .])(id|uuid|mbid|isrc)$|[a-z]I[dD]$", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")


def read_table(name: str, content: bytes) -> Columns:
    """The columns of a manifest, told by its suffix.

    Raises
    ------
    InputError
        If it is empty or cannot be parsed; the message names the line where that is known.
    """
    suffix = "." + name.rsplit(".", 1)[-1].lower()
    columns = READERS[suffix](name, content)
    if not columns or not len(next(iter(columns.values()))):
        raise InputError(f"{name}: the manifest is empty; it needs a line of column names and one row a clip")
    return {encodable(column): _plain_values(column, values) for column, values in columns.items()}


def decode(name: str, content: bytes) -> str:
    """Text in UTF-8, in UTF-16 or UTF-32 with or without a mark, or else in Windows-1252, with a warning.

    Raises
    ------
    InputError
        If it is none of them.
    """
    encoding = next((code for mark, code in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if encoding is None and b"\x00" in content[:2000]:
        # Text of European languages has its zero bytes on the side of the high byte.
        encoding = "utf-16-be" if content[:2000:2].count(0) > content[1:2000:2].count(0) else "utf-16-le"
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding is not None:
            raise InputError(f"{name}: begins like {encoding} but is damaged; save it as UTF-8") from None
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: neither UTF-8, UTF-16 nor Windows-1252; save it as UTF-8") from error
    warnings.warn(f"{name}: not UTF-8, read as Windows-1252 (Latin-1); save it as UTF-8", UserWarning, stacklevel=2)
    return text


def _read_csv(name: str, content: bytes) -> Columns:
    text = decode(name, content)
    lines = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=lines.count)
    return _delimited(name, text, delimiter)


def _read_tsv(name: str, content: bytes) -> Columns:
    return _delimited(name, decode(name, content), "\t")


def _delimited(name: str, text: str, delimiter: str) -> Columns:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(
            f"{name}: line {reader.line_num} cannot be read ({error}); check its quotation marks"
        ) from error
    if not rows:
        return {}
    header = [column.strip() for column in rows[0]]
    repeated = sorted({column for column in header if column and header.count(column) > 1})
    if repeated:
        raise InputError(f"{name}: the column {repeated[0]!r} occurs twice; rename one")
    for number, row in enumerate(rows[1:], start=1):
        if any(cell.strip() for cell in row[len(header) :]):
            raise InputError(
                f"{name}: row {number} has {len(row)} cells for {len(header)} columns; put cells that hold "
                f"{delimiter!r} in quotation marks"
            )
    return {
        column: [row[place].strip() if place < len(row) else "" for row in rows[1:]]
        for place, column in enumerate(header)
        if column
    }


def _read_json_lines(name: str, content: bytes) -> Columns:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(decode(name, content).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{name}: line {number} is no JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise InputError(f'{name}: line {number} is no JSON object; write {{"path": "song.wav"}} on each line')
        rows.append(row)
    columns = dict.fromkeys(column for row in rows for column in row)
    return {column: [row.get(column) for row in rows] for column in columns}


def _read_parquet(name: str, content: bytes) -> Columns:
    import pyarrow as pa  # takes a tenth of a second, and CSV does without
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content))
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{name}: not a readable Parquet file ({error})") from error
    columns = [column for column in table.column_names if not column.startswith("__index_level_")]
    return {column: table.column(column).to_pylist() for column in columns}


READERS: dict[str, Callable[[str, bytes], Columns]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _plain_values(column: str, values: Sequence[Any]) -> list[Any]:
    plain = [_plain(value) for value in values]
    if _IDENTIFIER.search(column) or column == "clip":
        return [None if value is None else str(value) for value in plain]
    written = [value for value in plain if value is not None]
    if all(isinstance(value, (int, float)) for value in written):
        return plain
    numbers = [_number(value) for value in written]
    if any(number is None for number in numbers) or all(number != number for number in numbers):
        return [None if value is None else str(value) for value in plain]
    found = iter(numbers)
    return [None if value is None else _or_none(next(found)) for value in plain]


def _plain(value: Any) -> Any:
    """Text, a number, a truth value as text, or None."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return "|".join(str(_plain(part)) for part in value if part is not None) or None
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _number(value: Any) -> float | int | None:
    """The number that a cell holds, NaN if it says that there is none, None if it holds anything else."""
    text = str(value)
    if text.lower() in _NO_NUMBER:
        return math.nan
    if _LEADING_ZERO.match(text) or not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 16 else float(text)


def _or_none(number: float | int | None) -> float | int | None:
    return None if number is None or number != number else number
