"""Explainers: ways to weigh an item's tags that claim to say why it is recommended."""

from earwitness.recommend.explainers.base import Explainer, Explanation, Truncated
from earwitness.recommend.explainers.chance import RandomWeights
from earwitness.recommend.explainers.dependence import PartialDependence
from earwitness.recommend.explainers.lime import LIME
from earwitness.recommend.explainers.saliency import IntegratedGradients, Saliency
from earwitness.recommend.explainers.shapley import KernelSHAP

__all__ = [
    "LIME",
    "Explainer",
    "Explanation",
    "IntegratedGradients",
    "KernelSHAP",
    "PartialDependence",
    "RandomWeights",
    "Saliency",
    "Truncated",
]
