"""Sources of what is counted in sounds: timbre, a clip at a time; and artist groups, an artist at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from earwitness.errors import InputError
from earwitness.learning.label_factors.artist_groups import fit_artist_groups, quantile_normalised
from earwitness.learning.label_factors.dictionary import dictionary_size, fit_dictionary, nearest_centres
from earwitness.learning.label_factors.mixtures import effective_components
from earwitness.learning.label_factors.terms import read_names, sum_by_group, term_matrix
from earwitness.learning.sources.descriptors import finite_rows
from earwitness.learning.sources.frames import count_sounds
from earwitness.learning.sources.from_table import artists_of
from earwitness.learning.sources.parts import topics_source
from earwitness.learning.sources.request import Request
from earwitness.learning.sources.source import Source


def timbre(request: Request) -> Source:
    """Topics of the sounds of each clip."""
    found = count_sounds(request, "mfcc")
    facts = {"unreadable": [list(pair) for pair in found.unreadable]}
    return topics_source(request, "timbre", found.counts, _sounds(len(found.centres)), facts)


def artist_group(request: Request) -> Source:
    """Artist groups by the sounds of their clips (m of Kim 2021, chapter 3)."""
    return _of_sounds(request, "artist_group", "mfcc")


def artist_group_delta(request: Request) -> Source:
    """Artist groups by how sounds change from frame to frame (d)."""
    return _of_sounds(request, "artist_group_delta", "delta")


def artist_group_wide(request: Request) -> Source:
    """Artist groups by a wide vector of descriptors of each clip (e)."""
    artists_of(request, "artist_group_wide")  # said before anything is listened to
    heard = request.described("wide")
    rows = finite_rows(heard.values)
    fitted = rows & request.fitted_on
    request.require_labels("artist_group_wide", rows)
    normal = quantile_normalised(heard.values[rows].astype(float), fitted[rows]).astype(np.float32)
    size = dictionary_size(request.options.codewords, int(fitted.sum()))
    centres = fit_dictionary(normal[fitted[rows]], size, seed=request.seed)
    places = (np.ones(int(rows.sum())), (np.flatnonzero(rows), nearest_centres(normal, centres)))
    counts = sp.csr_matrix(places, shape=(len(rows), size))
    facts = {"unreadable": [list(pair) for pair in heard.unreadable], "descriptors": int(normal.shape[1])}
    return _groups(request, "artist_group_wide", counts, _sounds(size), facts)


def artist_group_genres(request: Request) -> Source:
    """Artist groups by the sub-genres of their clips (s)."""
    column, cells = request.column("subgenres", "artist_group_genres")
    named = [dict.fromkeys(read_names(cell), 1.0) for cell in cells]
    weights, vocabulary = term_matrix(named, request.fitted_on)
    return _groups(request, "artist_group_genres", weights, vocabulary, {"column": column})


def _of_sounds(request: Request, name: str, kind: Any) -> Source:
    artists_of(request, name)
    found = count_sounds(request, kind)
    facts = {"unreadable": [list(pair) for pair in found.unreadable]}
    return _groups(request, name, found.counts, _sounds(len(found.centres)), facts)


def _sounds(count: int) -> list[str]:
    return [f"sound {number}" for number in range(1, count + 1)]


def _groups(
    request: Request, name: str, counts: sp.csr_matrix, vocabulary: Sequence[str], facts: Mapping[str, Any]
) -> Source:
    """Topics of artists' documents, each artist's for all the artist's clips."""
    by, artists, fitted = artists_of(request, name)
    filled = np.asarray(counts.sum(axis=1)).ravel() > 0
    request.require_labels(name, filled & (artists >= 0))
    # What clips outside training say of an artist who is in training must not reach the target.
    told = filled & (artists >= 0) & (request.fitted_on | ~fitted[artists])
    documents = sum_by_group(counts, np.where(told, artists, -1), len(fitted))
    words = int((np.asarray(documents[fitted].sum(axis=0)).ravel() > 0).sum())
    members = int(fitted.sum())
    if members < 2 or words < 2:
        raise InputError(
            f"the source {name} needs two artists with two kinds of sound or label, but there are {members} artists "
            f"and {words} kinds in the training clips; leave it out"
        )
    topics = effective_components(request.options.artist_topics, min(words - 1, members), 10 * members)
    found = fit_artist_groups(documents, fitted, topics, seed=request.seed)
    targets = request.unlabelled(topics)
    targets[artists >= 0] = found.artists[artists[artists >= 0]]
    total = np.asarray(documents[fitted].sum(axis=0), dtype=float).ravel()
    facts = {"vocabulary": list(vocabulary), "by": by, "artists": members, **facts}
    return request.source(name, targets, "topics", facts, {"terms": found.terms, "word_shares": total / total.sum()})
