"""Learning sources: what a network is to predict of each clip, made from its sound, its table or its listeners."""

from earwitness.learning.sources.making import SOURCES, make_sources, offered_sources
from earwitness.learning.sources.million_songs import with_million_song_labels
from earwitness.learning.sources.request import LabelOptions
from earwitness.learning.sources.source import LabelModel, Number, Source, source_from_files, source_to_files

__all__ = [
    "SOURCES",
    "LabelModel",
    "LabelOptions",
    "Number",
    "Source",
    "make_sources",
    "offered_sources",
    "source_from_files",
    "source_to_files",
    "with_million_song_labels",
]
