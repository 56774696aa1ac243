"""Distances between embeddings (one vector a clip) and between sequences (one vector a frame)."""

from earwitness.distances.vectors import cosine_matrix, euclidean_matrix, nearest

__all__ = ["cosine_matrix", "euclidean_matrix", "nearest"]
