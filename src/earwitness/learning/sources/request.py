"""What a source is made from: the clips, which of them train, the options, and columns under their usual names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.sources.descriptors import Described, describe
from earwitness.learning.sources.source import Form, LabelModel, Source, information

Floats = NDArray[np.float64]

COLUMNS = {
    "genre": ("genre", "genres", "label"),
    "subgenres": ("subgenres", "subgenre", "genres", "tags"),
    "tags": ("tags", "tag"),
    "year": ("year", "release_year"),
    "bpm": ("bpm", "tempo"),
    "lyrics": ("lyrics",),
    "lyrics_words": ("lyrics_words",),
    "album_genres": ("album_genres", "cdr_tags"),
    "artist": ("artist", "artist_name", "artist_id"),
}
"""Where what a source needs may stand in the table of clips; the first that there is."""

LEAST_INFORMATION = 0.01  # nat


@dataclass(frozen=True)
class LabelOptions:
    """How targets are made.

    Attributes
    ----------
    components
        Outputs of topics and mixtures at most.
    least_clips
        Training clips with a label that a source needs.
    fit_on
        "train": models of labels see training clips only, and others are folded in. "all": every clip, as in the
        published code.
    steps, tolerance
        Of the topics' expectation-maximisation.
    key_temperature
        Of the source `key`.
    words
        Of the source `lyrics`, at most.
    codewords
        Centres of the dictionary of sounds, at most one for each 20 frames or clips.
    frames
        A dictionary is fitted on at most so many.
    artist_topics, artist_clips
        Topics of artist groups; training clips that an artist needs to be a class of the source `artist`.
    chunk_s
        Seconds that a network hears at once.
    columns
        Columns of the table in place of `COLUMNS`, such as {"artist": "label"}.
    """

    components: int = 50
    least_clips: int = 100
    fit_on: str = "train"
    steps: int = 100
    tolerance: float = 0.0
    key_temperature: float = 0.1
    words: int = 5000
    codewords: int = 2048
    frames: int = 200_000
    artist_topics: int = 40
    artist_clips: int = 5
    chunk_s: float = 216 * 256 / 22050
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """All that a source can be made from."""

    clips: Clips
    training: NDArray[np.bool_]
    options: LabelOptions = LabelOptions()
    seed: int = 0
    listening: Any = None
    jobs: int | None = None
    cluster: str | None = None
    progress: engine.Progress | None = None

    @property
    def fitted_on(self) -> NDArray[np.bool_]:
        """Which clips the models of labels may see."""
        return np.ones(len(self.clips), bool) if self.options.fit_on == "all" else self.training

    def described(self, name: str) -> Described:
        """A descriptor of every clip."""
        return describe(self.clips, name, jobs=self.jobs, cluster=self.cluster, progress=self.progress)

    def column(self, need: str, source: str) -> tuple[str, pd.Series]:
        """The column that holds what a source needs, and its name.

        Raises
        ------
        InputError
            If there is none, or the one that was named is missing.
        """
        table = self.clips.table
        asked = self.options.columns.get(need)
        names = (asked,) if asked else COLUMNS[need]
        have = {str(column).lower(): column for column in table.columns}
        for name in names:
            if name.lower() in have:
                found = have[name.lower()]
                return str(found), table[found]
        raise InputError(
            f"the source {source} needs a column {' or '.join(map(repr, names))}, which the clips do not have; "
            "add one, or leave the source out"
        )

    def unlabelled(self, outputs: int) -> Floats:
        """(clips, outputs) targets of which nothing is known yet."""
        return np.full((len(self.clips), outputs), np.nan)

    def require_labels(self, source: str, labelled: NDArray[np.bool_]) -> None:
        """Refuse a source that too few training clips have a label of."""
        count, least = int((labelled & self.training).sum()), self.options.least_clips
        if count < least:
            raise InputError(
                f"the source {source} needs {least} training clips with a label, but has {count} of "
                f"{int(self.training.sum())}; add labels, or leave the source out"
            )

    def source(
        self,
        name: str,
        targets: Floats,
        form: Form,
        facts: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> Source:
        """A source of these targets, unless too few clips have them or all have the same.

        Raises
        ------
        InputError
            In one sentence, if the source cannot be offered.
        """
        rows = np.asarray(np.isfinite(targets).all(axis=1))
        self.require_labels(name, rows)
        told = information(targets[rows & self.training])
        if told <= LEAST_INFORMATION:
            raise InputError(
                f"the source {name} tells the clips not apart: its targets lie {told:.4f} nat from their mean, and "
                f"{LEAST_INFORMATION} is the least; leave it out"
            )
        prior = targets[rows & self.training].mean(axis=0)
        facts = {"information_nat": told, "labelled": int(rows.sum()), "fit_on": self.options.fit_on, **facts}
        model = LabelModel(form, facts, {"prior": prior, **(arrays or {})})
        return Source(name, "distribution", targets.astype(np.float32), model.descriptions(), model)
