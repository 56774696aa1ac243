"""One network for several learning sources, and how much of it they share: the six strategies of Kim (2021), chapter 2.

The base network has eight stages. A strategy says how many of them, b, all sources share; the others, and a head, exist
once for each source. The representation is what the branches give, side by side (Table 2.4).

| strategy | b | what it is | values a chunk |
|---|---|---|---|
| ss-r | 0 | one source | d |
| mss-cr | 0 | a network for each of m sources | d m |
| ms-cr@2, ms-cr@4, ms-cr@6 | 1, 3, 5 | branches begin at the second, fourth, sixth stage | d m |
| ms-sr@fc | 8 | everything is shared but the heads | d |
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.encoders.base_network import FEATURES, stages
from earwitness.encoders.drawn_weights import draw_weights
from earwitness.errors import InputError

SHARED_STAGES = {"ss-r": 0, "mss-cr": 0, "ms-cr@2": 1, "ms-cr@4": 3, "ms-cr@6": 5, "ms-sr@fc": 8}
STRATEGIES = tuple(SHARED_STAGES)

_PAIR_UNITS = 128  # of the hidden layer of the head that tells pairs


class Part(NamedTuple):
    """What a network learns from one source.

    Attributes
    ----------
    name
        Of the source.
    outputs
        Classes or topics; 2 for pairs.
    pairs
        Whether it tells two chunks of one clip from chunks of two (the source "self").
    """

    name: str
    outputs: int
    pairs: bool = False


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes
    ----------
    channels
        Of the sound: 1 or 2.
    width
        Times the channels of each block; 1 is the published network.
    features
        Values of a branch, d.
    """

    channels: int = 2
    width: float = 1.0
    features: int = FEATURES

    def __post_init__(self) -> None:
        if self.channels not in (1, 2):
            raise InputError(f"{self.channels} channels of sound: a network takes 1 (mono) or 2 (stereo)")
        if not 0 < self.width <= 16 or self.features < 1:
            raise InputError(
                f"width {self.width:g} and {self.features} features: a width lies above 0 and at most at 16, and there "
                "is 1 feature or more"
            )


class SourceNetwork(nn.Module):
    """What a chunk passes through for one source: shared stages, its branch, its head.

    Parameters
    ----------
    trunk, branch, head
        Of the network they belong to, which goes on owning them.
    """

    def __init__(self, trunk: nn.Module, branch: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk, self.branch, self.head = trunk, branch, head

    def forward(self, *chunks: Tensor) -> Tensor:
        """Logits [n, outputs] for chunks [n, channels, 216, 128]; for two such, of pairs.

        The two halves of pairs pass one after the other, so that each is normalised by itself.
        """
        features = [self.branch(self.trunk(half)) for half in chunks]
        logits: Tensor = self.head(torch.cat(features, dim=1))
        return logits


class MultiSourceNetwork(nn.Module):
    """The base network for several sources.

    Parameters
    ----------
    parts
        The sources, in the order of their blocks.
    strategy
        One of `STRATEGIES`.
    size
        How large.

    Raises
    ------
    InputError
        If there is no such strategy, or sources repeat or do not suit it.
    """

    def __init__(self, parts: Sequence[Part], strategy: str = "ms-cr@2", size: Size | None = None) -> None:
        super().__init__()
        check_strategy(strategy, [part.name for part in parts])
        self.parts, self.strategy, self.size = tuple(parts), strategy, size or Size()
        shared, whole = SHARED_STAGES[strategy], asdict(self.size)
        self.trunk = nn.Sequential(*stages(**whole)[:shared])
        self.branches = nn.ModuleList(nn.Sequential(*stages(**whole)[shared:]) for _ in parts)
        self.heads = nn.ModuleList(_head(part, self.size.features) for part in parts)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks of the representation: the sources, or "shared"."""
        return ("shared",) if self.strategy == "ms-sr@fc" else tuple(part.name for part in self.parts)

    @property
    def embedding_size(self) -> int:
        """Values for a chunk."""
        return len(self.blocks) * self.size.features

    def forward(self, chunks: Tensor) -> Tensor:
        """The representation: chunks [n, channels, 216, 128] to [n, blocks * features]."""
        return torch.cat([branch(shared) for shared in [self.trunk(chunks)] for branch in self._distinct()], dim=1)

    def of_source(self, name: str) -> SourceNetwork:
        """The part of the network that one source trains; its modules are this network's own."""
        place = [part.name for part in self.parts].index(name)
        path = SourceNetwork(self.trunk, self.branches[place], self.heads[place])
        return path.train(self.training)

    def answers(self, name: str, features: Tensor) -> Tensor:
        """Logits of a source's head for representations of chunks: [n, blocks * features] to [n, outputs].

        For pairs, features of both chunks side by side: [n, 2 * blocks * features].
        """
        place = [part.name for part in self.parts].index(name)
        block = 0 if self.strategy == "ms-sr@fc" else place
        halves = features.split(self.embedding_size, dim=1)
        d = self.size.features
        logits: Tensor = self.heads[place](torch.cat([half[:, block * d : (block + 1) * d] for half in halves], dim=1))
        return logits

    def draw_weights(self, seed: int) -> "MultiSourceNetwork":
        """Glorot-uniform weights, and torch's usual ones for output layers; numpy draws them.

        A branch's weights depend on the seed and the name of its source alone: a source begins from the same network
        by itself and beside others that branch off at the same stage.
        """
        draw_weights(self.trunk, np.random.default_rng([seed, 0]))
        for part, branch, head in zip(self.parts, self.branches, self.heads, strict=True):
            rng = np.random.default_rng([seed, 1, crc32(part.name.encode())])
            draw_weights(branch, rng)
            draw_weights(head, rng)
            _draw_output(head[-1], rng)
        for layer in self.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.reset_parameters()
        return self

    def describe(self) -> dict[str, Any]:
        """What it takes to build this network again, as JSON values."""
        return {
            "strategy": self.strategy,
            "size": asdict(self.size),
            "parts": [part._asdict() for part in self.parts],
        }

    def _distinct(self) -> list[nn.Module]:
        """The branches, or the one there is where all is shared."""
        return list(self.branches)[: len(self.blocks)]


def described(description: dict[str, Any]) -> MultiSourceNetwork:
    """The network that `MultiSourceNetwork.describe` described, without its weights."""
    parts = [Part(str(part["name"]), int(part["outputs"]), bool(part["pairs"])) for part in description["parts"]]
    return MultiSourceNetwork(parts, str(description["strategy"]), Size(**description["size"]))


def assemble(networks: Sequence[MultiSourceNetwork]) -> MultiSourceNetwork:
    """Independent networks of one source each, side by side: MSS-CR (Kim 2021, section 2.4)."""
    whole = MultiSourceNetwork([network.parts[0] for network in networks], "mss-cr", networks[0].size)
    for place, network in enumerate(networks):
        whole.branches[place].load_state_dict(network.branches[0].state_dict())
        whole.heads[place].load_state_dict(network.heads[0].state_dict())
    return whole


def check_strategy(strategy: str, sources: Sequence[str]) -> None:
    """Refuse an unknown strategy, sources that repeat, and one source for many or many for one.

    Raises
    ------
    InputError
        With the strategies there are.
    """
    if strategy not in STRATEGIES:
        nearest = get_close_matches(strategy.lower(), STRATEGIES, 1, cutoff=0.5)
        mend = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(STRATEGIES)}"
        raise InputError(f"no strategy {strategy!r}: {mend}")
    if not sources:
        raise InputError("a network learns from one source or more, and none is named")
    if len(set(sources)) < len(sources):
        raise InputError(f"the sources {', '.join(sources)} name one of them twice: leave the second out")
    if strategy == "ss-r" and len(sources) > 1:
        raise InputError(f"ss-r learns from one source, and {len(sources)} are named: choose one, or another strategy")


def _head(part: Part, features: int) -> nn.Sequential:
    if not part.pairs:
        return nn.Sequential(nn.Linear(features, part.outputs))
    return nn.Sequential(
        nn.Linear(2 * features, _PAIR_UNITS),
        nn.BatchNorm1d(_PAIR_UNITS),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(_PAIR_UNITS, part.outputs),
    )


def _draw_output(layer: nn.Linear, rng: np.random.Generator) -> None:
    """Torch's own start of a dense layer: weights and biases uniform within 1 / sqrt(values in)."""
    bound = 1 / np.sqrt(layer.in_features)
    for values in (layer.weight, layer.bias):
        drawn = rng.uniform(-bound, bound, tuple(values.shape)).astype(np.float32)
        with torch.no_grad():
            values.copy_(torch.from_numpy(drawn))
