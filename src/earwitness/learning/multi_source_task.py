"""What a multi-source network learns: one source a step, by the divergence of its answers from the source's targets.

For a source with targets z, and f the softmax of its head, the loss is the mean over the batch of

    KL(z || f) = sum over j of z_j (ln z_j - ln f_j),     0 ln 0 = 0

and for the source "self" the same with the classes (1, 0) for chunks of two clips and (0, 1) for chunks of one.

References
----------
Kim (2021), equations 2.3-2.6 and Algorithm 1.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.encoders.base_network import FRAMES
from earwitness.errors import InputError
from earwitness.learning.loop import every_gpu
from earwitness.learning.networks import MultiSourceNetwork, Part
from earwitness.learning.sources import Source
from earwitness.learning.spectrograms import BandStatistics

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Coverage = Literal["available", "intersection"]
Reduction = Literal["batchmean", "mean"]

_VALIDATION_CHUNKS = 3  # of each clip, evenly spread
_AT_ONCE = 64  # chunks answered at a time in validation
SECONDS_A_FRAME = 256 / 22050


class Spectrograms(Protocol):
    """Where chunks are cut from: files, or a device's memory."""

    usable: Bools
    lengths: Integers

    def crops(self, rows: Integers, starts: Integers) -> Tensor:
        """One chunk a row: float16 [n, channels, 216, 128]."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How batches are drawn.

    Attributes
    ----------
    batch
        Clips (pairs, for "self") in a step.
    coverage
        "available": every source draws from the clips that have its label; "intersection": all from the clips that
        have every label.
    reduction
        "batchmean": the mean over clips; "mean": over clips and classes, as in the published code, so that a source of
        k classes weighs 1 / k as much.
    least_gap_s
        The two chunks of a pair of one clip begin at least so many seconds apart, or as far as the clip allows.
    """

    batch: int = 128
    coverage: Coverage = "available"
    reduction: Reduction = "batchmean"
    least_gap_s: float = 0.0

    def __post_init__(self) -> None:
        if self.batch < 2:
            raise InputError(f"a batch of {self.batch}: batch normalisation needs 2 clips or more")
        for name, value, known in (
            ("coverage", self.coverage, ("available", "intersection")),
            ("reduction", self.reduction, ("batchmean", "mean")),
        ):
            if value not in known:
                raise InputError(f"no {name} {value!r}: there are {' and '.join(known)}")
        if not self.least_gap_s >= 0:
            raise InputError(f"a least gap of {self.least_gap_s} s: it is 0 or more")


def parts_of(sources: Sequence[Source]) -> tuple[Part, ...]:
    """What a network needs to know of sources."""
    return tuple(
        Part(source.name, 2, pairs=True) if source.kind == "pairs" else Part(source.name, source.targets.shape[1])
        for source in sources
    )


class MultiSourceTask:
    """A `Task` of several sources: a step draws one of them, clips that have its label, and a chunk of each.

    Parameters
    ----------
    spectrograms
        Of all clips.
    sources
        Their targets, a row a clip.
    training, validation : (clips,) bool arrays
        Which clips are for what.
    bands
        What standardises the mel bands.
    sampling
        How batches are drawn.

    Raises
    ------
    InputError
        If a source has labels for too few of the clips.
    """

    def __init__(
        self,
        spectrograms: Spectrograms,
        sources: Sequence[Source],
        training: Bools,
        validation: Bools,
        bands: BandStatistics,
        sampling: Sampling,
    ) -> None:
        self.spectrograms, self.sources, self.sampling = spectrograms, list(sources), sampling
        self._mean, self._deviation = torch.from_numpy(bands.mean), torch.from_numpy(bands.deviation)
        self._targets = [torch.from_numpy(np.ascontiguousarray(source.targets, np.float32)) for source in sources]
        self.training_rows = self._rows(training)
        self.validation_rows = self._rows(validation)
        for source, rows in zip(self.sources, self.training_rows, strict=True):
            if len(rows) < 2:
                raise InputError(
                    f"the source {source.name} has a label for {len(rows)} of the {int(training.sum())} training "
                    "clips: add labels, or leave it out"
                )

    def of(self, sources: Sequence[Source]) -> "MultiSourceTask":
        """The same task with some of its sources, each on the clips that it has here."""
        places = [self.sources.index(source) for source in sources]
        part = copy(self)
        for name in ("sources", "_targets", "training_rows", "validation_rows"):
            setattr(part, name, [getattr(self, name)[place] for place in places])
        return part

    def _rows(self, chosen: Bools) -> list[Integers]:
        """Of each source, the rows it is learnt from."""
        usable = chosen & self.spectrograms.usable
        labelled = [source.labelled & usable for source in self.sources]
        if self.sampling.coverage == "intersection":
            labelled = [np.logical_and.reduce(labelled)] * len(labelled)
        return [np.flatnonzero(mask) for mask in labelled]

    def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:
        """One source, uniformly; a batch of its clips without repetition; one chunk each."""
        del step
        place = int(rng.integers(len(self.sources)))
        source, rows = self.sources[place], self.training_rows[place]
        if source.kind == "pairs":
            left, right, starts, same = draw_pairs(rows, self.sampling, self._last_start, rng)
            halves = [self._chunks(network, rows, at) for rows, at in zip((left, right), starts, strict=True)]
            targets = torch.from_numpy(np.stack([~same, same], axis=1).astype(np.float32))
        else:
            drawn = rng.choice(rows, min(self.sampling.batch, len(rows)), replace=False)
            halves = [self._chunks(network, drawn, draw_starts(self._last_start(drawn), rng))]
            targets = self._targets[place][drawn]
        assert isinstance(network, MultiSourceNetwork)
        logits = every_gpu(network.of_source(source.name), *halves)
        return source.name, divergence(logits, targets.to(logits.device), self.sampling.reduction).sum()

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean divergence of each source on validation clips; sources without such clips are left out."""
        assert isinstance(network, MultiSourceNetwork)
        values = {source.name: self.clip_losses(network, source.name) for source in self.sources}
        return {name: float(losses.mean()) for name, losses in values.items() if len(losses)}

    def clip_losses(self, network: MultiSourceNetwork, name: str) -> Floats:
        """Divergence for each validation clip of a source, the mean over at most three chunks that never change.

        For "self", of each clip: a pair of its first and last chunk, and one with the last chunk of another clip.
        """
        place = [source.name for source in self.sources].index(name)
        rows = self.validation_rows[place]
        if self.sources[place].kind == "pairs":
            return self._pair_losses(network, name, rows)
        chunks = [self._last_start(rows) * number // (_VALIDATION_CHUNKS - 1) for number in range(_VALIDATION_CHUNKS)]
        path = network.of_source(name)
        targets = self._targets[place][rows]
        each = [divergence(self._answered(path, network, (rows, starts)), targets, None).numpy() for starts in chunks]
        return np.mean(each, axis=0, dtype=np.float64)

    def references(self, name: str) -> Floats:
        """What `clip_losses` would be if the network always gave the mean target of the training clips."""
        place = [source.name for source in self.sources].index(name)
        if self.sources[place].kind == "pairs":
            return np.full(len(self.validation_rows[place]) if len(self.validation_rows[place]) > 1 else 0, np.log(2))
        # A class that no training clip has would make the divergence infinite.
        mean = self._targets[place][self.training_rows[place]].mean(0).clamp(min=1e-6)
        targets = self._targets[place][self.validation_rows[place]]
        return divergence(mean.log().expand_as(targets), targets, None).numpy().astype(np.float64)

    def _pair_losses(self, network: MultiSourceNetwork, name: str, rows: Integers) -> Floats:
        if len(rows) < 2:
            return np.zeros(0)
        path, last = network.of_source(name), self._last_start(rows)
        zeros = np.zeros_like(last)
        # Half the collection away: neighbours in a table are often excerpts of one recording.
        other, other_last = np.roll(rows, len(rows) // 2), np.roll(last, len(rows) // 2)
        same = self._answered(path, network, (rows, zeros), (rows, last))
        different = self._answered(path, network, (rows, zeros), (other, other_last))
        yes, no = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
        each = [divergence(same, yes.expand_as(same), None), divergence(different, no.expand_as(different), None)]
        return np.mean([values.numpy() for values in each], axis=0, dtype=np.float64)

    def _answered(self, path: nn.Module, network: nn.Module, *halves: tuple[Integers, Integers]) -> Tensor:
        parts = []
        for start in range(0, len(halves[0][0]), _AT_ONCE):
            piece = slice(start, start + _AT_ONCE)
            with torch.no_grad():
                chunks = [self._chunks(network, rows[piece], starts[piece]) for rows, starts in halves]
                parts.append(path(*chunks).float().cpu())
        return torch.cat(parts) if parts else torch.zeros(0, 1)

    def _chunks(self, network: nn.Module, rows: Integers, starts: Integers) -> Tensor:
        """Standardised chunks on the network's device, [n, channels, 216, 128]."""
        place = next(network.parameters()).device
        if self._mean.device != place:
            self._mean, self._deviation = self._mean.to(place), self._deviation.to(place)
        chunks = self.spectrograms.crops(rows, starts).to(place)
        return (chunks.float() - self._mean) / self._deviation

    def _last_start(self, rows: Integers) -> Integers:
        """The last frame at which a chunk can begin."""
        return self.spectrograms.lengths[rows] - FRAMES


def draw_starts(last: Integers, rng: np.random.Generator) -> Integers:
    """Where chunks begin: uniform over 0 to `last`, both included."""
    return rng.integers(0, last + 1)


def draw_pairs(
    rows: Integers, sampling: Sampling, last_start: Callable[[Integers], Integers], rng: np.random.Generator
) -> tuple[Integers, Integers, tuple[Integers, Integers], Bools]:
    """Pairs of chunks: half of one clip, half of two; the odd one, if any, of either by a coin.

    Parameters
    ----------
    rows
        Clips to draw from; two or more.
    sampling
        `batch`, and `least_gap_s` for pairs of one clip.
    last_start
        The last frame at which a chunk of a clip can begin.
    rng

    Returns
    -------
    left, right : (n,) integer arrays
        Clips; the left ones do not repeat, and a right one of another clip is uniform over the others.
    starts : two (n,) integer arrays
    same : (n,) bool array
    """
    left = rng.choice(rows, min(sampling.batch, len(rows)), replace=False)
    same = np.zeros(len(left), bool)
    same[: (len(left) + int(rng.integers(2))) // 2] = True
    rng.shuffle(same)
    place = np.searchsorted(rows, left)
    others = rows[(place + rng.integers(1, len(rows), size=len(left))) % len(rows)]
    right = np.where(same, left, others)
    first, second = draw_starts(last_start(left), rng), draw_starts(last_start(right), rng)
    if sampling.least_gap_s > 0:
        second[same] = _apart(first[same], last_start(left[same]), sampling.least_gap_s, rng)
    return left, right, (first, second), same


def _apart(first: Integers, last: Integers, gap_s: float, rng: np.random.Generator) -> Integers:
    """Uniform over the starts that lie at least the gap from `first`; the farthest one where none does."""
    gap = int(np.ceil(gap_s / SECONDS_A_FRAME))
    before, after = np.maximum(first - gap + 1, 0), np.maximum(last - first - gap + 1, 0)
    ticket = rng.integers(0, np.maximum(before + after, 1))
    drawn = np.where(ticket < before, ticket, first + gap + ticket - before)
    farthest = np.where(first > last - first, 0, last)
    chosen: Integers = np.where(before + after > 0, drawn, farthest)
    return chosen


def divergence(logits: Tensor, targets: Tensor, reduction: Reduction | None) -> Tensor:
    """KL(targets || softmax(logits)) of each row, [n]; with a reduction, divided so that their sum is the loss.

    Parameters
    ----------
    logits, targets : (n, k) tensors
        Targets are distributions; 0 ln 0 is 0.
    reduction
        "batchmean" divides by n, "mean" by n k.
    """
    each = torch.nn.functional.kl_div(logits.float().log_softmax(1), targets, reduction="none").sum(1)
    if reduction is None:
        return each
    return each / (len(each) * (targets.shape[1] if reduction == "mean" else 1))
