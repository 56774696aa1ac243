"""A folder of sound: the names of its sub-folders are the labels.

`genre/song.wav` has the label `genre`. Deeper folders do not change the label: `genre/artist/album/song.wav` has the
label `genre` too, and the column `folder` holds the whole way, `genre/artist/album`, which serves as a group. Where all
folders at the top are named like parts of a split (train, valid, test, ...), they become the column `split`, and the
folders below them the labels.
"""

import os
import posixpath
from collections.abc import Iterator
from typing import Any

from earwitness.datasets.listing import Entry, Listing, file_system, is_audio, is_hidden, is_url, local_path
from earwitness.datasets.text import encodable, natural_key, printable
from earwitness.errors import InputError

SPLIT_NAMES = frozenset({"train", "training", "valid", "validation", "val", "dev", "eval", "test", "testing"})


def list_folder(source: str, *, allow_outside: bool = False) -> Listing:
    """List the audio files below a folder or a URL, in natural order; hidden and other files are passed over.

    Raises
    ------
    InputError
        If the folder cannot be opened or has no audio file.
    """
    skipped: list[tuple[str, str]] = []
    if is_url(source):
        names, root = _names_at_url(source), source.rstrip("/")
    else:
        root = local_path(source)
        names = sorted(_names_below(root, allow_outside, skipped), key=natural_key)
    if not names and not skipped:
        raise InputError(f"{source}: the folder has no audio file (WAV, FLAC, Ogg, Opus, MP3, M4A, ...)")
    labels = _metadata(names)
    entries = [
        Entry(file=posixpath.join(root, name), name=printable(name), clip=printable(name), metadata=about)
        for name, about in zip(names, labels, strict=True)
    ]
    name = posixpath.basename(root.replace(os.sep, "/").rstrip("/")) or "clips"
    return Listing(entries, skipped, name=printable(name), root=root)


def _names_at_url(url: str) -> list[str]:
    files, inside = file_system(url)
    base = inside.rstrip("/") + "/"
    names = (found.removeprefix(base) for found in files.find(inside))
    return sorted((n for n in names if is_audio(n) and not any(map(is_hidden, n.split("/")))), key=natural_key)


def _names_below(root: str, allow_outside: bool, skipped: list[tuple[str, str]]) -> Iterator[str]:
    """Names relative to the root, with forward slashes. Links are followed, but not out of the root, nor twice."""
    real_root = os.path.realpath(root)
    seen: set[str] = set()

    def unreadable(error: OSError) -> None:
        if error.filename == root:
            raise InputError(f"{encodable(root)}: the folder cannot be opened ({error.strerror})") from error
        skipped.append((_relative(error.filename, root), f"the folder cannot be opened ({error.strerror})"))

    def allowed(path: str) -> bool:
        if allow_outside or not os.path.islink(path) or stays_inside(os.path.realpath(path), real_root):
            return True
        skipped.append((_relative(path, root), "a link that leaves the folder; follow it with allow_outside"))
        return False

    for folder, folders, files in os.walk(root, followlinks=True, onerror=unreadable):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not is_hidden(f) and allowed(os.path.join(folder, f)))
        for file in files:
            path = os.path.join(folder, file)
            if is_audio(file) and not is_hidden(file) and allowed(path):
                yield os.path.relpath(path, root).replace(os.sep, "/")


def stays_inside(path: str, root: str) -> bool:
    """Whether a path lies below a root; both absolute, both without links and dots."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _relative(path: str, root: str) -> str:
    return printable(os.path.relpath(path, root).replace(os.sep, "/"))


def _metadata(names: list[str]) -> list[dict[str, Any]]:
    ways = [[encodable(part) for part in name.split("/")[:-1]] for name in names]
    if not any(ways):
        return [{} for _ in ways]
    first = {way[0].casefold() if way else "" for way in ways}
    split = first <= SPLIT_NAMES
    nested = any(len(way) > 1 + split for way in ways)
    rows = []
    for way in ways:
        row: dict[str, Any] = {"label": way[split] if len(way) > split else None}
        if split:
            row["split"] = way[0]
        if nested:
            row["folder"] = "/".join(way) or None
        rows.append(row)
    return rows
