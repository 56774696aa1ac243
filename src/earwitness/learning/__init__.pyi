from .loop import Schedule, Task, train
from .multi_source import Method, Prepared, Resources, learn, prepare
from .networks import STRATEGIES, MultiSourceNetwork, Part, Size
from .scale import SCALES, Scale
from .sources import SOURCES, LabelOptions, Source, make_sources, offered_sources
from .spectrograms import FrontEnd, SpectrogramCache

__all__ = [
    "SCALES",
    "SOURCES",
    "STRATEGIES",
    "FrontEnd",
    "LabelOptions",
    "Method",
    "MultiSourceNetwork",
    "Part",
    "Prepared",
    "Resources",
    "Scale",
    "Schedule",
    "Size",
    "Source",
    "SpectrogramCache",
    "Task",
    "learn",
    "make_sources",
    "offered_sources",
    "prepare",
    "train",
]
