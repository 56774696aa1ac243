"""Taggers of the waveform itself: SampleCNN, and the same with squeeze and excitation.

References
----------
Lee, Park, Kim and Nam (2017). Sample-level deep convolutional neural networks for music auto-tagging. SMC.
Kim, Lee and Nam (2018). Sample-level CNN architectures for music auto-tagging using raw waveforms. ICASSP.
"""

from torch import Tensor, nn

from earwitness.encoders.taggers.blocks import Conv1dBlock, SqueezeBlock
from earwitness.encoders.taggers.tagger import TAGS, Tagger, over_time, probabilities

_CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)  # of layers 1 to 11
_SIZES = {f"layer{number}": size for number, size in enumerate(_CHANNELS, start=1)}


class SampleCNN(Tagger):
    """Eleven convolutions over windows of 59,049 samples; layer11 (512 values) is what comes before the tags."""

    sizes = {"layer11": 512, **_SIZES, "tags": TAGS}  # noqa: RUF012  (read only)
    samples = 3**10
    pieces_at_once = 8

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = Conv1dBlock(1, 128, 3, stride=3)
        for number in range(2, 11):
            self.add_module(f"layer{number}", Conv1dBlock(_CHANNELS[number - 2], _CHANNELS[number - 1], 3, pool=3))
        self.layer11 = Conv1dBlock(512, 512, 1)
        self.dense = nn.Linear(512, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        found = _run(self, pieces)
        return found | {"tags": probabilities(self.dense, found["layer11"])}


class SampleCNNSE(Tagger):
    """Eleven gated residual blocks over windows of 59,049 samples; dense1 (512 values) comes before the tags."""

    sizes = {"dense1": 512, **_SIZES, "tags": TAGS}  # noqa: RUF012  (read only)
    samples = 3**10
    pieces_at_once = 8

    def __init__(self, layer: str | None = None) -> None:
        super().__init__(layer)
        self.layer1 = SqueezeBlock(1, 128, stride=3, pool=1)
        for number in range(2, 11):
            self.add_module(f"layer{number}", SqueezeBlock(_CHANNELS[number - 2], _CHANNELS[number - 1]))
        self.layer11 = SqueezeBlock(512, 512, kernel=1, pool=1)
        self.dense1 = nn.Linear(512, 512)
        self.bn = nn.BatchNorm1d(512)
        self.dense2 = nn.Linear(512, TAGS)

    def every_layer(self, pieces: Tensor) -> dict[str, Tensor]:
        """Every layer that can be chosen, by name."""
        found = _run(self, pieces)
        dense = self.bn(self.dense1(found["layer11"])).relu()
        return found | {"dense1": dense, "tags": probabilities(self.dense2, dense)}


def _run(network: Tagger, pieces: Tensor) -> dict[str, Tensor]:
    """The eleven layers of windows [n, 59049], each over time."""
    sequence, found = pieces[:, None], {}
    for number in range(1, len(_CHANNELS) + 1):
        sequence = getattr(network, f"layer{number}")(sequence)
        found[f"layer{number}"] = over_time(sequence)
    return found
