"""Weights that were drawn and never trained."""

import numpy as np
import torch
from torch import nn


def draw_weights(network: nn.Module, rng: np.random.Generator) -> None:
    """Give every convolution and dense layer Glorot-uniform weights and no biases, in place.

    Numpy draws them, so that a seed means the same on every device. Normalisations stay as torch makes them.

    References
    ----------
    Glorot and Bengio (2010). Understanding the difficulty of training deep feedforward neural networks. AISTATS.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            field = layer.weight[0, 0].numel()
            bound = np.sqrt(6 / (field * (layer.weight.shape[0] + layer.weight.shape[1])))
            drawn = rng.uniform(-bound, bound, tuple(layer.weight.shape)).astype(np.float32)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(drawn))
                if layer.bias is not None:
                    layer.bias.zero_()
