"""The networks of Kim (2021), chapter 3: an encoder of one second of sound, for one task or several, and the transfer.

The encoder (Table 3.2) takes 128 mel bands x 43 frames. A network for one task is STN; one for several, which share
the first convolution alone, is MTN; one for one task that is as large as another for several is wSTN.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.encoders.drawn_weights import draw_weights
from earwitness.errors import InputError

BANDS, FRAMES = 128, 43
FEATURES, HIDDEN = 256, 1024
WSTN_WIDTH = {1: 1.0, 2: 1.418, 3: 1.741, 4: 2.012, 5: 2.252}
"""Times the channels, so that a network for genre alone is as large as an MTN for so many tasks."""

Variant = Literal["table", "code"]


class Task(NamedTuple):
    """What a network learns: its letter in the tables (g, m, d, e, s), and the classes or topics of its target."""

    name: str
    outputs: int


@dataclass(frozen=True)
class Shape:
    """How large an encoder is, and which of two descriptions it follows.

    Attributes
    ----------
    width
        Times the channels of each layer, rounded; 1 is the published network.
    variant
        "table": Table 3.2. "code": the published code, with dropout after the first pooling (0.1) and after the global
        pooling (0.5) too, and without batch normalisation on the 1 x 1 convolution.
    """

    width: float = 1.0
    variant: Variant = "table"

    def __post_init__(self) -> None:
        if not 0 < self.width <= 16:
            raise InputError(f"a width lies above 0 and at most at 16, not at {self.width:g}")
        if self.variant not in ("table", "code"):
            raise InputError(f"a variant is 'table' or 'code', not {self.variant!r}")

    def of(self, channels: int) -> int:
        """So many channels, times the width; at least 1."""
        return max(1, round(channels * self.width))

    @property
    def features(self) -> int:
        """Values of the representation."""
        return self.of(FEATURES)


class ArtistGroupNetwork(nn.Module):
    """An encoder and a head for each task; several tasks share the first convolution and its pooling.

    Parameters
    ----------
    tasks
        In the order of their blocks of the representation.
    shape
        Of the encoder.

    Raises
    ------
    InputError
        If there is no task, or one twice.
    """

    def __init__(self, tasks: Sequence[Task], shape: Shape | None = None) -> None:
        super().__init__()
        if not tasks or len({task.name for task in tasks}) < len(tasks):
            raise InputError(f"a network learns one task or more, each once, not {[task.name for task in tasks]}")
        self.tasks, self.shape = tuple(tasks), shape or Shape()
        self.trunk = _first(self.shape)
        self.branches = nn.ModuleList(_rest(self.shape) for _ in tasks)
        self.heads = nn.ModuleList(nn.Linear(self.shape.features, task.outputs) for task in tasks)
        self.dropout = nn.Dropout(0.5)

    @property
    def embedding_size(self) -> int:
        """Values for a segment: a block a task."""
        return len(self.tasks) * self.shape.features

    def forward(self, segments: Tensor, task: str | None = None) -> Tensor:
        """Segments (n, 1, 128, 43) to the representation (n, tasks x features), or to a task's logits (n, outputs)."""
        shared = self.trunk(segments)
        if task is None:
            return torch.cat([branch(shared) for branch in self.branches], dim=1)
        place = [one.name for one in self.tasks].index(task)
        logits: Tensor = self.heads[place](self.dropout(self.branches[place](shared)))
        return logits

    def draw_weights(self, seed: int) -> "ArtistGroupNetwork":
        """Glorot-uniform weights that numpy draws; a task's branch depends on the seed and the task's name alone."""
        draw_weights(self.trunk, np.random.default_rng([seed, 0]))
        for task, branch, head in zip(self.tasks, self.branches, self.heads, strict=True):
            rng = np.random.default_rng([seed, 1, crc32(task.name.encode())])
            draw_weights(branch, rng)
            draw_weights(head, rng)
        return self

    def describe(self) -> dict[str, Any]:
        """What it takes to build this network again, as JSON values."""
        return {"tasks": [task._asdict() for task in self.tasks], "shape": asdict(self.shape)}


def described(description: dict[str, Any]) -> ArtistGroupNetwork:
    """The network that `ArtistGroupNetwork.describe` described, without its weights."""
    tasks = [Task(str(task["name"]), int(task["outputs"])) for task in description["tasks"]]
    return ArtistGroupNetwork(tasks, Shape(**description["shape"]))


class TransferClassifier(nn.Sequential):
    """Genre from the concatenated blocks of one network or several: dropout, dense, ELU, dropout, dense.

    Parameters
    ----------
    inputs, outputs
        Values of the representation, and genres.
    hidden
        Units between.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int = HIDDEN) -> None:
        super().__init__(
            nn.Dropout(0.5), nn.Linear(inputs, hidden), nn.ELU(), nn.Dropout(0.5), nn.Linear(hidden, outputs)
        )

    def draw_weights(self, seed: int) -> "TransferClassifier":
        """Glorot-uniform weights that numpy draws."""
        draw_weights(self, np.random.default_rng([seed, 2]))
        return self


def parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(values.numel() for values in network.parameters())


def _first(shape: Shape) -> nn.Sequential:
    extra = [nn.Dropout(0.1)] if shape.variant == "code" else []
    return nn.Sequential(nn.Conv2d(1, shape.of(16), 5, padding=2), nn.ELU(), nn.MaxPool2d((2, 1)), *extra)


def _rest(shape: Shape) -> nn.Sequential:
    code = shape.variant == "code"
    c16, c32, c64, c128, c256 = (shape.of(channels) for channels in (16, 32, 64, 128, 256))
    return nn.Sequential(
        *_block(c16, c32, normalised=True, dropout=True),
        *_block(c32, c64),
        *_block(c64, c64, normalised=True, dropout=True),
        *_block(c64, c128),
        nn.Conv2d(c128, c256, 3, padding=1),
        nn.ELU(),
        nn.Conv2d(c256, c256, 1, bias=code),
        *([] if code else [nn.BatchNorm2d(c256)]),
        nn.ELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(c256),
        *([nn.Dropout(0.5)] if code else []),
        nn.Linear(c256, c256, bias=False),
        nn.BatchNorm1d(c256),
        nn.ELU(),
    )


def _block(n_in: int, n_out: int, *, normalised: bool = False, dropout: bool = False) -> list[nn.Module]:
    """A 3 x 3 convolution, ELU and pooling; one that is normalised needs no bias."""
    layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, 3, padding=1, bias=not normalised)]
    if normalised:
        layers.append(nn.BatchNorm2d(n_out))
    layers += [nn.ELU(), nn.MaxPool2d(2)]
    return [*layers, nn.Dropout(0.1)] if dropout else layers
