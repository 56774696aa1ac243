"""Sources that need nothing but the sound: self, tempo, tempogram, onset, chroma, key, loudness.

Their labels are computed, so they contain errors; they leak nothing about annotations.
"""

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.sources import rhythm as columns
from earwitness.learning.sources.descriptors import Described, finite_rows
from earwitness.learning.sources.descriptors import columns as some_columns
from earwitness.learning.sources.from_table import TEMPO_RESOLUTION
from earwitness.learning.sources.harmony import KEYS, PITCH_CLASSES, key_shares
from earwitness.learning.sources.parts import Scalar, classes_source, numbers_source
from earwitness.learning.sources.request import Request
from earwitness.learning.sources.rhythm import TEMPI
from earwitness.learning.sources.source import LabelModel, Source

Floats = NDArray[np.float64]

ONSET_RATE_RESOLUTION, ONSET_STRENGTH_RESOLUTION = 0.1, 0.05
LEVEL_RESOLUTION = 0.5  # dB


def self_source(request: Request) -> Source:
    """Whether two chunks are of one clip (Kim 2021, equation 2.6)."""
    seconds = request.clips.table["duration"].to_numpy(float)
    chunk = request.options.chunk_s
    usable = ~(seconds < chunk - 0.01)  # a length that is not known is taken to be enough
    count, least = int((usable & request.training).sum()), request.options.least_clips
    if count < least:
        raise InputError(
            f"the source self needs {least} training clips of {chunk:.1f} s or more, but has {count}: add longer "
            "clips, or leave the source out"
        )
    overlapping = int((usable & (seconds < 2 * chunk - 0.01)).sum())
    note = f"chunks overlap in clips shorter than {2 * chunk:.1f} s, which are {overlapping}" if overlapping else ""
    model = LabelModel("pairs", {"chunk_s": chunk, "note": note, "labelled": int(usable.sum())}, {"usable": usable})
    outputs = ("of different clips", "of one clip")
    return Source("self", "pairs", np.zeros((len(request.clips), 0), np.float32), outputs, model)


def tempo(request: Request) -> Source:
    """The tempo, as a mixture over octaves."""
    heard = request.described("rhythm")
    beats = some_columns(heard.values, [columns.TEMPO])[:, 0]
    scalar = Scalar("tempo", "BPM", beats, TEMPO_RESOLUTION, logarithmic=True)
    return numbers_source(request, "tempo", [scalar], _facts(heard))


def tempogram(request: Request) -> Source:
    """How strongly a clip repeats at each of 50 tempi."""
    heard = request.described("rhythm")
    profile = some_columns(heard.values, range(columns.PROFILE, columns.PROFILE + len(TEMPI)))
    names = [f"{tempo:.0f} BPM" for tempo in TEMPI]
    return classes_source(request, "tempogram", names, _shares(profile), _facts(heard))


def onset(request: Request) -> Source:
    """Onsets a second, and how strong they are, each as a mixture."""
    heard = request.described("rhythm")
    rate, strength = some_columns(heard.values, [columns.ONSET_RATE, columns.ONSET_STRENGTH]).T
    scalars = [
        Scalar("onset rate", "per second", rate, ONSET_RATE_RESOLUTION),
        Scalar("onset strength", "(mean envelope)", strength, ONSET_STRENGTH_RESOLUTION),
    ]
    return numbers_source(request, "onset", scalars, _facts(heard))


def chroma(request: Request) -> Source:
    """Shares of the twelve pitch classes."""
    heard = request.described("chroma")
    rows = some_columns(heard.values, range(12))
    return classes_source(request, "chroma", PITCH_CLASSES, _shares(rows), _facts(heard))


def key(request: Request) -> Source:
    """How well the clip fits each of 24 keys."""
    heard = request.described("chroma")
    rows = some_columns(heard.values, range(12))
    temperature = request.options.key_temperature
    facts = {"temperature": temperature, **_facts(heard)}
    return classes_source(request, "key", KEYS, key_shares(rows, temperature), facts)


def loudness(request: Request) -> Source:
    """Mean level and range of levels, each as a mixture."""
    heard = request.described("loudness")
    level, span = some_columns(heard.values, [0, 1]).T
    scalars = [
        Scalar("level", "dB", level, LEVEL_RESOLUTION),
        Scalar("range of levels", "dB", span, LEVEL_RESOLUTION),
    ]
    return numbers_source(request, "loudness", scalars, _facts(heard))


def _shares(rows: Floats) -> Floats:
    """Rows scaled to sum exactly to 1; a row of nothing is no label."""
    total = rows.sum(axis=1, keepdims=True)
    return np.divide(rows, total, out=np.full_like(rows, np.nan), where=total > 0)


def _facts(heard: Described) -> dict[str, object]:
    return {"heard": int(finite_rows(heard.values).sum()), "unreadable": [list(pair) for pair in heard.unreadable]}
