"""Training a network that ranks items for users: negative sampling, Adam, and an end when validation says so.

The loss of a user u and an item i they have, with n items j drawn uniformly from those they do not have, is

    -log s(f(u, i)) - sum over j of log s(-f(u, j)),   s the logistic function

(Mikolov et al. 2013; Kim 2021, section 5.3.2).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from earwitness.datasets.interactions import Interactions
from earwitness.recommend.accuracy import ndcg, recommended

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    epochs
        At most so many passes over the interactions.
    rate, decay
        Adam's step and L2 penalty.
    negatives
        Items drawn for each interaction.
    batch
        Interactions a step.
    patience
        Passes without a better validation nDCG@100 before training ends.
    seed
        Of starting values, order and negatives.
    """

    epochs: int = 20
    rate: float = 1e-3
    decay: float = 1e-4
    negatives: int = 10
    batch: int = 1024
    patience: int = 3
    seed: int = 0


class Ranker(Protocol):
    """A torch module that scores users (b,) and items (b, n) as (b, n), and, for validation, all items."""

    def __call__(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor: ...

    def parameters(self) -> Iterator[torch.nn.Parameter]: ...

    def state_dict(self) -> dict[str, torch.Tensor]: ...


def train(
    module: Ranker,
    scores: Callable[[Integers], NDArray[np.float32]],
    data: Interactions,
    validation: Interactions | None,
    options: Training,
) -> int:
    """Train in place; with validation data the module ends with the parameters of its best epoch.

    Parameters
    ----------
    module
        What is trained.
    scores
        (u, items) scores by the module as it stands, for validation.
    data, validation
        Interactions to learn from, and those that tell when to stop.
    options
        How.

    Returns
    -------
    int
        The epoch whose parameters were kept, from 1.
    """
    rng = np.random.default_rng([options.seed, 7])
    R = data.counts.tocoo()
    taken = np.sort(R.row.astype(np.int64) * data.n_items + R.col)
    optimizer = torch.optim.Adam(module.parameters(), lr=options.rate, weight_decay=options.decay)
    jury = _jury(validation, rng)
    best, best_epoch, kept = -1.0, 0, module.state_dict()
    for epoch in range(1, options.epochs + 1):
        order = rng.permutation(R.nnz)
        for start in range(0, R.nnz, options.batch):
            rows = order[start : start + options.batch]
            negatives = _negatives(R.row[rows].astype(np.int64), taken, data.n_items, options.negatives, rng)
            items = np.column_stack([R.col[rows], negatives])
            _step(module, optimizer, torch.from_numpy(R.row[rows].astype(np.int64)), torch.from_numpy(items))
        if validation is None:
            best_epoch = epoch
            continue
        k = min(100, data.n_items)
        value = float(np.nanmean(ndcg(recommended(scores(jury), data, jury, k), validation)))
        if value > best:
            best, best_epoch = value, epoch
            kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        elif epoch - best_epoch >= options.patience:
            break
    if validation is not None:
        module.load_state_dict(kept)  # type: ignore[attr-defined]
    return best_epoch


def _step(module: Ranker, optimizer: torch.optim.Optimizer, users: torch.Tensor, items: torch.Tensor) -> None:
    signs = torch.ones(items.shape[1])
    signs[1:] = -1
    optimizer.zero_grad()
    loss = -torch.nn.functional.logsigmoid(module(users, items) * signs).sum(1).mean()
    loss.backward()
    optimizer.step()


def _jury(validation: Interactions | None, rng: np.random.Generator) -> Integers:
    """At most 500 users with something to validate on."""
    if validation is None:
        return np.zeros(0, np.int64)
    users = np.flatnonzero(np.diff(validation.counts.indptr))
    return np.sort(rng.permutation(users)[:500]) if len(users) else np.zeros(0, np.int64)


def _negatives(users: Integers, taken: Integers, n_items: int, count: int, rng: np.random.Generator) -> Integers:
    """(users, count) items that the users do not have, uniformly; a few draws again meet users who have most items."""
    drawn = rng.integers(0, n_items, size=(len(users), count))
    for _ in range(20):
        keys = users[:, None] * n_items + drawn
        place = np.minimum(np.searchsorted(taken, keys), len(taken) - 1)
        again = taken[place] == keys
        if not again.any():
            break
        drawn[again] = rng.integers(0, n_items, size=int(again.sum()))
    return drawn
