from .loop import Schedule, Task, train
from .multi_source import Method, Prepared, Resources, learn, prepare
from .networks import STRATEGIES, MultiSourceNetwork, Part, Size
from .scale import SCALES, Scale
from .sources import SOURCES, LabelOptions, Source, make_sources, offered_sources
from .spectrograms import FrontEnd, SpectrogramCache
from .tasks.gathering import Question
from .tasks.learn import Making, learn_task
from .tasks.mixtures import Parts
from .tasks.training import Consistency

__all__ = [
    "SCALES",
    "SOURCES",
    "STRATEGIES",
    "Consistency",
    "FrontEnd",
    "LabelOptions",
    "Making",
    "Method",
    "MultiSourceNetwork",
    "Part",
    "Parts",
    "Prepared",
    "Question",
    "Resources",
    "Scale",
    "Schedule",
    "Size",
    "Source",
    "SpectrogramCache",
    "Task",
    "learn",
    "learn_task",
    "make_sources",
    "offered_sources",
    "prepare",
    "train",
]
