"""From a representation back to a spectrogram: the mirror of the encoder (Kim 2021, section 4.3, and its code)."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from earwitness.learning.tasks.encoder import Block, Dense, Encoded
from earwitness.learning.tasks.spectra import Shape

Unpooling = Literal["repeat", "indices", "bilinear"]
UNPOOLINGS: tuple[Unpooling, ...] = ("repeat", "indices")


class Decoder(nn.Module):
    """A representation [n, d] to [n, 1, bins, frames].

    Parameters
    ----------
    shape
        Of the encoder that is mirrored; `features` is d.
    unpooling
        "repeat": a maximum is repeated in its window, so that all there is passes through the representation (the
        text); "indices": it goes where the encoder had found it (the published code), which passes places around the
        representation; "bilinear": between the values (the code's decoder of MFCCs).
    skips
        Add what came out of each block of the encoder to what enters its mirror, deepest first (U-Net).
    """

    def __init__(self, shape: Shape, unpooling: Unpooling = "repeat", *, skips: bool = False) -> None:
        super().__init__()
        self.unpooling, self.skips = unpooling, skips
        *self.targets, self.start = shape.sizes
        deepest = shape.channels[-1]
        self.dense = Dense(shape.features, shape.features)
        self.spread = nn.Linear(shape.features, deepest * self.start[0] * self.start[1])
        mirrored = shape.channels[::-1]
        self.blocks = nn.ModuleList(Block(n_in, n_out) for n_in, n_out in pairwise(mirrored))
        self.last = nn.Conv2d(mirrored[-1], 1, 3, padding=1, padding_mode="reflect")

    def forward(self, representation: Tensor, encoded: Encoded | None = None) -> Tensor:
        """With skips or indices `encoded` must be given."""
        maps = self.spread(functional.dropout(self.dense(representation), 0.5, self.training))
        maps = maps.unflatten(1, (-1, *self.start))
        for depth, (block, size) in enumerate(zip([*self.blocks, self.last], self.targets[::-1], strict=True), 1):
            if self.skips:
                assert encoded is not None
                maps = maps + encoded.pooled[-depth]
            places = encoded.places[-depth] if encoded is not None and self.unpooling == "indices" else None
            maps = block(unpool(maps, size, self.unpooling, places))
        return maps


def unpool(maps: Tensor, size: tuple[int, int], unpooling: Unpooling, places: Tensor | None = None) -> Tensor:
    """Maps [n, c, f, t] on `size` = (F, T), where f = F // 2 and t = T // 2.

    Parameters
    ----------
    maps, size
        What was pooled, and the size before that.
    unpooling
        As in `Decoder`. Where a side is odd, the pooling had dropped its last row; "repeat" gives it the one before.
    places
        For "indices": those of `max_pool2d`.
    """
    if unpooling == "indices":
        assert places is not None
        return functional.max_unpool2d(maps, places, 2, output_size=list(size))
    if unpooling == "bilinear":
        return functional.interpolate(maps, size=size, mode="bilinear", align_corners=True)
    doubled = functional.interpolate(maps, scale_factor=2.0, mode="nearest")
    missing = (0, size[1] - doubled.shape[3], 0, size[0] - doubled.shape[2])
    return functional.pad(doubled, missing, mode="replicate") if any(missing) else doubled
