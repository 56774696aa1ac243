"""The learning sources of Kim (2021), chapter 2, from the files of the Million Song Dataset, where a user has them.

Nothing is downloaded or bundled: each file has its own terms. A folder may hold any of

| file | what it tells | layout |
|---|---|---|
| `track_metadata.db` | year, artist, song of a track | SQLite, table `songs` |
| `msd_summary_file.h5`, or `TR*.h5` | tempo, year, artist, song | HDF5, a table `songs` in three groups |
| `lastfm_tags.db` | tags and their strength | SQLite, tables `tids`, `tags`, `tid_tag` |
| `train_triplets.txt` | plays of songs by listeners | listener, song, count, with tabulators between |
| `mxm_dataset_train.txt`, `mxm_dataset_test.txt` | words of lyrics | a line of words after `%`, then a line a track |
| `album_genres.csv` | album genres of a library, such as Muziekweb's | columns `track_id` and `genre`, a row a pair |

References
----------
Bertin-Mahieux, Ellis, Whitman and Lamere (2011). The Million Song Dataset. ISMIR.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earwitness.datasets import Clips
from earwitness.datasets.tables import read_table
from earwitness.errors import InputError, MissingExtraError

TRACK_COLUMNS = ("track_id", "msd_track_id", "track", "clip")
_CHUNK = 1_000_000  # rows of the plays read at a time
_AT_ONCE = 500  # track ids asked of a data base at a time; SQLite takes at most 999

Words = dict[str, dict[str, float]]


def with_million_song_labels(clips: Clips, folder: str | Path) -> tuple[Clips, pd.DataFrame]:
    """The clips with what the files of a folder say of their tracks, and the plays of their songs.

    Parameters
    ----------
    clips
        With a column of MSD track ids (TR…): `track_id`, `msd_track_id`, `track`, or the clips' own ids.
    folder
        With any of the files above.

    Returns
    -------
    clips
        With columns `year`, `bpm`, `artist`, `tags`, `lyrics_words` and `album_genres`, as far as the files tell; they
        take the place of columns of these names. `make_sources` makes the sources `year`, `bpm`, `artist_tags`,
        `tags`, `lyrics` and `cdr_tag` of them.
    plays : DataFrame
        `user`, `path`, `count`, for the source `taste`; no rows where nobody's plays are told.

    Raises
    ------
    InputError
        If there is no such file, no track id, or a file is not in its published layout.
    """
    place = Path(folder).expanduser()
    tracks = _tracks(clips)
    known = _metadata(place, tracks)
    columns: dict[str, Any] = {
        name: [known.get(track, {}).get(name) for track in tracks]
        for name in ("year", "bpm", "artist")
        if any(name in facts for facts in known.values())
    }
    for name, words in (
        ("tags", _tags(place, tracks)),
        ("lyrics_words", _lyrics(place, tracks)),
        ("album_genres", _genres(place, tracks)),
    ):
        if words:
            columns[name] = [_cell(words.get(track, {})) for track in tracks]
    songs = {track: str(facts["song"]) for track, facts in known.items() if "song" in facts}
    plays = _plays(place, clips, tracks, songs)
    if not columns and not len(plays):
        raise InputError(
            f"{place}: none of the files of the Million Song Dataset in it tells anything of the {len(tracks)} tracks; "
            "see the table in the documentation"
        )
    return clips.assign(**columns), plays


def _tracks(clips: Clips) -> list[str]:
    table = clips.table
    for column in TRACK_COLUMNS:
        if column in table:
            ids = table[column].astype(str).str.strip()
            if ids.str.fullmatch(r"TR[A-Z0-9]{16}").any():
                return [str(track) for track in ids]
    raise InputError(
        f"{clips.name}: no column {' or '.join(map(repr, TRACK_COLUMNS))} holds track ids of the Million Song Dataset "
        "(TR and 16 letters or digits); add a column track_id"
    )


def _cell(words: Mapping[str, float]) -> str | None:
    """One cell as the sources read it: every weight is written, and no name holds the character between names."""
    cells = [f"{word.replace('|', '/').strip()}:{weight:g}" for word, weight in words.items() if word.strip()]
    return "|".join(cells) or None


def _metadata(place: Path, tracks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is told of each track: `year`, `bpm`, `artist`, `song`."""
    found: dict[str, dict[str, Any]] = {}
    data_base = place / "track_metadata.db"
    if data_base.is_file():
        query = "SELECT track_id, year, artist_id, song_id FROM songs WHERE track_id IN ({})"
        for track, year, artist, song in _asked(data_base, query, tracks):
            found[track] = _told(year=year, artist=artist, song=song)
    for track, facts in _hdf5(place, set(tracks)):
        found[track] = found.get(track, {}) | facts
    return found


def _told(**facts: Any) -> dict[str, Any]:
    """What is known: a year or tempo of 0 stands for one that is not."""
    return {name: value for name, value in facts.items() if value not in (None, "", 0, 0.0)}


def _asked(file: Path, query: str, tracks: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Rows of a data base for these tracks."""
    with _sqlite(file) as connection:
        for first in range(0, len(tracks), _AT_ONCE):
            part = list(tracks[first : first + _AT_ONCE])
            yield from connection.execute(query.format(",".join("?" * len(part))), part)


@contextmanager
def _sqlite(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise InputError(f"{file} is not a data base in the published layout ({error}): fetch it again") from error


def _hdf5(place: Path, tracks: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tempo, year, artist and song of tracks, from a summary or from files of single tracks."""
    summary = place / "msd_summary_file.h5"
    files = [summary] if summary.is_file() else sorted(file for file in place.rglob("TR*.h5") if file.stem in tracks)
    if not files:
        return
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(f"reading {files[0].name}", "hdf5") from error
    for file in files:
        try:
            with h5py.File(file, "r") as opened:
                yield from _songs(opened, tracks)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{file} is not in the layout of the Million Song Dataset ({error})") from error


def _songs(opened: Any, tracks: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    analysis, metadata, musicbrainz = (opened[f"{name}/songs"] for name in ("analysis", "metadata", "musicbrainz"))
    ids = [_plain(track) for track in analysis["track_id"]]
    for row, track in enumerate(ids):
        if track in tracks:
            yield (
                track,
                _told(
                    bpm=float(analysis[row]["tempo"]),
                    year=int(musicbrainz[row]["year"]),
                    artist=_plain(metadata[row]["artist_id"]),
                    song=_plain(metadata[row]["song_id"]),
                ),
            )


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _tags(place: Path, tracks: Sequence[str]) -> Words:
    """Tags and strengths, of at least 1; both tables of names are numbered by their rows."""
    file = place / "lastfm_tags.db"
    if not file.is_file():
        return {}
    query = (
        "SELECT tids.tid, tags.tag, tid_tag.val FROM tid_tag JOIN tids ON tid_tag.tid = tids.ROWID "
        "JOIN tags ON tid_tag.tag = tags.ROWID WHERE tids.tid IN ({})"
    )
    found: Words = {}
    for track, tag, strength in _asked(file, query, tracks):
        found.setdefault(track, {})[str(tag)] = max(float(strength), 1.0)
    return found


def _lyrics(place: Path, tracks: Sequence[str]) -> Words:
    """Words and counts."""
    wanted, found = set(tracks), Words()
    for name in ("mxm_dataset_train.txt", "mxm_dataset_test.txt"):
        file = place / name
        if file.is_file():
            with file.open(encoding="utf-8") as lines:
                found |= dict(_bags(lines, wanted, file))
    return found


def _bags(lines: Iterator[str], wanted: set[str], file: Path) -> Iterator[tuple[str, dict[str, float]]]:
    vocabulary: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("%"):
            vocabulary = line[1:].strip().split(",")
            continue
        track, _, *counts = line.strip().split(",")
        if track not in wanted:
            continue
        try:
            pairs = [count.split(":") for count in counts]
            yield track, {vocabulary[int(word) - 1]: float(count) for word, count in pairs}  # words count from 1
        except (ValueError, IndexError) as error:
            raise InputError(f"{file}: line {number} is not in the published layout ({error})") from error


def _genres(place: Path, tracks: Sequence[str]) -> Words:
    """Album genres, each of weight 1."""
    file = place / "album_genres.csv"
    if not file.is_file():
        return {}
    columns = read_table(str(file), file.read_bytes())
    if not {"track_id", "genre"} <= columns.keys():
        raise InputError(f"{file}: it needs columns track_id and genre, and has {', '.join(columns)}")
    wanted, found = set(tracks), Words()
    for track, genre in zip(columns["track_id"], columns["genre"], strict=True):
        if str(track) in wanted and genre is not None:
            found.setdefault(str(track), {})[str(genre)] = 1.0
    return found


def _plays(place: Path, clips: Clips, tracks: Sequence[str], songs: Mapping[str, str]) -> pd.DataFrame:
    """Who played which clip how often; a song's plays count for each of its tracks."""
    file = place / "train_triplets.txt"
    names = ["user", "song", "count"]
    if not file.is_file():
        return pd.DataFrame(
            {"user": pd.Series(dtype=str), "path": pd.Series(dtype=str), "count": pd.Series(dtype=float)}
        )
    if not songs:
        raise InputError(
            f"{file} tells of songs, and nothing tells which song a track is of: put track_metadata.db or "
            "msd_summary_file.h5 beside it"
        )
    paths = clips.table["path"].to_numpy()
    of_song = pd.DataFrame(
        [(songs[track], path) for track, path in zip(tracks, paths, strict=True) if track in songs],
        columns=["song", "path"],
    )
    try:
        with pd.read_csv(file, sep="\t", header=None, names=names, chunksize=_CHUNK, quoting=3) as chunks:
            parts = [chunk[chunk["song"].isin(of_song["song"])] for chunk in chunks]
        plays = pd.concat(parts, ignore_index=True).astype({"count": float})
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file} is not in the published layout ({error})") from error
    return plays.merge(of_song, on="song")[["user", "path", "count"]].astype({"user": str, "count": np.float64})
