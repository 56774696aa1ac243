"""A manifest: a table with one row a clip, that lies beside the files it names."""

import os
import posixpath
import unicodedata
from collections.abc import Sequence
from typing import Any

from earwitness.datasets.folder import stays_inside
from earwitness.datasets.listing import Entry, Listing, file_system, is_url, local_path
from earwitness.datasets.tables import READERS, Columns, read_table
from earwitness.datasets.text import encodable, printable
from earwitness.errors import InputError

PATH_COLUMNS = ("path", "file", "filename", "audio")
ID_COLUMNS = ("clip", "id")
_BARE_NAMES = frozenset({"manifest", "metadata", "clips", "index", "data"})


def is_manifest(source: str) -> bool:
    """Whether a source is named like a manifest."""
    return posixpath.splitext(source)[1].lower() in READERS


def list_manifest(
    source: str, *, audio_column: str | None = None, allow_outside: bool = False, name: str | None = None
) -> Listing:
    """List the rows of a manifest, in its order.

    A row without a file, or with an excerpt that is no number, is set aside; the rest goes on.

    Raises
    ------
    InputError
        If the manifest is missing, cannot be parsed, has no column of files, or names a file outside its folder.
    """
    shown = printable(posixpath.basename(source.replace(os.sep, "/")))
    columns = read_table(shown, _content(source))
    path_column = _path_column(shown, columns, audio_column)
    root = posixpath.dirname(source) if is_url(source) else os.path.dirname(local_path(source))
    id_column = next((column for column in ID_COLUMNS if column in columns), None)
    used = {path_column, id_column, "start", "duration"}
    others = [column for column in columns if column not in used]
    entries: list[Entry] = []
    skipped: list[tuple[str, str]] = []
    for row in range(len(columns[path_column])):
        path = columns[path_column][row]
        if path is None or "\x00" in str(path):
            what = "is empty" if path is None else "is no file name"
            skipped.append((f"{shown}, row {row + 1}", f"the cell of column {path_column!r} {what}"))
            continue
        excerpt = _excerpt(columns, row)
        if isinstance(excerpt, str):
            skipped.append((printable(str(path)), excerpt))
            continue
        start, duration = excerpt
        clip = columns[id_column][row] if id_column else None
        entries.append(
            Entry(
                file=_inside(str(path), root, shown, row + 1, allow_outside),
                name=printable(str(path)),
                clip=printable(clip if clip is not None else _derived_id(str(path), start, duration)),
                start=start,
                duration=duration,
                metadata={column: _encodable_cell(columns[column][row]) for column in others},
            )
        )
    return Listing(entries, skipped, name=name or _name(source), root=root)


def _encodable_cell(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _content(source: str) -> bytes:
    try:
        if is_url(source):
            files, inside = file_system(source)
            with files.open(inside, "rb") as handle:
                return bytes(handle.read())
        with open(local_path(source), "rb") as handle:
            return handle.read()
    except FileNotFoundError as error:
        raise InputError(f"{encodable(source)}: no such manifest") from error
    except OSError as error:
        raise InputError(f"{encodable(source)}: the manifest cannot be opened ({error.strerror or error})") from error


def _path_column(shown: str, columns: Columns, asked: str | None) -> str:
    wanted: Sequence[str] = PATH_COLUMNS if asked is None else [asked]
    by_fold = (
        {column.casefold(): column for column in columns} if asked is None else {column: column for column in columns}
    )
    for column in wanted:
        if column in by_fold:
            return by_fold[column]
    there = ", ".join(map(repr, columns))
    if asked is not None:
        raise InputError(f"{shown}: no column {asked!r} of audio files; it has {there}")
    raise InputError(
        f"{shown}: no column of audio files; it has {there}. Name it {', '.join(PATH_COLUMNS[:-1])} or "
        f"{PATH_COLUMNS[-1]}, or say which it is with audio_column"
    )


def _excerpt(columns: Columns, row: int) -> tuple[float, float | None] | str:
    """Start and duration in seconds, or what is wrong with them."""
    found: list[float | None] = []
    for column in ("start", "duration"):
        value: Any = columns[column][row] if column in columns else None
        try:
            number = None if value is None or str(value).lower() in {"nan", "na"} else float(value)
        except ValueError:
            return f"{column} {printable(str(value))!r} is not a number of seconds"
        if number is not None and not abs(number) < 1e9:
            return f"{column} {value!r} is not a number of seconds"
        found.append(number)
    return found[0] or 0.0, found[1]


def _derived_id(path: str, start: float, duration: float | None) -> str:
    if not start and duration is None:
        return path
    return f"{path}@{start:g}" + ("" if duration is None else f"+{duration:g}")


def _inside(path: str, root: str, shown: str, row: int, allow_outside: bool) -> str:
    """The file that a row names, once it is known to lie inside the manifest's folder."""
    if is_url(root):
        full = path if is_url(path) else root + "/" + posixpath.normpath(path.replace("\\", "/"))
        inside = not is_url(path) and not path.startswith("/") and not posixpath.normpath(path).startswith("..")
    elif is_url(path):
        full, inside = path, False
    else:
        full = _existing_spelling(os.path.join(root, os.path.expanduser(path) if allow_outside else path))
        inside = stays_inside(os.path.realpath(full), os.path.realpath(root))
    if not inside and not allow_outside:
        raise InputError(
            f"{shown}: row {row} names {printable(path)!r}, which lies outside the manifest's folder; move the "
            "manifest, or allow it with allow_outside (--allow-outside)"
        )
    return full


def _existing_spelling(path: str) -> str:
    """The path as the disk spells it: Windows' slashes turned, accents composed, taken apart or in Latin-1 bytes."""
    slashed = path if os.sep == "\\" else path.replace("\\", "/")
    spellings = [path, slashed, unicodedata.normalize("NFC", slashed), unicodedata.normalize("NFD", slashed)]
    spellings.append(os.fsdecode(slashed.encode("latin-1", "ignore")))
    return next((spelling for spelling in spellings if os.path.lexists(spelling)), path)


def _name(source: str) -> str:
    """The manifest's own name, or its folder's where it is only called `manifest`."""
    way = source.replace(os.sep, "/").split("/") if is_url(source) else local_path(source).split(os.sep)
    stem = way[-1].rsplit(".", 1)[0]
    if stem.casefold() in _BARE_NAMES and len(way) > 1 and way[-2]:
        stem = way[-2]
    return printable(stem)
