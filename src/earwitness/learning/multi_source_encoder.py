"""A multi-source network as an encoder: mean and deviation of its blocks over the chunks of a clip."""

from copy import copy, deepcopy
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.encoders.chunks import ChunkEncoder, Chunking
from earwitness.encoders.devices import pick_device
from earwitness.errors import EncoderError
from earwitness.learning.checkpoints import architecture
from earwitness.learning.model_folder import Model
from earwitness.learning.networks import MultiSourceNetwork, described
from earwitness.learning.sources import Source, source_from_files
from earwitness.learning.spectrograms import BandStatistics, FrontEnd

NETWORK, BANDS, SOURCES = "network.", "bands.", "sources."
"""Prefixes of the names of a model's arrays."""


class MultiSourceEncoder(ChunkEncoder):
    """A network that `learn` trained: 2 d values a block, means of all blocks before deviations of all.

    Parameters
    ----------
    model
        Of the kind "multi-source".
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    duplicate_shared
        Give the block that all sources share (MS-SR@FC) once for each source, as the published code does.

    Attributes
    ----------
    network : MultiSourceNetwork
        With its heads; `network.answers(source, features)` are logits for `answers(sound)`.
    """

    def __init__(self, model: Model, device: str | None = None, duplicate_shared: bool = False) -> None:
        self.model = model
        network = described(_fact(model, "network"))
        _fill(network, model)
        front_end = FrontEnd(**_fact(model, "front_end"))
        bands = BandStatistics(model.arrays[BANDS + "mean"], model.arrays[BANDS + "deviation"])
        copies = len(network.parts) // len(network.blocks) if duplicate_shared else 1
        self.copies = copies
        super().__init__(
            f"learned:{model.folder.resolve().name}" + (",duplicate_shared=true" if copies > 1 else ""),
            model.revision,
            _Repeated(network, copies) if copies > 1 else network,
            channels=front_end.channels,
            size=copies * network.embedding_size,
            chunking=Chunking(bands.mean, bands.deviation, front_end.pad, front_end.power),
            device=pick_device(device),
        )

    @property
    def network(self) -> MultiSourceNetwork:
        """The network itself, with its heads."""
        inner = self.module.network if isinstance(self.module, _Repeated) else self.module
        assert isinstance(inner, MultiSourceNetwork)
        return inner

    @property
    def blocks(self) -> dict[str, NDArray[np.int64]]:
        """The columns of each block in a vector, its means before its deviations."""
        d, names = self.network.size.features, self.network.blocks * self.copies
        half = d * len(names)
        found: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            here = range(place * d, (place + 1) * d)
            found.setdefault(name, []).extend([*here, *(half + column for column in here)])
        return {name: np.array(columns, dtype=np.int64) for name, columns in found.items()}

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What it was trained on, with the words that its outputs stand for; targets of the clips it saw."""
        return tuple(
            source_from_files(facts, _under(self.model, f"{SOURCES}{facts['name']}."))
            for facts in _fact(self.model, "sources")
        )

    def untrained(self, seed: int) -> "MultiSourceEncoder":
        """The same network before any training, with weights drawn from a seed: a control."""
        twin = copy(self)
        twin.module = deepcopy(self.module)
        twin.network.draw_weights(seed)
        twin.module.eval().requires_grad_(False)
        twin.name, twin.revision = f"{self.name},untrained", f"{self.revision}-untrained-seed{seed}"
        return twin


class _Repeated(nn.Module):
    """A network whose answer is given several times over."""

    def __init__(self, network: MultiSourceNetwork, copies: int) -> None:
        super().__init__()
        self.network, self.copies = network, copies

    def forward(self, chunks: Tensor) -> Tensor:
        answer: Tensor = self.network(chunks).repeat(1, self.copies)
        return answer


def arrays_of(network: MultiSourceNetwork, bands: BandStatistics) -> dict[str, NDArray[Any]]:
    """What a model's file holds of a network and of what standardises its input."""
    weights = {NETWORK + name: value.cpu().numpy() for name, value in network.state_dict().items()}
    return weights | {BANDS + "mean": bands.mean, BANDS + "deviation": bands.deviation}


def _fill(network: MultiSourceNetwork, model: Model) -> None:
    """The weights of a model, refused where they are of another network."""
    state = {name: torch.from_numpy(array.copy()) for name, array in _under(model, NETWORK).items()}
    wanted, have = architecture(network), {name: list(value.shape) for name, value in state.items()}
    wrong = [name for name in [*wanted, *have] if wanted.get(name) != have.get(name)]
    if wrong:
        raise EncoderError(
            f"the weights in {model.folder} are of another architecture than its model.json says ({wrong[0]} is "
            f"{have.get(wrong[0], 'absent')} where {wanted.get(wrong[0], 'nothing')} is due): copy both files"
        )
    network.load_state_dict(state)


def _under(model: Model, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in model.arrays.items() if name.startswith(prefix)}


def _fact(model: Model, name: str) -> Any:
    if name not in model.facts:
        raise EncoderError(f"{model.folder}/model.json says nothing of {name!r}: train it again")
    return model.facts[name]
