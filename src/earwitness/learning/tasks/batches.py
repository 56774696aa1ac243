"""Batches: crops of sounds as tensors, with what is asked of them and, where they take part, their changed copies."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.learning.tasks.examples import Examples
from earwitness.learning.tasks.sound import Sounds

_AT_ONCE = 16


@dataclass(frozen=True)
class Batch:
    """What a step needs.

    Attributes
    ----------
    audio
        [n, samples].
    asked
        Tags or classes; of the separator the target and the accompaniment, [n, 2, samples]; else [n, 0].
    copies
        The same crops, changed, [n, samples]; None where none are heard.
    """

    audio: Tensor
    asked: Tensor
    copies: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        copies = None if self.copies is None else self.copies.to(device)
        return Batch(self.audio.to(device), self.asked.to(device), copies)


def length_of(examples: Examples, number: int) -> int:
    """Samples of an example."""
    return int(examples.sounds.lengths[number]) if examples.mixer is None else examples.mixer.length(number)


def cut(
    examples: Examples, numbers: NDArray[np.intp], starts: list[int], samples: int, rng: np.random.Generator
) -> Batch:
    """The crops of these examples from these samples on; with a random copy of each where the examples have copies."""
    if examples.mixer is None:
        pairs = zip(numbers, starts, strict=True)
        audio = np.stack([examples.sounds.crop(number, start, samples) for number, start in pairs])
        asked = examples.targets[numbers]
    else:
        drawn = [examples.mixer.draw(number, s, samples, rng) for number, s in zip(numbers, starts, strict=True)]
        asked = np.stack([np.stack(both) for both in drawn])  # (n, 2, samples)
        audio = asked.sum(1)
    return Batch(torch.from_numpy(audio), torch.from_numpy(asked), _copies(examples, numbers, starts, samples, rng))


def validation(examples: Examples, samples: int, most: int, *, copies: bool = True) -> Iterator[Batch]:
    """The middle of at most so many validation examples, some at a time; the same on every call."""
    rows = np.flatnonzero(examples.validation)[:most]
    for part in np.split(rows, range(_AT_ONCE, len(rows), _AT_ONCE)):
        starts = [(length_of(examples, number) - samples) // 2 for number in part]
        batch = cut(examples, part, starts, samples, np.random.default_rng([0, int(part[0])]))
        yield batch if copies else Batch(batch.audio, batch.asked)


def aligned(start: int, samples: int, length: int, copy_length: int) -> int:
    """Where a crop of the copy begins, so that its middle is the same moment of the music as that of the original.

    Examples
    --------
    >>> aligned(1000, 200, 10_000, 10_000), aligned(1000, 200, 10_000, 5_000)
    (1000, 450)
    """
    middle = (start + samples / 2) * copy_length / length
    return min(max(round(middle - samples / 2), 0), max(copy_length - samples, 0))


def _copies(
    examples: Examples, numbers: NDArray[np.intp], starts: list[int], samples: int, rng: np.random.Generator
) -> Tensor | None:
    if not examples.copies:
        return None
    crops = []
    for number, start in zip(numbers, starts, strict=True):
        copy: Sounds = examples.copies[int(rng.integers(len(examples.copies)))]
        begin = aligned(start, samples, int(examples.sounds.lengths[number]), int(copy.lengths[number]))
        crops.append(copy.crop(number, begin, samples))
    return torch.from_numpy(np.stack(crops))
