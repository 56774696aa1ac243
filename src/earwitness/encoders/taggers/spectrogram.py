"""Taggers of a mel spectrogram without attention: FCN, CRNN and the musicnn of MTG-Jamendo.

References
----------
Choi, Fazekas and Sandler (2016). Automatic tagging using deep convolutional neural networks. ISMIR.
Choi, Fazekas, Sandler and Cho (2017). Convolutional recurrent neural networks for music classification. ICASSP.
Pons et al. (2018). End-to-end learning for music audio tagging at scale. ISMIR.
"""

import torch
from torch import Tensor, nn

from earwitness.encoders.taggers.blocks import Conv1dBlock, Conv2dBlock
from earwitness.encoders.taggers.tagger import TAGS, SpectrogramTagger, over_time, probabilities


class FCN(SpectrogramTagger):
    """Five convolutions over windows of 29 s; layer5 (64 values) is what comes before the tags."""

    sizes = {"layer5": 64, "layer1": 64, "layer2": 128, "layer3": 128, "layer4": 128, "tags": TAGS}  # noqa: RUF012
    samples = 464_000
    pieces_at_once = 1

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = Conv2dBlock(1, 64, (2, 4))
        self.layer2 = Conv2dBlock(64, 128, (2, 4))
        self.layer3 = Conv2dBlock(128, 128, (2, 4))
        self.layer4 = Conv2dBlock(128, 128, (3, 5))
        self.layer5 = Conv2dBlock(128, 64, (4, 4))
        self.dense = nn.Linear(64, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image, found = self.image(pieces), {}
        for number in range(1, 6):
            image = getattr(self, f"layer{number}")(image)
            found[f"layer{number}"] = over_time(image)
        return found | {"tags": probabilities(self.dense, found["layer5"])}


class CRNN(SpectrogramTagger):
    """Four convolutions and two recurrent layers over windows of 29 s; layer5 (32 values) is their last step."""

    sizes = {"layer5": 32, "layer1": 64, "layer2": 128, "layer3": 128, "layer4": 128, "tags": TAGS}  # noqa: RUF012
    samples = 464_000
    pieces_at_once = 1

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = Conv2dBlock(1, 64, (2, 2))
        self.layer2 = Conv2dBlock(64, 128, (3, 3))
        self.layer3 = Conv2dBlock(128, 128, (4, 4))
        self.layer4 = Conv2dBlock(128, 128, (4, 4))
        self.layer5 = nn.GRU(128, 32, 2, batch_first=True)
        self.dense = nn.Linear(32, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image, found = self.image(pieces), {}
        for number in range(1, 5):
            image = getattr(self, f"layer{number}")(image)
            found[f"layer{number}"] = over_time(image)
        steps, _ = self.layer5(image.squeeze(2).transpose(1, 2))  # (n, 18, 32)
        return found | {"layer5": steps[:, -1], "tags": probabilities(self.dense, steps[:, -1])}


class _Vertical(nn.Module):
    """A filter `height` bands high and seven frames long; its largest answer over the frequencies."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 204, (height, 7), padding=(0, 3))
        self.bn = nn.BatchNorm2d(204)

    def forward(self, image: Tensor) -> Tensor:
        largest: Tensor = self.bn(self.conv(image)).relu().amax(2)
        return largest


class JamendoMusicnn(SpectrogramTagger):
    """Timbral and temporal filters over windows of 3 s; dense1 (200 values) comes before the tags.

    This is upstream's port, in its setting for MTG-Jamendo: decibels, normalisation before ReLU, temporal filters over
    the mean of the bands. The original, with its own weights, is `musicnn-msd` and `musicnn-mtt`.
    """

    sizes = {  # noqa: RUF012
        "dense1": 200,
        "front": 561,
        "layer1": 64,
        "layer2": 64,
        "layer3": 64,
        "max_pool": 753,
        "mean_pool": 753,
        "tags": TAGS,
    }
    samples = 48_000
    pieces_at_once = 8

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        temporal = (Conv1dBlock(1, 51, length) for length in (129, 65, 33))
        self.layers = nn.ModuleList([_Vertical(67), _Vertical(38), *temporal])
        self.layer1 = Conv1dBlock(561, 64, 7)
        self.layer2 = Conv1dBlock(64, 64, 7)
        self.layer3 = Conv1dBlock(64, 64, 7)
        self.dense1 = nn.Linear(1506, 200)
        self.bn = nn.BatchNorm1d(200)
        self.dense2 = nn.Linear(200, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        image = self.image(pieces)  # (n, 1, 96, 188)
        energy = image.mean(2)
        front = torch.cat([part(image if i < 2 else energy) for i, part in enumerate(self.layers)], dim=1)
        first = self.layer1(front)
        second = self.layer2(first) + first
        third = self.layer3(second) + second
        stack = torch.cat([front, first, second, third], dim=1)  # (n, 753, 188)
        pooled = {"max_pool": stack.amax(2), "mean_pool": stack.mean(2)}
        dense = self.bn(self.dense1(torch.cat(list(pooled.values()), dim=1))).relu()
        middle = {"front": front, "layer1": first, "layer2": second, "layer3": third}
        found = {name: over_time(values) for name, values in middle.items()}
        return found | pooled | {"dense1": dense, "tags": probabilities(self.dense2, dense)}
