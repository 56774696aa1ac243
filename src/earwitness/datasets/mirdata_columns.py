"""The columns of a mirdata data set: `label`, `group` and `split` where they are known, else its own attributes.

Several values in one cell (the instruments of a mixture, the tags of a song) are joined by "|".
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Row = dict[str, Any]
ColumnsOf = Callable[[Any], Row]

_IRMAS_INSTRUMENTS = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "acoustic guitar",
    "gel": "electric guitar",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
}
_IRMAS_GENRES = {
    "cou_fol": "country-folk",
    "cla": "classical",
    "pop_roc": "pop-rock",
    "lat_sou": "latin-soul",
    "jaz_blu": "jazz-blues",
}
_PRESENT = 0.5  # OpenMIC: the share of annotators above which an instrument counts as present


def _joined(values: Iterable[Any]) -> str | None:
    return "|".join(str(value) for value in values if value not in (None, "")) or None


def _each(row_of: ColumnsOf) -> Callable[[Any], ColumnsOf]:
    """A reader of columns that needs the track only, not the data set."""
    return lambda _dataset: row_of


def _gtzan_genre(track: Any) -> Row:
    return {"label": track.genre}


def _irmas(track: Any) -> Row:
    training = track.split == "train"
    return {
        "label": _joined(_IRMAS_INSTRUMENTS[code] for code in track.instrument),
        "split": track.split,
        # Training clips 0189__1 to 0189__3 are cut from one recording.
        "group": track.track_id.rsplit("__", 1)[0] if training else None,
        "genre": _IRMAS_GENRES.get(track.genre, track.genre),
    }


def _openmic2018(track: Any) -> Row:
    scores: Mapping[str, float] = track.instruments
    return {
        "label": _joined(name for name, score in sorted(scores.items()) if score >= _PRESENT),
        # Neither present nor absent means that nobody was asked.
        "absent": _joined(name for name, score in sorted(scores.items()) if score < _PRESENT),
        "group": track.artist,
        "split": track.split or None,
        "genre": _joined(_openmic_genres(track)),
    }


def _openmic_genres(track: Any) -> list[str]:
    """Titles in their order; some tracks have none in the metadata, over which mirdata stumbles."""
    try:
        return list(track.genres)
    except TypeError:
        return []


def _medley_solos_db(track: Any) -> Row:
    return {"label": track.instrument, "group": f"song {track.song_id}", "split": track.subset}


def _tinysol(track: Any) -> Row:
    return {
        "label": track.instrument_full,
        "family": track.family,
        "technique": track.technique_full,
        "pitch": track.pitch,
        "midi_pitch": track.pitch_id,
        "dynamics": track.dynamics,
        "fold": track.split,
    }


def _jamendo_moodtheme(dataset: Any) -> ColumnsOf:
    parts = {track_id: part for part, track_ids in dataset.get_track_splits(0).items() for track_id in track_ids}

    def row(track: Any) -> Row:
        return {
            "label": _joined(track.tags),
            "group": track.artist_id,
            "album": track.album_id,
            "split": parts.get(track.track_id),
        }

    return row


def _saraga_carnatic(track: Any) -> Row:
    about = track.metadata if track.metadata_path is not None else {}

    def names(key: str) -> str | None:
        parts = about.get(key) or []
        return _joined(part.get("name") or part.get("title") or part.get("common_name") for part in parts)

    return {
        "label": names("raaga"),
        "taala": names("taala"),
        "form": names("form"),
        "artist": names("album_artists"),
        "group": names("concert"),
        "title": about.get("title"),
    }


def scalar_columns(dataset: Any) -> ColumnsOf:
    """The fallback: every attribute and property of a track that is text, a number, or a list of text.

    Properties are tried on the first tracks. Those that are sound, annotations over time, or not there are left out, so
    that no annotation file is read for every track.
    """
    tracks = [dataset.track(track_id) for track_id in dataset.track_ids[:3]]
    names = [name for track in tracks[:1] for name in _attributes(track)]
    kept = [name for name in names if any(_cell(track, name) is not None for track in tracks)]
    return lambda track: {name: _cell(track, name) for name in kept}


def _attributes(track: Any) -> list[str]:
    properties = [
        name
        for name, member in inspect.getmembers_static(type(track))
        if isinstance(member, property) or type(member).__name__ == "cached_property"
    ]
    names = dict.fromkeys([*vars(track), *properties])
    return [n for n in names if not n.startswith(("_", "audio")) and not n.endswith("path") and n != "track_id"]


def _cell(track: Any, name: str) -> str | float | int | None:
    try:
        value = getattr(track, name)
    except Exception:  # somebody else's loader fails as it likes where an annotation is missing
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return _joined(value)
    if isinstance(value, bool):
        return str(value)
    return value if isinstance(value, (str, int, float)) and value == value and value != "" else None


COLUMNS: dict[str, Callable[[Any], ColumnsOf]] = {
    "gtzan_genre": _each(_gtzan_genre),
    "irmas": _each(_irmas),
    "medley_solos_db": _each(_medley_solos_db),
    "mtg_jamendo_autotagging_moodtheme": _jamendo_moodtheme,
    "openmic2018": _each(_openmic2018),
    "saraga_carnatic": _each(_saraga_carnatic),
    "tinysol": _each(_tinysol),
}
