"""Clips and where they come from: a folder, a manifest, the bundled demo, mirdata's loaders."""

from earwitness.datasets.catalogue import Dataset, list_datasets
from earwitness.datasets.clips import Clip, Clips
from earwitness.datasets.exclusions import excluding, read_exclusions
from earwitness.datasets.interaction_layouts import load_interactions
from earwitness.datasets.interactions import Interactions
from earwitness.datasets.load import load_clips
from earwitness.datasets.splits import group_overlap, require_separate_groups

__all__ = [
    "Clip",
    "Clips",
    "Dataset",
    "Interactions",
    "excluding",
    "group_overlap",
    "list_datasets",
    "load_clips",
    "load_interactions",
    "read_exclusions",
    "require_separate_groups",
]
