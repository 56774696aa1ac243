"""Gradients as explanations: saliency at the item's own tags, and integrated gradients from no tags to them."""

import numpy as np

from earwitness.recommend.explainers.base import Explanation, Support, Truncated, keep_largest
from earwitness.recommend.protocol import Floats, Integers, TagModel


class Saliency(Truncated):
    """How fast the score rises with each tag: theta_t = df / dt at the item's tags (Kim 2021, equation 5.18).

    Parameters
    ----------
    support
        "all": the largest derivatives of all tags, also of those the item does not have, which then say nothing of
        its score; "own": of the item's own tags.
    """

    def __init__(self, *, support: Support = "all") -> None:
        self.support = support
        self.name = "saliency" if support == "all" else "saliency-own"

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """As in `Truncated`."""
        columns, values = model.data_.own_tags(item)
        wanted = columns if self.support == "own" else np.arange(model.data_.n_tags)
        return keep_largest(model.gradient(users, item, values, columns, wanted), wanted, largest)


class IntegratedGradients(Truncated):
    """The gradient averaged along the straight way from no tags to the item's own.

    Its weights sum over the item's tags to f(t_i) - f(0), but for the error of the midpoint rule; tags that the item
    does not have get none.

    Parameters
    ----------
    steps
        Points on the way.

    References
    ----------
    Sundararajan, Taly and Yan (2017). Axiomatic attribution for deep networks.
    """

    name = "integrated-gradients"

    def __init__(self, *, steps: int = 16) -> None:
        self.steps = steps

    def ranked(self, model: TagModel, users: Integers, item: int, largest: int) -> Explanation:
        """As in `Truncated`."""
        columns, values = model.data_.own_tags(item)
        mean: Floats = np.zeros((len(users), len(columns)))
        for share in (np.arange(self.steps) + 0.5) / self.steps:
            mean += model.gradient(users, item, share * values, columns, columns) / self.steps
        return keep_largest(mean, columns, largest)
