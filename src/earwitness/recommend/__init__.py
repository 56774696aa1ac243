"""Recommenders and the explainers that claim to explain them. Nothing here loads a network library until one is run."""

from earwitness.recommend.catalogue import EXPLAINERS, RECOMMENDERS, load_explainer, load_recommender
from earwitness.recommend.protocol import BlackBox, Recommender, TagModel

__all__ = [
    "EXPLAINERS",
    "RECOMMENDERS",
    "BlackBox",
    "Recommender",
    "TagModel",
    "load_explainer",
    "load_recommender",
]
