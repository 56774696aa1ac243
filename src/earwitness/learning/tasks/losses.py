"""The losses of Kim (2021), section 4.2, as functions of tensors."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Reconstruction = Literal["mean square", "norm"]
Separated = Literal["both", "target"]
Closeness = Literal["relative", "cosine"]


def reconstruction_loss(answer: Tensor, heard: Tensor, kind: Reconstruction = "mean square") -> Tensor:
    r"""How far standardised decibels are from those that were heard; [n, bins, frames] both.

    "mean square" over everything (the published code), or "norm": the mean over clips of
    :math:`\lVert x - \hat x \rVert_2` (equation 4.2).
    """
    if kind == "norm":
        return (answer - heard).flatten(1).norm(dim=1).mean()
    return functional.mse_loss(answer, heard)


def tagging_loss(logits: Tensor, tags: Tensor) -> Tensor:
    """Binary cross-entropy (equation 4.4), the mean over clips and tags; [n, tags] both, tags 0 or 1."""
    return functional.binary_cross_entropy_with_logits(logits, tags)


def instrument_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy (equation 4.6), the mean over clips: logits [n, classes], classes [n] as whole numbers."""
    return functional.cross_entropy(logits, classes)


def separation_loss(
    logits: Tensor, mixture: Tensor, target: Tensor, accompaniment: Tensor, parts: Separated = "both"
) -> Tensor:
    r"""How far what a mask leaves is from what should be left; magnitudes [n, bins, frames].

    .. math:: \overline{| M X - V |} + \overline{| (1 - M) X - A |}, \quad M = \sigma(\mathrm{logits})

    with mean absolute values: "both" as in the published code; "target" the first term only (equation 4.8).
    """
    mask = logits.sigmoid()
    loss = functional.l1_loss(mask * mixture, target)
    return loss if parts == "target" else loss + functional.l1_loss((1 - mask) * mixture, accompaniment)


def consistency_loss(originals: Tensor, copies: Tensor, kind: Closeness = "relative") -> Tensor:
    r"""How far the representations of changed copies are from those of their originals; [n, d] both.

    "relative" counts squared distances in units of those between different originals,

    .. math:: \frac{\tfrac1n \sum_i \lVert z_i - \tilde z_i \rVert^2}
        {\tfrac1{n(n-1)} \sum_{i \ne j} \lVert z_i - z_j \rVert^2},

    so that shrinking or collapsing representations gains nothing: what within-space consistency asks is which of the
    two is larger. "cosine" is the mean of :math:`1 - \cos(z_i, \tilde z_i)`, which a collapse would satisfy.
    """
    if kind == "cosine":
        # Of two zero vectors the direction is the same: none.
        products = functional.cosine_similarity(originals, copies, dim=1)
        return (1 - products).where(((originals != 0) | (copies != 0)).any(1), torch.zeros_like(products)).mean()
    away = (originals - copies).square().sum(1).mean()
    n = len(originals)
    apart = 2 * n / max(n - 1, 1) * originals.var(0, correction=0).sum()
    return away / apart.clamp(min=1e-12)
