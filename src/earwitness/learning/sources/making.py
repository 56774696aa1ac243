"""The sources there are, and how those asked for are made from a collection of clips."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from earwitness import engine
from earwitness.datasets import Clips
from earwitness.errors import InputError, MissingExtraError
from earwitness.learning.sources.request import LabelOptions, Request
from earwitness.learning.sources.source import Source


class Entry(NamedTuple):
    """Where a source is made, what it needs, and what its target is."""

    path: str
    needs: str
    target: str


_AUDIO, _TABLE = "earwitness.learning.sources.from_audio", "earwitness.learning.sources.from_table"
_GROUPS = "earwitness.learning.sources.groups"

SOURCES = {
    "self": Entry(f"{_AUDIO}:self_source", "sound", "whether two chunks are of one clip"),
    "tempo": Entry(f"{_AUDIO}:tempo", "sound", "tempo in octaves, a mixture of normal distributions"),
    "tempogram": Entry(f"{_AUDIO}:tempogram", "sound", "how strongly the clip repeats at each of 50 tempi"),
    "onset": Entry(f"{_AUDIO}:onset", "sound", "onsets a second and their strength, each a mixture"),
    "chroma": Entry(f"{_AUDIO}:chroma", "sound", "shares of the twelve pitch classes"),
    "key": Entry(f"{_AUDIO}:key", "sound", "how well the clip fits each of 24 keys"),
    "loudness": Entry(f"{_AUDIO}:loudness", "sound", "mean level and range of levels, each a mixture"),
    "timbre": Entry(f"{_GROUPS}:timbre", "sound", "topics of the sounds that occur, codewords of MFCCs"),
    "year": Entry(f"{_TABLE}:year", "column year", "year, a mixture"),
    "genre": Entry(f"{_TABLE}:genre", "column genre (or label)", "the genres, in equal shares"),
    "tags": Entry(f"{_TABLE}:tags", "column tags", "topics of tags"),
    "lyrics": Entry(f"{_TABLE}:lyrics", "column lyrics (or lyrics_words)", "topics of words"),
    "artist_tags": Entry(f"{_TABLE}:artist_tags", "columns artist and tags (or genre)", "topics of an artist's tags"),
    "artist_group": Entry(f"{_GROUPS}:artist_group", "sound, column artist", "topics of the sounds of an artist"),
    "artist_group_delta": Entry(
        f"{_GROUPS}:artist_group_delta", "sound, column artist", "the same of changes from frame to frame"
    ),
    "artist_group_wide": Entry(
        f"{_GROUPS}:artist_group_wide", "sound, column artist", "the same of a wide vector of descriptors of each clip"
    ),
    "artist_group_genres": Entry(
        f"{_GROUPS}:artist_group_genres", "columns artist and subgenres (or tags)", "topics of an artist's sub-genres"
    ),
    "bpm": Entry(f"{_TABLE}:bpm", "column bpm (or tempo)", "tempo as the table tells it, in octaves, a mixture"),
    "cdr_tag": Entry(f"{_TABLE}:cdr_tag", "column album_genres", "topics of the genres of albums"),
    "artist": Entry(f"{_TABLE}:artist", "column artist", "the artist"),
    "taste": Entry(
        "earwitness.learning.sources.listening:taste", "a table of plays, or playlists", "topics of listeners"
    ),
}


def make_sources(
    clips: Clips,
    names: Sequence[str],
    *,
    training: ArrayLike,
    components: int | None = None,
    seed: int = 0,
    listening: Any = None,
    options: LabelOptions | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> list[Source]:
    """Learning sources of a collection: what a network is to predict of each clip.

    Models of labels are fitted on training clips only; the others are folded in. Labels that are computed from sound
    are kept by content, so that they are computed once.

    Parameters
    ----------
    clips
    names
        Of `SOURCES`.
    training : (clips,) bool array
        Which clips models of labels may see.
    components
        Outputs of topics and mixtures at most, in place of that of `options`; fewer where the data bear fewer.
    seed
        Of topics and mixtures.
    listening
        For the source `taste`: a table, or the path of one, with columns `user`, `path` and `count`; or of a playlist
        (`.m3u`) or a folder of them.
    options
        Everything else.
    jobs, cluster, progress
        As in `engine.map`.

    Returns
    -------
    list of Source
        In the order of the names.

    Raises
    ------
    InputError
        If a source is unknown, or cannot be made from these clips; in one sentence.
    """
    request = _request(clips, training, components, seed, listening, options, jobs, cluster, progress)
    return [_maker(name)(request) for name in dict.fromkeys(names)]


def offered_sources(
    clips: Clips,
    *,
    training: ArrayLike | None = None,
    listening: Any = None,
    components: int | None = None,
    seed: int = 0,
    options: LabelOptions | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: engine.Progress | None = None,
) -> pd.DataFrame:
    """Which sources a collection has, as a table for people.

    The sound is listened to where it was not before. Parameters are those of `make_sources`; without `training` every
    clip is one.

    Returns
    -------
    DataFrame
        A row a source: `source`, `offered`, `clips` (with a label), `outputs`, `why` (it is not offered, or what to
        know of it).
    """
    training = np.ones(len(clips), bool) if training is None else training
    request = _request(clips, training, components, seed, listening, options, jobs, cluster, progress)
    rows: list[dict[str, Any]] = []
    for name in SOURCES:
        try:
            made = _maker(name)(request)
        except (InputError, MissingExtraError) as error:
            rows.append({"source": name, "offered": False, "clips": 0, "outputs": 0, "why": str(error)})
            continue
        note = str(made.model.facts.get("note", ""))
        count = int(made.labelled.sum())
        rows.append({"source": name, "offered": True, "clips": count, "outputs": len(made.outputs), "why": note})
    return pd.DataFrame(rows)


def _request(
    clips: Clips,
    training: ArrayLike,
    components: int | None,
    seed: int,
    listening: Any,
    options: LabelOptions | None,
    jobs: int | None,
    cluster: str | None,
    progress: engine.Progress | None,
) -> Request:
    from dataclasses import replace

    mask = np.asarray(training, dtype=bool)
    if mask.shape != (len(clips),):
        raise InputError(f"training says yes or no for each of {len(clips)} clips, not for {mask.shape} values")
    options = options or LabelOptions()
    if options.fit_on not in ("train", "all"):
        raise InputError(f"models of labels are fitted on 'train' or on 'all', not on {options.fit_on!r}")
    if components is not None:
        options = replace(options, components=components)
    if options.components < 2:
        raise InputError(f"a source has two outputs or more, not {options.components}")
    return Request(clips, mask, options, seed, listening, jobs, cluster, progress)


def _maker(name: str) -> Callable[[Request], Source]:
    if name not in SOURCES:
        nearest = get_close_matches(name, SOURCES, 1)
        mend = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(SOURCES)}"
        raise InputError(f"there is no learning source {name!r}: {mend}")
    module, _, function = SOURCES[name].path.partition(":")
    made: Callable[[Request], Source] = getattr(import_module(module), function)
    return made
