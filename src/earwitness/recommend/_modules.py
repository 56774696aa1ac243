"""The torch modules behind the factor networks: users (b,) and items (b, n) in, scores (b, n) out.

The tag part of all items is computed once a step, a product of the sparse item-tag matrix with the tag factors, and
looked up: every item occurs many times among the negatives of a batch.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from earwitness.recommend.hidden_layer import ChosenPairs

Floats = NDArray[np.floating[Any]]


def _sparse(matrix: sp.csr_matrix) -> torch.Tensor:
    rows = matrix.tocoo()
    place = torch.from_numpy(np.stack([rows.row, rows.col]).astype(np.int64))
    values = torch.from_numpy(rows.data.astype(np.float32))
    return torch.sparse_coo_tensor(place, values, rows.shape, check_invariants=False).coalesce()


def _parameter(values: Floats) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))


class FactorizationModule(torch.nn.Module):
    """Second-order factorization machine; as an item's tags are fixed, it is a bias and a vector an item."""

    def __init__(self, item_tags: sp.csr_matrix, users: Floats, items: Floats, tags: Floats) -> None:
        super().__init__()
        self.T = _sparse(item_tags)
        self.squared = _sparse(item_tags.multiply(item_tags).tocsr())
        self.w0 = _parameter(np.zeros(1))
        self.wu, self.wi, self.wt = (_parameter(np.zeros(len(x))) for x in (users, items, tags))
        self.vu, self.vi, self.vt = _parameter(users), _parameter(items), _parameter(tags)

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Scores (b, n)."""
        S = torch.sparse.mm(self.T, self.vt)
        squares = torch.sparse.mm(self.squared, (self.vt**2).sum(1, keepdim=True))[:, 0]
        tags = torch.sparse.mm(self.T, self.wt[:, None])[:, 0]
        bias = self.wi + tags + (self.vi * S).sum(1) + ((S**2).sum(1) - squares) / 2
        vectors = (self.vi + S)[items]  # (b, n, h)
        return self.w0 + self.wu[users, None] + bias[items] + torch.einsum("bh,bnh->bn", self.vu[users], vectors)


class CollaborativeModule(torch.nn.Module):
    """One hidden layer over a user's factors and an item's, the latter with the mean of its tags' factors."""

    def __init__(
        self,
        item_tags: sp.csr_matrix,
        users: Floats,
        items: Floats,
        tags: Floats,
        *,
        units: int,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        total = np.asarray(item_tags.sum(1)).ravel()
        self.mean = _sparse(sp.csr_matrix(sp.diags(1 / np.where(total == 0, 1.0, total)) @ item_tags))
        h = users.shape[1]
        self.zu, self.zi, self.zt = _parameter(users), _parameter(items), _parameter(tags)
        self.Wu, self.Wi = (_parameter(rng.normal(0, np.sqrt(1 / h), (h, units))) for _ in range(2))
        self.b1 = _parameter(np.zeros(units))
        self.w2 = _parameter(rng.normal(0, np.sqrt(1 / units), units))
        self.b2 = _parameter(np.zeros(1))

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Scores (b, n)."""
        a = self.zu @ self.Wu + self.b1
        c = (self.zi + torch.sparse.mm(self.mean, self.zt)) @ self.Wi
        pairs: torch.Tensor = ChosenPairs.apply(a, c, self.w2, users, items)
        return pairs + self.b2
