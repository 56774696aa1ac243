"""Clips of any data set that mirdata has a loader for: `mirdata:NAME`, `mirdata:NAME:VERSION`, `mirdata:NAME@FOLDER`.

mirdata says where the files of a track lie and what is known about it; the sound is read by `earwitness.audio`. Nothing
is downloaded here: data sets are large, and each has its own terms. Files that are not there are set aside and counted.
"""

import difflib
import os
import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from earwitness.datasets.listing import Entry, Listing, is_audio, local_path
from earwitness.datasets.mirdata_columns import COLUMNS, scalar_columns
from earwitness.datasets.text import encodable, printable
from earwitness.errors import InputError, MissingExtraError

_AUDIO_ATTRIBUTES = ("audio_path", "audio_mix_path", "mix_path", "audio_mic_path")


def list_mirdata(source: str) -> Listing:
    """List the tracks of a mirdata data set.

    Parameters
    ----------
    source
        `mirdata:irmas`, `mirdata:gtzan_genre:mini`, `mirdata:irmas@/data/IRMAS`. Without a folder, the one that mirdata
        downloads to. The index file is looked for in the folder, then in mirdata's own place.

    Raises
    ------
    MissingExtraError
        If mirdata is not installed.
    InputError
        If the name, version or folder does not exist, or the index or metadata has not been downloaded.
    """
    dataset, name, track_ids = _opened(source)
    home = str(dataset.data_home)
    entries, skipped = _entries(dataset, name, home, track_ids)
    return Listing(entries, skipped, name=name, root=home)


def mirdata_table(source: str) -> pd.DataFrame:
    """What is known of every track of a data set, whether its sound is there or not.

    Parameters
    ----------
    source
        As for `list_mirdata`.

    Returns
    -------
    DataFrame
        `clip`, then the columns of `earwitness.datasets.mirdata_columns`.

    Raises
    ------
    MissingExtraError, InputError
        As for `list_mirdata`.
    """
    dataset, name, track_ids = _opened(source)
    try:
        columns_of = COLUMNS.get(name, scalar_columns)(dataset)
        rows = [{"clip": printable(track_id), **columns_of(dataset.track(track_id))} for track_id in track_ids]
    except FileNotFoundError as error:
        home = str(dataset.data_home)
        raise InputError(f"{source}: the metadata is not in {encodable(home)}; {_fetch(name, home)}") from error
    return pd.DataFrame(rows)


def _opened(source: str) -> tuple[Any, str, list[str]]:
    """mirdata's data set, its name, and its tracks."""
    asked, _, folder = source.removeprefix("mirdata:").partition("@")
    name, _, version = asked.partition(":")
    dataset = _initialize(name, version or "default", local_path(folder) if folder else None)
    home = str(dataset.data_home)
    if not os.path.isdir(home):
        raise InputError(f"{source}: no such folder {encodable(home)!r}; {_fetch(name, home)}")
    _find_index(dataset, name, home)
    try:
        track_ids = dataset.track_ids
    except AttributeError as error:
        raise InputError(f"{source}: this data set has no single tracks to listen to") from error
    return dataset, name, list(track_ids)


def _initialize(name: str, version: str, home: str | None) -> Any:
    if find_spec("mirdata") is None:
        raise MissingExtraError(f"mirdata:{name}", "mirdata")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that mirdata's loaders import
        import mirdata

        known = mirdata.list_datasets()
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`earwitness datasets` lists them"
            raise InputError(f"mirdata:{name}: mirdata has no data set {name!r}; {hint}")
        try:
            return mirdata.initialize(name, data_home=home, version=version)
        except ValueError as error:
            raise InputError(f"mirdata:{name}:{version}: {mirdata.list_dataset_versions(name)}") from error


def _fetch(name: str, home: str, what: str = "") -> str:
    call = f"mirdata.initialize({name!r}, data_home={encodable(home)!r}).download({what})"
    return f'download it with: python -c "import mirdata; {call}"'


def _find_index(dataset: Any, name: str, home: str) -> None:
    """Have mirdata read the index that lies in the data's folder or, where there is none, its own."""
    beside = os.path.join(home, os.path.basename(dataset.index_path))
    if os.path.exists(beside):
        dataset.index_path = beside
    elif not os.path.exists(dataset.index_path):
        fetch = _fetch(name, home, "['index']")
        raise InputError(f"mirdata:{name}: the index {os.path.basename(beside)} is not here; {fetch}")


def _entries(dataset: Any, name: str, home: str, track_ids: list[str]) -> tuple[list[Entry], list[tuple[str, str]]]:
    entries: list[Entry] = []
    skipped: list[tuple[str, str]] = []
    columns_of = None
    missing: FileNotFoundError | None = None
    for track_id in track_ids:
        track = dataset.track(track_id)
        path = _audio_path(track)
        if path is None:
            skipped.append((printable(track_id), "the index names no audio file"))
            continue
        shown = printable(os.path.relpath(path, home).replace(os.sep, "/"))
        if not os.path.exists(path):
            skipped.append((shown, "does not exist"))
            continue
        try:
            columns_of = columns_of or COLUMNS.get(name, scalar_columns)(dataset)
            metadata = {column: encodable(v) if isinstance(v, str) else v for column, v in columns_of(track).items()}
        except FileNotFoundError as error:
            missing = error
            skipped.append((shown, "its metadata does not exist"))
            continue
        entries.append(Entry(file=path, name=shown, clip=printable(track_id), metadata=metadata))
    if missing is not None and not entries:
        raise InputError(f"mirdata:{name}: the metadata is not in {encodable(home)}; {_fetch(name, home)}") from missing
    return entries, skipped


def _audio_path(track: Any) -> str | None:
    others = sorted(key for key in vars(track) if key.startswith("audio") and "path" in key)
    for attribute in (*_AUDIO_ATTRIBUTES, *others):
        path = getattr(track, attribute, None)
        if isinstance(path, (str, os.PathLike)) and is_audio(os.fspath(path)):
            return os.fspath(path)
    return None


def describe_loaders() -> Iterator[tuple[str, str]]:
    """Name and title of each mirdata loader that has audio, read from the loaders' text without importing them."""
    spec = find_spec("mirdata")
    if spec is None or spec.origin is None:
        return
    for file in sorted((Path(spec.origin).parent / "datasets").glob("[!_]*.py")):
        text = file.read_text(encoding="utf-8")
        if not re.search(r"get_path\(\s*[\"']audio", text):
            continue
        title = re.search(r'"""\s*(.+)', text)
        about = re.sub(
            r"\s*(dataset)?\s*loader\.?\s*$", "", title.group(1) if title else file.stem, flags=re.IGNORECASE
        )
        label = " (with `label`)" if file.stem in COLUMNS else ""
        yield file.stem, about.strip() + label
