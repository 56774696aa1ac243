"""What is learnt: artist groups and genres from segments of sound, and genres from the representations that come of it.

Both are tasks of `earwitness.learning.loop`. Training rows alone reach the network; the published transfer script ran
over all rows (spec of chapter 3: its batch loop ignores the training indices), which would flatter it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from earwitness.learning.artist_groups.networks import FRAMES, ArtistGroupNetwork
from earwitness.learning.artist_groups.segments import cut
from earwitness.learning.loop import every_gpu
from earwitness.learning.spectrograms import BandStatistics, SpectrogramCache

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class GroupTask:
    """Cross-entropy of a task that is drawn anew for each update, on random seconds of random clips.

    Attributes
    ----------
    cache, bands
        Where the frames are, and what standardises them.
    targets
        By task: (clips, outputs) rows that sum to 1, NaN where a clip has no label.
    training, held : (clips,) bool arrays
        Which clips are learnt from, and which are only looked at.
    batch
        Segments an update.
    """

    cache: SpectrogramCache
    bands: BandStatistics
    targets: Mapping[str, Floats]
    training: NDArray[np.bool_]
    held: NDArray[np.bool_]
    batch: int = 64

    def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:  # noqa: ARG002
        """A task, and its loss on a batch of clips, each at a random place."""
        assert isinstance(network, ArtistGroupNetwork)
        name = network.tasks[int(rng.integers(len(network.tasks)))].name
        rows = self._rows(name, self.training)
        rows = rng.choice(rows, min(self.batch, len(rows)), replace=False)
        begins = rng.integers(0, self.cache.lengths[rows] - FRAMES + 1)
        return name, self._cross_entropy(network, name, rows, begins)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss of each task on the middle second of the clips that are held out."""
        assert isinstance(network, ArtistGroupNetwork)
        return {task.name: self._of_held(network, task.name) for task in network.tasks}

    def _of_held(self, network: ArtistGroupNetwork, name: str) -> float:
        rows = self._rows(name, self.held)
        parts = [rows[first : first + _AT_ONCE] for first in range(0, len(rows), _AT_ONCE)]
        total = [
            float(self._cross_entropy(network, name, part, (self.cache.lengths[part] - FRAMES) // 2)) * len(part)
            for part in parts
        ]
        return sum(total) / len(rows) if total else float("nan")

    def _rows(self, name: str, chosen: NDArray[np.bool_]) -> Integers:
        labelled = np.isfinite(self.targets[name]).all(axis=1)
        return np.flatnonzero(chosen & labelled & self.cache.usable)

    def _cross_entropy(self, network: ArtistGroupNetwork, name: str, rows: Integers, begins: Integers) -> Tensor:
        device = next(network.parameters()).device
        segments = cut(self.cache, self.bands, rows, begins).to(device)
        logits = every_gpu(OneTask(network, name), segments)
        return cross_entropy(logits.float(), torch.from_numpy(self.targets[name][rows]).to(device))


class OneTask(nn.Module):
    """What a segment passes through for one task: its modules are the network's own.

    Parameters
    ----------
    network
        That goes on owning them.
    name
        Of the task.
    """

    def __init__(self, network: ArtistGroupNetwork, name: str) -> None:
        super().__init__()
        place = [task.name for task in network.tasks].index(name)
        self.path = nn.Sequential(network.trunk, network.branches[place], network.dropout, network.heads[place])
        self.train(network.training)

    def forward(self, segments: Tensor) -> Tensor:
        """Logits (n, outputs)."""
        logits: Tensor = self.path(segments)
        return logits


@dataclass(frozen=True, eq=False)
class Blocks:
    """Representations of segments, side by side, each perhaps memory-mapped: (segments, d) arrays of as many rows."""

    parts: tuple[Floats, ...]

    @property
    def width(self) -> int:
        """Values of a segment."""
        return sum(part.shape[1] for part in self.parts)

    def rows(self, chosen: Integers) -> Tensor:
        """(chosen, width)."""
        return torch.from_numpy(np.hstack([part[chosen] for part in self.parts]))


@dataclass(frozen=True, eq=False)
class TransferTask:
    """Genres from representations of segments.

    Attributes
    ----------
    features
        Of all segments.
    genres : (segments,) int array
    training, held
        Rows that are learnt from, and rows that are only looked at.
    batch
        Segments an update.
    """

    features: Blocks
    genres: Integers
    training: Integers
    held: Integers
    batch: int = 64

    def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:  # noqa: ARG002
        """The loss on a batch of segments."""
        return "genre", self._cross_entropy(network, rng.choice(self.training, min(self.batch, len(self.training))))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss on the segments that are held out."""
        parts = [self.held[first : first + _AT_ONCE] for first in range(0, len(self.held), _AT_ONCE)]
        total = sum(float(self._cross_entropy(network, part)) * len(part) for part in parts)
        return {"genre": total / len(self.held)}

    def _cross_entropy(self, network: nn.Module, rows: Integers) -> Tensor:
        device = next(network.parameters()).device
        logits = network(self.features.rows(rows).to(device))
        return cross_entropy(logits.float(), torch.from_numpy(self.genres[rows]).to(device))


def probabilities(classifier: nn.Module, features: Blocks, clip: Integers, clips: Sequence[int]) -> NDArray[np.float64]:
    """Each clip's genres: the mean of its segments' probabilities.

    Parameters
    ----------
    classifier
        In evaluation mode.
    features
        Of all segments.
    clip : (segments,) int array
        Which clip each is of.
    clips
        Which clips are asked for.

    Returns
    -------
    (len(clips), genres) array
    """
    device = next(classifier.parameters()).device
    rows = []
    with torch.no_grad():
        for number in clips:
            logits = classifier(features.rows(np.flatnonzero(clip == number)).to(device))
            rows.append(logits.double().softmax(dim=1).mean(dim=0).cpu().numpy())
    return np.stack(rows)
