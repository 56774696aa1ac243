"""Where interactions come from: two tables of the user's own, or a folder in the layout of a public data set.

A layout is a function from a folder to the two long tables; its name and the files by which a folder is recognised
stand in `LAYOUTS`. Columns are taken by position, as the publishers' own readmes number them, since the same set is in
circulation as .dat, .csv and .parquet with differing names. Nothing is downloaded and nothing is bundled: each set has
its own terms.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from earwitness.datasets.interactions import Interactions, from_tables
from earwitness.errors import InputError

SUFFIXES = (".parquet", ".csv", ".tsv", ".dat", ".txt")
PACKED = ("", ".bz2", ".gz")
CHUNK = 5_000_000  # rows of a log read at once: about 400 MB


class Tables(NamedTuple):
    """What a layout yields: the two long tables, and readable names by item id where there are any."""

    interactions: pd.DataFrame
    tags: pd.DataFrame
    titles: pd.Series | None


@dataclass(frozen=True)
class Layout:
    """A public data set: what it is, the files that tell it, and how it is read."""

    about: str
    files: tuple[str, ...]
    read: Callable[[Path], Tables]
    repeats: Literal["warn", "add"] = "warn"


def load_interactions(
    source: str | Path,
    *,
    tags: str | Path | None = None,
    layout: str | None = None,
    user: str = "user",
    item: str = "item",
    weight: str | None = None,
    tag: str = "tag",
    tag_item: str | None = None,
    tag_weight: str | None = None,
    tag_weights: bool = False,
    name: str | None = None,
) -> Interactions:
    """Interactions from a CSV, TSV or Parquet file and one of tags, or from a folder in a public layout.

    Parameters
    ----------
    source
        A table with a row an interaction, or a folder that holds one of the sets in `LAYOUTS`.
    tags
        A table with a row a tag of an item; needed with a table, not with a folder.
    layout
        Name of the layout; told from the folder's files by default.
    user, item, weight
        Columns of the interactions; `weight` (plays, rating) defaults to the column `weight` where there is one.
    tag, tag_item, tag_weight
        Columns of the tags; `tag_item` is named like `item` by default.
    tag_weights
        Keep the relevance of tags rather than whether an item has them.
    name
        Of the data set; the file's or folder's name by default.

    Raises
    ------
    InputError
        If the source is missing or in no known layout, a column is missing, or nothing usable is left.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{source}: no such file or folder")
    if path.is_dir():
        chosen = _layout(path, layout)
        tables, repeats = chosen.read(path), chosen.repeats
    elif tags is None:
        raise InputError(f"{source}: name the table of tags too (--tags FILE), with a row for each tag of an item")
    else:
        tables = Tables(
            _own(path, {"user": user, "item": item}, weight),
            _own(Path(tags).expanduser(), {"item": tag_item or item, "tag": tag}, tag_weight),
            None,
        )
        repeats = "warn"
    return from_tables(
        tables.interactions,
        tables.tags,
        name=name or path.stem,
        titles=tables.titles,
        tag_weights=tag_weights,
        repeats=repeats,
    )


def _own(path: Path, columns: dict[str, str], weight: str | None) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    table = _frame(path)
    if weight is None and "weight" in table:
        weight = "weight"
    wanted = columns | ({"weight": weight} if weight else {})
    for option, column in wanted.items():
        if column not in table:
            raise InputError(
                f"{path}: no column {column!r} for the {option}; it has {', '.join(map(str, table.columns))}"
            )
    return pd.DataFrame({option: table[column] for option, column in wanted.items()})


def _layout(folder: Path, name: str | None) -> Layout:
    if name is not None:
        if name not in LAYOUTS:
            raise InputError(f"layout {name!r} is unknown: choose one of {', '.join(LAYOUTS)}")
        return LAYOUTS[name]
    fitting = [layout for layout in LAYOUTS.values() if all(_found(folder, stem) for stem in layout.files)]
    if not fitting:
        known = "; ".join(f"{name}: {', '.join(layout.files)}" for name, layout in LAYOUTS.items())
        raise InputError(f"{folder}: not in the layout of a known data set ({known}); or give a table and --tags")
    return fitting[0]


def _found(folder: Path, stem: str) -> Path | None:
    """The file of this stem, packed or not, whatever its kind; a stem with a suffix is the whole name."""
    names = [stem] if Path(stem).suffix in (".db", ".json") else [stem + suffix for suffix in SUFFIXES]
    return next((folder / (n + packed) for n in names for packed in PACKED if (folder / (n + packed)).is_file()), None)


def _file(folder: Path, stem: str) -> Path:
    found = _found(folder, stem)
    if found is None:
        raise InputError(f"{folder}: no file {stem} ({', '.join(SUFFIXES)}, plain or packed)")
    return found


def _frame(path: Path, *, header: bool = True, names: Sequence[str] | None = None) -> pd.DataFrame:
    """A whole table, its first columns renamed to `names`."""
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, **_dialect(path), header=0 if header else None)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if names is None:
        return table
    if table.shape[1] < len(names):
        raise InputError(f"{path}: {table.shape[1]} columns where {', '.join(names)} are expected")
    return table.iloc[:, : len(names)].set_axis(list(names), axis=1)


def _dialect(path: Path) -> dict[str, Any]:
    """How pandas should read this text file; the publishers' .dat files are Latin-1 and never quoted."""
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix in SUFFIXES), ".csv")
    if kind == ".csv":
        return {"sep": ",", "encoding": "utf-8"}
    return {"sep": "\t", "encoding": "latin-1" if kind == ".dat" else "utf-8", "quoting": 3}


def _chunks(path: Path, names: Sequence[str | None], *, header: bool) -> Iterator[pd.DataFrame]:
    """A long log, a few million rows at a time; a name of None is a column not read."""
    wanted = [place for place, name in enumerate(names) if name]
    reader = pd.read_csv(
        path, **_dialect(path), header=0 if header else None, usecols=wanted, chunksize=CHUNK, on_bad_lines="skip"
    )
    for chunk in reader:
        yield chunk.set_axis([name for name in names if name], axis=1)


def _summed(chunks: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Events (rows without a weight) or counts, added up a user and item."""
    parts = []
    for chunk in chunks:
        weighted = chunk if "weight" in chunk else chunk.assign(weight=1.0)
        parts.append(weighted.groupby(["user", "item"], as_index=False)["weight"].sum())
    return pd.concat(parts).groupby(["user", "item"], as_index=False)["weight"].sum()


def _named(tags: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Tag numbers replaced by words; a number without a word stays."""
    words = names.drop_duplicates("number").set_index("number")["tag"]
    return tags.assign(tag=tags["tag"].map(words).fillna(tags["tag"].astype(str)))


def _lastfm_2k(folder: Path) -> Tables:
    plays = _frame(_file(folder, "user_artists"), names=("user", "item", "weight"))
    tags = _frame(_file(folder, "user_taggedartists"), names=("tagger", "item", "tag"))[["item", "tag"]]
    words = _frame(_file(folder, "tags"), names=("number", "tag"))
    artists = _frame(_file(folder, "artists"), names=("item", "title")).drop_duplicates("item")
    return Tables(plays, _named(tags, words), artists.set_index(artists["item"].astype(str))["title"])


def _movielens(folder: Path) -> Tables:
    ratings = _frame(_file(folder, "ratings"), names=("user", "item", "weight"))
    movies = _frame(_file(folder, "movies"), names=("item", "title", "genres"))
    genres = movies.assign(tag=movies["genres"].str.split("|")).explode("tag")[["item", "tag"]]
    tags = [genres[genres["tag"] != "(no genres listed)"]]
    if free := _found(folder, "tags"):
        table = _frame(free, names=("tagger", "item", "tag"))
        tags.append(table[["item"]].assign(tag=table["tag"].str.lower()))
    return Tables(ratings, pd.concat(tags), movies.set_index(movies["item"].astype(str))["title"])


def _goodbooks(folder: Path) -> Tables:
    ratings = _frame(_file(folder, "ratings"), names=("user", "item", "rating"))[["user", "item"]]
    books = _frame(_file(folder, "books"))
    tags = _frame(_file(folder, "book_tags"), names=("edition", "tag", "weight"))
    words = _frame(_file(folder, "tags"), names=("number", "tag"))
    number = books.drop_duplicates("goodreads_book_id").set_index("goodreads_book_id")["book_id"]
    tags = tags.assign(item=tags["edition"].map(number)).dropna(subset=["item"])
    titles = books.drop_duplicates("book_id").set_index(books["book_id"].astype(str))["title"]
    return Tables(ratings, _named(tags[["item", "tag", "weight"]], words), titles)


def _lfm_1b(folder: Path) -> Tables:
    """Events summed to plays of tracks; an artist's genres are copied to every track (Kim 2021, section 5.3.1)."""
    log = _file(folder, "LFM-1b_LEs")
    plays = _summed(_chunks(log, ("user", None, None, "item"), header=False))
    tracks = _frame(_file(folder, "LFM-1b_tracks"), header=False, names=("item", "title", "artist"))
    artists = _frame(_file(folder, "LFM-1b_artists"), header=False, names=("artist", "name"))
    genres = _genres(_file(folder, "LFM-1b_artist_genres_allmusic"), _file(folder, "genres_allmusic"))
    of_artist = artists.merge(genres, on="name")[["artist", "tag"]]
    heard = tracks[tracks["item"].isin(plays["item"])]
    titles = heard.drop_duplicates("item").set_index(heard.drop_duplicates("item")["item"].astype(str))["title"]
    return Tables(plays, heard.merge(of_artist, on="artist")[["item", "tag"]], titles)


def _genres(path: Path, words: Path) -> pd.DataFrame:
    """Lines of an artist's name and genre numbers (from 0), as columns `name` and `tag`."""
    names = words.read_text(encoding="utf-8").splitlines()
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, *numbers = line.split("\t")
        rows += [(name, names[int(number)]) for number in numbers if number.strip() and int(number) < len(names)]
    return pd.DataFrame(rows, columns=["name", "tag"])


def _lfm_2b(folder: Path) -> Tables:
    plays = _summed(_chunks(_file(folder, "listening-counts"), ("user", "item", "weight"), header=True))
    tracks = _frame(_file(folder, "tracks"), names=("item", "artist", "track"))
    heard = tracks[tracks["item"].isin(plays["item"])]
    tags = _track_tags(_found(folder, "tags-micro-genres.json") or folder / "tags-micro-genres.json")
    titles = heard.set_index(heard["item"].astype(str))
    joined = heard.merge(tags, on=["artist", "track"])[["item", "tag", "weight"]]
    return Tables(plays, joined, titles["artist"] + " - " + titles["track"])


def _track_tags(path: Path) -> pd.DataFrame:
    """JSON lines of a track's artist and title under `_id` and its tags with their weights."""
    rows = []
    for chunk in pd.read_json(path, lines=True, chunksize=100_000):
        for of, tags in zip(chunk["_id"], chunk["tags"], strict=True):
            rows += [(of["artist"], of["track"], tag, weight) for tag, weight in dict(tags).items()]
    return pd.DataFrame(rows, columns=["artist", "track", "tag", "weight"])


def _msd(folder: Path) -> Tables:
    """Echo Nest plays of songs, and the Last.fm tags of the tracks that carry them."""
    plays = _summed(_chunks(_file(folder, "train_triplets"), ("user", "item", "weight"), header=False))
    lines = _file(folder, "unique_tracks").read_text(encoding="utf-8").splitlines()
    tracks = pd.DataFrame([line.split("<SEP>")[:4] for line in lines], columns=["track", "item", "artist", "title"])
    query = (
        "SELECT tids.tid, tags.tag, tid_tag.val FROM tid_tag, tids, tags "
        "WHERE tids.ROWID = tid_tag.tid AND tags.ROWID = tid_tag.tag"
    )
    with sqlite3.connect(f"file:{folder / 'lastfm_tags.db'}?mode=ro", uri=True) as base:
        tags = pd.DataFrame(base.execute(query).fetchall(), columns=["track", "tag", "weight"])
    titles = tracks.drop_duplicates("item").set_index("item")
    return Tables(
        plays, tracks.merge(tags, on="track")[["item", "tag", "weight"]], titles["artist"] + " - " + titles["title"]
    )


LAYOUTS: dict[str, Layout] = {
    "lastfm-2k": Layout(
        "hetrec2011-lastfm-2k: plays of artists, free tags", ("user_artists", "user_taggedartists"), _lastfm_2k
    ),
    "goodbooks-10k": Layout("ratings of books as presence, shelves as tags", ("ratings", "book_tags"), _goodbooks),
    "movielens": Layout("ratings of films, genres and free tags", ("ratings", "movies"), _movielens),
    "lfm-1b": Layout("Last.fm events 2013-2014, artists' genres", ("LFM-1b_LEs", "LFM-1b_tracks"), _lfm_1b, "add"),
    "lfm-2b": Layout("Last.fm play counts, micro-genres", ("listening-counts", "tracks"), _lfm_2b, "add"),
    "msd": Layout("Echo Nest taste profile, Last.fm tags", ("train_triplets", "lastfm_tags.db"), _msd, "add"),
}
