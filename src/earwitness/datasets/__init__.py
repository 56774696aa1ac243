"""Clips and where they come from: a folder, a manifest, the bundled demo, mirdata's loaders."""

from earwitness.datasets.catalogue import Dataset, list_datasets
from earwitness.datasets.clips import Clip, Clips
from earwitness.datasets.load import load_clips
from earwitness.datasets.splits import group_overlap, require_separate_groups

__all__ = ["Clip", "Clips", "Dataset", "group_overlap", "list_datasets", "load_clips", "require_separate_groups"]
