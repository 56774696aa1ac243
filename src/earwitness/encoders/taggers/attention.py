"""CNNSA: residual convolutions over a mel spectrogram, then self-attention over time.

References
----------
Won, Chun and Serra (2019). Toward interpretable music tagging with self-attention. arXiv:1906.04972.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from earwitness.encoders.taggers.blocks import ResidualBlock
from earwitness.encoders.taggers.tagger import TAGS, SpectrogramTagger, over_time, probabilities

_SIZE, _HEADS, _MIDDLE = 256, 8, 1024


class CNNSA(SpectrogramTagger):
    """Seven residual convolutions and two attention layers over windows of 15 s; pooler (256 values) before the tags.

    An attention layer is read at its first place, which the network adds for the purpose.
    """

    sizes = {  # noqa: RUF012  (read only)
        "pooler": _SIZE,
        **{f"layer{number}": 128 if number < 3 else 256 for number in range(1, 8)},
        "encoder.layer.0": _SIZE,
        "encoder.layer.1": _SIZE,
        "tags": TAGS,
    }
    samples = 240_000
    bands = 128
    pieces_at_once = 2

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = ResidualBlock(1, 128, stride=2)
        self.layer2 = ResidualBlock(128, 128, stride=2)
        self.layer3 = ResidualBlock(128, 256, stride=2)
        for number in range(4, 8):
            self.add_module(f"layer{number}", ResidualBlock(256, 256, stride=(2, 1)))
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList([_EncoderLayer(), _EncoderLayer()])
        self.pooler = nn.Module()
        self.pooler.dense = nn.Linear(_SIZE, _SIZE)
        self.dense = nn.Linear(_SIZE, TAGS)
        # The vector at the first place was drawn once and never trained; it is no part of the published weights.
        first = np.random.RandomState(0).random_sample(_SIZE).astype(np.float32)
        self.register_buffer("first_place", torch.from_numpy(first), persistent=False)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image, found = self.image(pieces), {}
        for number in range(1, 8):
            image = getattr(self, f"layer{number}")(image)
            found[f"layer{number}"] = over_time(image)
        first = self.first_place.expand(len(image), 1, _SIZE)
        states = torch.cat([first, image.squeeze(2).transpose(1, 2)], dim=1)  # (n, 119, 256)
        for number, layer in enumerate(self.encoder.layer):
            states = layer(states)
            found[f"encoder.layer.{number}"] = states[:, 0]
        pooled = self.pooler.dense(states[:, 0]).tanh()
        return found | {"pooler": pooled, "tags": probabilities(self.dense, pooled)}


class _EncoderLayer(nn.Module):
    """Self-attention and two dense maps, each added to what came in and then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Module()
        self.attention.self = nn.Module()
        for name in ("query", "key", "value"):
            self.attention.self.add_module(name, nn.Linear(_SIZE, _SIZE))
        self.attention.output = _Output(_SIZE)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(_SIZE, _MIDDLE)
        self.output = _Output(_MIDDLE)

    def forward(self, states: Tensor) -> Tensor:
        attended = self.attention.output(self._attend(states), states)
        answer: Tensor = self.output(gelu(self.intermediate.dense(attended)), attended)
        return answer

    def _attend(self, states: Tensor) -> Tensor:
        """Means over the places, weighed by how well a query fits their keys, head by head: [n, places, 256]."""

        def heads(name: str) -> Tensor:  # (n, heads, places, 32)
            return getattr(self.attention.self, name)(states).unflatten(2, (_HEADS, -1)).transpose(1, 2)

        query, key, value = (heads(name) for name in ("query", "key", "value"))
        scores = query @ key.transpose(2, 3) / (_SIZE // _HEADS) ** 0.5
        return (scores.softmax(3) @ value).transpose(1, 2).flatten(2)


class _Output(nn.Module):
    """Dense map, sum with what came in before, normalisation."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_in, _SIZE)
        self.LayerNorm = nn.LayerNorm(_SIZE, eps=1e-12)

    def forward(self, values: Tensor, before: Tensor) -> Tensor:
        answer: Tensor = self.LayerNorm(self.dense(values) + before)
        return answer
