"""A task as the training loop wants it: random crops of training clips, and their loss."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.audio.perturbations import MP3, Perturbation, PinkNoise, PitchShift
from earwitness.learning.loop import every_gpu
from earwitness.learning.tasks.batches import Batch, cut, length_of, validation
from earwitness.learning.tasks.examples import Examples
from earwitness.learning.tasks.losses import (
    Closeness,
    Reconstruction,
    Separated,
    consistency_loss,
    instrument_loss,
    reconstruction_loss,
    separation_loss,
    tagging_loss,
)
from earwitness.learning.tasks.networks import TaskNetwork

_VALIDATION_CLIPS = 200
_FRONT_CLIPS = 1000

TRAINED_ON: tuple[Perturbation, ...] = (PitchShift(-200), PitchShift(200), PinkNoise(12), MP3(64))
"""Perturbations of which copies are made by default. Tempo and environmental noise are left to test with."""


@dataclass(frozen=True)
class Consistency:
    """Changed copies of clips in training, so that their representations stay near their originals'.

    Attributes
    ----------
    how
        "augment": each clip of a batch is replaced by one of its copies with probability one half; "loss": a copy of
        every clip is heard beside it, and the distance of the two representations is added to the loss.
    perturbations
        What the copies are made with.
    weight
        Of the distance in the loss.
    closeness
        Which distance; see `consistency_loss`.
    """

    how: Literal["augment", "loss"]
    perturbations: tuple[Perturbation, ...] = TRAINED_ON
    weight: float = 1.0
    closeness: Closeness = "relative"


@dataclass(frozen=True)
class TaskLearning:
    """One of the four tasks, for `earwitness.learning.loop.train`.

    Attributes
    ----------
    examples
        What is learnt from.
    batch
        Clips a step, at most as many as there are.
    reconstruction, separated
        Which form of the autoencoder's and of the separator's loss.
    consistency
        Whether and how copies take part.
    """

    examples: Examples
    batch: int
    reconstruction: Reconstruction = "mean square"
    separated: Separated = "both"
    consistency: Consistency | None = None

    def loss(self, network: nn.Module, step: int, rng: np.random.Generator) -> tuple[str, Tensor]:  # noqa: ARG002
        """The task's name, and the loss of a batch of random crops."""
        samples = _shape(network).samples
        training = np.flatnonzero(self.examples.training)
        numbers = rng.choice(training, min(self.batch, len(training)), replace=False)
        starts = [int(rng.integers(length_of(self.examples, number) - samples + 1)) for number in numbers]
        batch = cut(self.examples, numbers, starts, samples, rng).to(_device(network))
        if self.consistency is not None and self.consistency.how == "augment":
            batch = _augmented(batch, rng)
        task, away = self.losses(network, batch)
        if away is not None and self.consistency is not None:
            task = task + self.consistency.weight * away
        return self.examples.task, task

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The task's loss on the middle of validation clips, and how far their copies are where there are any."""
        sums = {self.examples.task: 0.0, "consistency": 0.0}
        count = 0
        for batch in validation(self.examples, _shape(network).samples, _VALIDATION_CLIPS):
            task, away = self.losses(network, batch.to(_device(network)))
            sums[self.examples.task] += float(task) * len(batch.audio)
            sums["consistency"] += 0.0 if away is None else float(away) * len(batch.audio)
            count += len(batch.audio)
        if not self.examples.copies:
            del sums["consistency"]
        return {name: value / count for name, value in sums.items()}

    def losses(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The task's loss, and how far the copies are from their originals where there are copies."""
        heard = (batch.audio,) if batch.copies is None else (batch.audio, batch.copies)
        outcome: Any = every_gpu(network, *heard)
        representation, answer, magnitudes = outcome[:3]
        away = None
        if batch.copies is not None:
            closeness = "relative" if self.consistency is None else self.consistency.closeness
            away = consistency_loss(representation, outcome[3], closeness)
        return self._task_loss(network, answer, magnitudes, batch.asked), away

    def _task_loss(self, network: nn.Module, answer: Tensor, magnitudes: Tensor, asked: Tensor) -> Tensor:
        front: Any = network.front
        match self.examples.task:
            case "autoencoder":
                return reconstruction_loss(answer, front(magnitudes)[:, 0], self.reconstruction)
            case "tagging":
                return tagging_loss(answer, asked)
            case "instruments":
                return instrument_loss(answer, asked)
            case _:
                target, accompaniment = (front.magnitudes(asked[:, part]) for part in (0, 1))
                return separation_loss(answer, magnitudes, target, accompaniment, self.separated)


def learn_front(network: TaskNetwork, examples: Examples, seed: int) -> None:
    """Give the front end the mean and deviation of each bin, over the middle of at most 1,000 training clips."""
    rows = np.flatnonzero(examples.training)
    rng = np.random.default_rng([seed, 3])
    rows = np.sort(rng.permutation(rows)[:_FRONT_CLIPS])
    samples, front = network.shape.samples, network.front
    count, total, squares = (
        0,
        torch.zeros(front.bins, dtype=torch.float64),
        torch.zeros(front.bins, dtype=torch.float64),
    )
    for number in rows:
        start = (length_of(examples, int(number)) - samples) // 2
        plain = replace(examples, copies=())
        audio = cut(plain, np.array([number]), [start], samples, rng).audio
        level = front.level(front.magnitudes(audio))[0].double()  # (bins, frames)
        count, total, squares = count + level.shape[1], total + level.sum(1), squares + level.square().sum(1)
    mean = total / count
    front.learn(mean.float(), (squares / count - mean.square()).clamp(min=0).sqrt().float())


def _augmented(batch: Batch, rng: np.random.Generator) -> Batch:
    """One half of the clips, drawn, replaced by their copies."""
    assert batch.copies is not None
    changed = torch.from_numpy(rng.random(len(batch.audio)) < 0.5).to(batch.audio.device)
    return Batch(torch.where(changed[:, None], batch.copies, batch.audio), batch.asked)


def _shape(network: nn.Module) -> Any:
    return network.shape


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
