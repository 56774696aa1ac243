"""Sources that stand in the table of clips: year, genre, tags, lyrics, artist_tags, artist."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.label_factors.terms import (
    inverse_document_frequency,
    read_names,
    sum_by_group,
    term_matrix,
    tf_idf,
)
from earwitness.learning.sources.parts import Scalar, Words, classes_source, numbers_source, topics_source
from earwitness.learning.sources.request import Request
from earwitness.learning.sources.source import Source

Floats = NDArray[np.float64]

TEMPO_RESOLUTION = 0.02  # octaves
YEARS = (1000, 2100)
"""A number outside is no year; in many tables 0 stands for one that is not known."""

_WORD = r"[^\W\d_]+(?:['’][^\W\d_]+)*"


def year(request: Request) -> Source:
    """The year of release, as a mixture."""
    column, cells = request.column("year", "year")
    # "1994-05-01" is a date of 1994.
    values = pd.to_numeric(cells.astype(str).str.extract(r"^\s*(\d{4})(?:\D|$)")[0], errors="coerce").to_numpy(float)
    values = np.where((values >= YEARS[0]) & (values <= YEARS[1]), values, np.nan)
    return numbers_source(request, "year", [Scalar("year", "", values, 1.0)], {"column": column})


def bpm(request: Request) -> Source:
    """The tempo that the table tells, as a mixture over octaves."""
    column, cells = request.column("bpm", "bpm")
    values = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    return numbers_source(
        request, "bpm", [Scalar("tempo", "BPM", values, TEMPO_RESOLUTION, logarithmic=True)], {"column": column}
    )


def cdr_tag(request: Request) -> Source:
    """Topics of the genres of albums."""
    column, documents = _words(request, ("album_genres",), "cdr_tag")
    weights, vocabulary = term_matrix(documents, request.fitted_on)
    return topics_source(request, "cdr_tag", weights, vocabulary, {"column": column})


def genre(request: Request) -> Source:
    """One output a genre, several sharing evenly; topics where there are more genres than outputs."""
    column, cells = request.column("genre", "genre")
    named = [read_names(cell) for cell in cells]
    weights, vocabulary = term_matrix(named, request.fitted_on)
    if len(vocabulary) > request.options.components:
        return topics_source(request, "genre", weights, vocabulary, {"column": column})
    presence = (weights.toarray() > 0).astype(float)
    return classes_source(request, "genre", vocabulary, _even(presence), {"column": column})


def tags(request: Request) -> Source:
    """Topics of tags."""
    column, documents = _words(request, ("tags",), "tags")
    weights, vocabulary = term_matrix(documents, request.fitted_on)
    return topics_source(request, "tags", weights, vocabulary, {"column": column})


def artist_tags(request: Request) -> Source:
    """Topics of the tags (or genres) of all clips of an artist, the same for each of them."""
    column, documents = _words(request, ("tags", "genre"), "artist_tags")
    by, artists, training = artists_of(request, "artist_tags")
    weights, vocabulary = term_matrix(documents, request.fitted_on)
    # What clips outside training say of an artist who is in training must not reach the model.
    heard = request.fitted_on | ~training[artists]
    of_artists = sum_by_group(weights, np.where(heard & (artists >= 0), artists, -1), len(training))
    facts = {"column": column, "by": by, "artists": int(training.sum())}
    return topics_source(request, "artist_tags", of_artists, vocabulary, facts, documents=artists, fitted=training)


def artist(request: Request) -> Source:
    """One output an artist, of those with enough training clips; the others' clips have no label."""
    by, artists, training = artists_of(request, "artist")
    names = _names(request, "artist")
    counts = np.bincount(artists[request.training & (artists >= 0)], minlength=len(training))
    frequent = np.flatnonzero(counts >= request.options.artist_clips)
    if len(frequent) < 2:
        raise InputError(
            f"the source artist needs two artists with {request.options.artist_clips} training clips or more, but "
            f"{len(frequent)} of {len(training)} have as many; leave it out"
        )
    targets = request.unlabelled(len(frequent))
    place = {name: column for column, name in enumerate(frequent.tolist())}
    for row, number in enumerate(artists.tolist()):
        if number in place:
            targets[row] = 0
            targets[row, place[number]] = 1
    return classes_source(request, "artist", [names[number] for number in frequent], targets, {"column": by})


def lyrics(request: Request) -> Source:
    """Topics of the words of lyrics, rarer words counting for more."""
    from sklearn.feature_extraction.text import CountVectorizer

    if "lyrics_words" in request.clips.table:
        return _bag_of_words(request)
    column, cells = request.column("lyrics", "lyrics")
    texts = [_lyrics(request, cell) for cell in cells]
    written = np.array([bool(text.strip()) for text in texts])
    request.require_labels("lyrics", written)
    fitted = np.flatnonzero(written & request.fitted_on)
    counter = CountVectorizer(token_pattern=_WORD, min_df=2, max_df=0.5, max_features=request.options.words)
    try:
        counter.fit([texts[row] for row in fitted])
    except ValueError as error:
        raise InputError(
            f"the source lyrics has no word in at least two and at most half of the texts of column {column!r}; "
            "leave it out"
        ) from error
    counts = counter.transform(texts).astype(float)
    idf = inverse_document_frequency(counts[fitted])
    vocabulary = [str(word) for word in counter.get_feature_names_out()]
    return topics_source(request, "lyrics", tf_idf(counts, idf), vocabulary, {"column": column, "idf": idf.tolist()})


def _bag_of_words(request: Request) -> Source:
    """Topics of words that were counted before, as musiXmatch gives them."""
    column, documents = _words(request, ("lyrics_words",), "lyrics")
    counts, vocabulary = term_matrix(documents, request.fitted_on)
    idf = inverse_document_frequency(counts[request.fitted_on])
    return topics_source(request, "lyrics", tf_idf(counts, idf), vocabulary, {"column": column, "idf": idf.tolist()})


def _lyrics(request: Request, cell: Any) -> str:
    """The text in a cell, or in the text file that it names beside the clips."""
    if cell is None or cell != cell:
        return ""
    text = str(cell)
    if "\n" in text or not text.lower().endswith((".txt", ".lrc")) or "://" in request.clips.root:
        return text
    root = Path(request.clips.root).resolve()
    file = (root / text).resolve()
    if not file.is_relative_to(root):
        raise InputError(f"the lyrics file {text!r} lies outside {root}: copy it beside the clips")
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _words(request: Request, needs: tuple[str, ...], source: str) -> tuple[str, Words]:
    """The first of these columns that there is, and its words."""
    for need in needs[:-1]:
        try:
            column, cells = request.column(need, source)
        except InputError:
            continue
        return column, [read_names(cell) for cell in cells]
    column, cells = request.column(needs[-1], source)
    return column, [read_names(cell) for cell in cells]


def _names(request: Request, source: str) -> list[str]:
    """Artists by number."""
    _, cells = request.column("artist", source)
    return sorted({str(cell).strip() for cell in cells.dropna()} - {""})


def artists_of(request: Request, source: str) -> tuple[str, NDArray[np.int64], NDArray[np.bool_]]:
    """The column, the number of each clip's artist (-1 for none), and which artists models of labels may see.

    Raises
    ------
    InputError
        If there is no column of artists.
    """
    column, cells = request.column("artist", source)
    names = {name: number for number, name in enumerate(_names(request, source))}
    numbers = np.array([-1 if cell != cell or cell is None else names.get(str(cell).strip(), -1) for cell in cells])
    seen = np.zeros(len(names), bool)
    seen[numbers[request.fitted_on & (numbers >= 0)]] = True
    return column, numbers, seen


def _even(presence: Floats) -> Floats:
    """Equal shares of what is present; a row of nothing is no label."""
    total = presence.sum(axis=1, keepdims=True)
    return np.divide(presence, total, out=np.full_like(presence, np.nan), where=total > 0)
