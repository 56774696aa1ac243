"""The source `taste`: who listens to a clip, from a table of plays or from playlists."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from earwitness.datasets.tables import READERS, read_table
from earwitness.errors import InputError
from earwitness.learning.label_factors.terms import term_matrix
from earwitness.learning.sources.parts import topics_source
from earwitness.learning.sources.request import Request
from earwitness.learning.sources.source import Source

PLAYLISTS = (".m3u", ".m3u8")
_NAMES = {
    "user": ("user", "listener", "playlist"),
    "path": ("path", "clip", "file", "filename", "track", "item"),
    "count": ("count", "plays", "weight"),
}


def taste(request: Request) -> Source:
    """Topics of listeners, by their plays."""
    if request.listening is None:
        raise InputError(
            "the source taste needs to know who listens: give a table with columns user, path and count, or playlists"
        )
    plays = read_listening(request.listening)
    rows = _clips_by_name(request)
    documents: list[dict[str, float]] = [{} for _ in range(len(request.clips))]
    strangers: Counter[str] = Counter()
    for user, path, count in plays.itertuples(index=False):
        row = rows.get(_plain(path), rows.get(PurePosixPath(_plain(path)).name))
        if row is None:
            strangers[path] += 1
        else:
            documents[row][user] = documents[row].get(user, 0.0) + count
    if len(strangers) == plays["path"].nunique():
        raise InputError(
            f"the source taste finds none of its {len(strangers)} files among the clips (the first: "
            f"{next(iter(strangers))!r}); write paths as the clips have them"
        )
    weights, vocabulary = term_matrix(documents, request.fitted_on)
    return topics_source(request, "taste", weights, vocabulary, {"plays_of_other_files": strangers.total()})


def read_listening(listening: Any) -> pd.DataFrame:
    """Plays as a table: `user`, `path`, `count`.

    Parameters
    ----------
    listening
        A table with these columns (`count` may be missing: 1), the path of one, a playlist (.m3u, .m3u8) or a folder
        of playlists. A playlist is a user who played each of its files once.

    Raises
    ------
    InputError
        If it cannot be read, or a column is missing.
    """
    if isinstance(listening, pd.DataFrame):
        return _table(listening, "the table of plays")
    path = Path(listening).expanduser()
    if path.is_dir():
        lists = sorted(file for file in path.rglob("*") if file.suffix.lower() in PLAYLISTS)
        if not lists:
            raise InputError(f"{path}: no playlist ({', '.join(PLAYLISTS)}) in this folder")
        return pd.DataFrame([row for file in lists for row in _playlist(file)], columns=["user", "path", "count"])
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder of plays")
    if path.suffix.lower() in PLAYLISTS:
        return pd.DataFrame(list(_playlist(path)), columns=["user", "path", "count"])
    if path.suffix.lower() not in READERS:
        raise InputError(f"{path}: plays are read from {', '.join([*READERS, *PLAYLISTS])}")
    return _table(pd.DataFrame(read_table(str(path), path.read_bytes())), str(path))


def _table(plays: pd.DataFrame, name: str) -> pd.DataFrame:
    found: dict[str, Any] = {}
    for need, names in _NAMES.items():
        column = next((column for column in names if column in plays), None)
        if column is None and need != "count":
            raise InputError(f"{name}: no column {need!r}; it has {', '.join(map(str, plays.columns))}")
        found[need] = 1.0 if column is None else plays[column]
    table = pd.DataFrame(found)
    table["count"] = pd.to_numeric(table["count"], errors="coerce")
    kept = table[table["user"].notna() & table["path"].notna() & (table["count"] > 0) & np.isfinite(table["count"])]
    return kept.astype({"user": str, "path": str, "count": float}).reset_index(drop=True)


def _playlist(file: Path) -> Iterator[tuple[str, str, float]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        entry = line.strip().lstrip("\ufeff")
        if entry and not entry.startswith("#"):
            yield file.stem, entry, 1.0


def _clips_by_name(request: Request) -> dict[str, int]:
    """Rows by path, by path under the root, by id, and by file name where only one clip has it."""
    table = request.clips.table
    root = _plain(request.clips.root)
    paths = [_plain(path) for path in table["path"]]
    last = Counter(PurePosixPath(path).name for path in paths)
    rows: dict[str, int] = {}
    for row, path in enumerate(paths):
        name = PurePosixPath(path).name
        under = path.removeprefix(root).lstrip("/") if root else path
        for known in (path, under, str(table["clip"].iloc[row]), *([name] if last[name] == 1 else [])):
            rows.setdefault(known, row)
    return rows


def _plain(path: str) -> str:
    return str(path).replace("\\", "/").removeprefix("./")
