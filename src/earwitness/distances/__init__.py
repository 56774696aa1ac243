"""Distances between embeddings (one vector a clip) and between sequences (one vector a frame)."""

from earwitness.distances.fast import fastdtw
from earwitness.distances.neighbours import nearest, own_nearest
from earwitness.distances.ranks import average_ranks, correlation_of_ranks, rank_correlation
from earwitness.distances.simple import simple_matrix, simple_profile
from earwitness.distances.vectors import cosine_matrix, euclidean_matrix
from earwitness.distances.warping import dtw, dtw_matrix

__all__ = [
    "average_ranks",
    "correlation_of_ranks",
    "cosine_matrix",
    "dtw",
    "dtw_matrix",
    "euclidean_matrix",
    "fastdtw",
    "nearest",
    "own_nearest",
    "rank_correlation",
    "simple_matrix",
    "simple_profile",
]
