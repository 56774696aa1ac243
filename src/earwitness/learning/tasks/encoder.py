"""The encoder that all four tasks share (Kim 2021, Table 4.1, with the block that the published code has and it lacks).

Seven blocks of reflection padding, a 3 x 3 convolution without bias, batch normalisation, ReLU and 2 x 2 maximum
pooling; the mean over what is left of frequency and time ("gap"); a dense layer with batch normalisation and ReLU
("post_fc"), followed by dropout while it is trained.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from earwitness.learning.tasks.spectra import Shape

Layer = Literal["post_fc", "gap"]
LAYERS: tuple[Layer, ...] = ("post_fc", "gap")


class Encoded(NamedTuple):
    """What a decoder can know of a sound.

    `layers` has both representations, [n, d]; `pooled` and `places` what came out of each block, and where in its
    window each maximum had stood, first block first.
    """

    layers: dict[str, Tensor]
    pooled: list[Tensor]
    places: list[Tensor]

    def first(self, n: int) -> "Encoded":
        """The same of the first n sounds."""
        layers = {name: values[:n] for name, values in self.layers.items()}
        return Encoded(layers, [maps[:n] for maps in self.pooled], [maps[:n] for maps in self.places])


class Block(nn.Module):
    """Convolution, normalisation, ReLU; [n, c_in, F, T] to [n, c_out, F, T]."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="reflect", bias=False)
        self.normalisation = nn.BatchNorm2d(n_out)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.normalisation(self.convolution(maps)))


class Dense(nn.Module):
    """Linear map, normalisation, ReLU; [n, d_in] to [n, d_out]. Dropout is left to whoever goes on from here."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.normalisation = nn.BatchNorm1d(n_out)

    def forward(self, values: Tensor) -> Tensor:
        return functional.relu(self.normalisation(self.linear(values)))


class SpectrogramEncoder(nn.Module):
    """Standardised decibels [n, 1, bins, frames] to both layers, and what lies on the way."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        steps = zip((1, *shape.channels), shape.channels, strict=False)
        self.blocks = nn.ModuleList(Block(n_in, n_out) for n_in, n_out in steps)
        self.dense = Dense(shape.channels[-1], shape.features)
        self.sizes = {"post_fc": shape.features, "gap": shape.channels[-1]}

    def forward(self, maps: Tensor) -> Encoded:
        pooled, places = [], []
        for block in self.blocks:
            maps, place = functional.max_pool2d(block(maps), 2, return_indices=True)
            pooled.append(maps)
            places.append(place)
        gap = maps.mean((2, 3))
        return Encoded({"post_fc": self.dense(gap), "gap": gap}, pooled, places)
