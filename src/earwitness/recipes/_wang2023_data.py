"""IRMAS and OpenMIC-2018 as Wang et al. (2023) use them: ten instruments, four genres, one vector a clip.

Conventions: a clip's key is the name of its file without the ending. IRMAS writes instrument and genre into it
("[gel][dru][pop_roc]0829__1"), so that published embeddings need no IRMAS folder. What OpenMIC knows comes from the
tables that it is distributed with, read by mirdata.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import InputError, MissingExtraError

INSTRUMENTS = ("cello", "clarinet", "flute", "guitar", "organ", "piano", "saxophone", "trumpet", "violin", "voice")
GENRES = ("pop_rock", "jazz_blue", "classical", "country_folk")
GenreMatch = Literal["word", "stem"]

IRMAS_INSTRUMENTS = {
    "cel": "cello", "cla": "clarinet", "flu": "flute", "gac": "guitar", "gel": "guitar", "org": "organ", "pia": "piano",
    "sax": "saxophone", "tru": "trumpet", "vio": "violin", "voi": "voice",
}  # fmt: skip
IRMAS_GENRES = {"pop_roc": "pop_rock", "jaz_blu": "jazz_blue", "cla": "classical", "cou_fol": "country_folk"}
_TEST_SHARE = 4  # one of so many parts is tested
_KEY = re.compile(r"^\[(?P<instrument>\w+)\].*\[(?P<genre>\w+)\](?P<track>\d+)__\d+$")


@dataclass(frozen=True)
class Corpus:
    """One data set.

    Attributes
    ----------
    name
        "irmas" or "openmic".
    keys : (n,) array
        Clips.
    truth : (n, 10) int8 array
        1 has the instrument, 0 has not, -1 nobody was asked.
    genre : (n,) array
        One of `GENRES`.
    group : (n,) array
        Track or artist.
    test : (n,) bool array
        The side of the split.
    dropped
        Reason -> number of clips that were left out.
    """

    name: str
    keys: NDArray[Any]
    truth: NDArray[np.int8]
    genre: NDArray[Any]
    group: NDArray[Any]
    test: NDArray[np.bool_]
    dropped: dict[str, int]

    def take(self, rows: NDArray[np.intp]) -> "Corpus":
        """Some of the clips."""
        return replace(
            self,
            keys=self.keys[rows],
            truth=self.truth[rows],
            genre=self.genre[rows],
            group=self.group[rows],
            test=self.test[rows],
        )


def irmas(keys: Sequence[str], seed: int) -> Corpus:
    """IRMAS's training part from the names of its files, newly split 3:1 with no track on both sides.

    Parameters
    ----------
    keys
        Names of files without their endings.
    seed
        Of the split, which keeps the instruments' shares.

    Raises
    ------
    InputError
        If no name is one of IRMAS's, or an instrument has too few tracks to be split.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    found = [(key, match) for key in sorted(keys) if (match := _KEY.match(key)) is not None]
    known = [(key, m) for key, m in found if m["instrument"] in IRMAS_INSTRUMENTS]
    if not known:
        raise InputError("no clip has a name like those of IRMAS, '[cel][cla]0001__1': is this its training part?")
    kept = [(key, m) for key, m in known if m["genre"] in IRMAS_GENRES]
    label = np.array([IRMAS_INSTRUMENTS[m["instrument"]] for _, m in kept], dtype=object)
    group = np.array([m["track"] for _, m in kept], dtype=object)
    tracks = pd.Series(group).groupby(label).nunique()
    if tracks.min() < _TEST_SHARE or len(tracks) < len(INSTRUMENTS):
        few = next((name for name in INSTRUMENTS if tracks.get(name, 0) < _TEST_SHARE), INSTRUMENTS[0])
        raise InputError(
            f"IRMAS: {few} has {tracks.get(few, 0)} tracks of the four genres, and a split of 3:1 needs {_TEST_SHARE}"
        )
    folds = StratifiedGroupKFold(_TEST_SHARE, shuffle=True, random_state=seed)
    _, rows = next(iter(folds.split(label, label, group)))
    test = np.zeros(len(kept), bool)
    test[rows] = True
    return Corpus(
        name="irmas",
        keys=np.array([key for key, _ in kept], dtype=object),
        truth=(label[:, None] == np.array(INSTRUMENTS, dtype=object)).astype(np.int8),
        genre=np.array([IRMAS_GENRES[m["genre"]] for _, m in kept], dtype=object),
        group=group,
        test=test,
        dropped={"of another genre": len(known) - len(kept)},
    )


def openmic(table: pd.DataFrame, genre_match: GenreMatch) -> Corpus:
    """OpenMIC-2018 from its table, with the official split.

    Parameters
    ----------
    table
        `clip`, `label` and `absent` (instruments with "|" between them), `genre` (titles with "|"), `group`, `split`.
    genre_match
        See `aligned_genre`.

    Raises
    ------
    InputError
        If no clip has one of the genres, or the split lacks a side.
    """
    genre = np.array([aligned_genre(_cells(value), genre_match) or "" for value in table["genre"]], dtype=object)
    truth = np.full((len(table), len(INSTRUMENTS)), -1, np.int8)
    for column, value in (("label", 1), ("absent", 0)):
        for row, cell in enumerate(table[column]):
            named = set(_cells(cell))
            truth[row, [k for k, name in enumerate(INSTRUMENTS) if name in named]] = value
    split = table["split"].astype(str).to_numpy()
    test = np.array(["test" in name for name in split])
    keep = (genre != "") & np.array([("test" in name) or ("train" in name) for name in split])
    if not keep.any() or test[keep].all() or not test[keep].any():
        raise InputError(
            f"OpenMIC: {keep.sum()} of {len(keep)} clips have one of the four genres and a side of the split: are the "
            "metadata and partitions there?"
        )
    group = np.array([str(value) if pd.notna(value) else f"\n{i}" for i, value in enumerate(table["group"])], object)
    found = Corpus("openmic", table["clip"].to_numpy(), truth, genre, group, test, {})
    return replace(found.take(np.flatnonzero(keep)), dropped={"of no aligned genre": int((~keep).sum())})


def aligned_genre(titles: Sequence[str], match: GenreMatch = "word") -> str | None:
    """The first of the four genres that a title of a track names.

    Parameters
    ----------
    titles
        In order. Titles and targets are split at what is no letter, and compared whole word by whole word, case aside;
        title by title, and for each the targets in order.
    match
        "word": "Blues" is not "blue" (as published). "stem": a plural s does not count.

    Examples
    --------
    >>> aligned_genre(["Psych-Rock"]), aligned_genre(["Blues"]), aligned_genre(["Blues"], "stem")
    ('pop_rock', None, 'jazz_blue')
    >>> aligned_genre(["Noise", "Free-Folk", "Jazz"])
    'country_folk'
    """
    if match not in ("word", "stem"):
        raise InputError(f"genre_match is {match!r}: choose 'word' (as published) or 'stem'")

    def words(text: str) -> set[str]:
        found = {word for word in re.split(r"[^a-z]+", text.lower()) if word}
        return {word.removesuffix("s") for word in found} if match == "stem" else found

    for title in titles:
        for target in GENRES:
            if words(title) & words(target):
                return target
    return None


def published_vectors(path: Path) -> Iterator[tuple[str, str, NDArray[Any], NDArray[np.float64]]]:
    """Data set, embedding, keys and mean vectors of each pair in the authors' HDF5 file.

    Its layout is `<data set>/<embedding>/features` (frames, d) beside `keys` (frames,), the clip of each frame.

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    InputError
        If the file is no HDF5 file of that layout.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("published embeddings (HDF5)", "hdf5") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file ({error})") from error
    with file:
        pairs = [(corpus, name) for corpus in ("irmas", "openmic") for name in _members(file, corpus)]
        if not {"irmas", "openmic"} <= {corpus for corpus, _ in pairs}:
            raise InputError(
                f"{path}: no irmas/NAME/features and openmic/NAME/features in it; it has {', '.join(file)}"
            )
        for corpus, name in pairs:
            yield corpus, name, *_means(path, f"{corpus}/{name}", file[corpus][name])


def _members(file: Any, corpus: str) -> list[str]:
    return sorted(file[corpus]) if corpus in file else []


def _means(path: Path, where: str, group: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Clips, and the mean over the frames of each."""
    if "features" not in group or "keys" not in group or len(group["features"]) != len(group["keys"]):
        raise InputError(f"{path}: {where} needs 'features' and 'keys' of the same length")
    names = [key.decode() if isinstance(key, bytes) else str(key) for key in group["keys"][:]]
    keys, clip = np.unique(np.array(names), return_inverse=True)
    total = np.zeros((len(keys), group["features"].shape[1]))
    for start in range(0, len(clip), 50_000):  # as many frames at once as fit anywhere
        block = group["features"][start : start + 50_000].astype(np.float64)
        np.add.at(total, clip[start : start + 50_000], block)
    return keys.astype(object), total / np.bincount(clip)[:, None]


def _cells(cell: Any) -> list[str]:
    return [part.strip() for part in str(cell).split("|")] if isinstance(cell, str) and cell else []
