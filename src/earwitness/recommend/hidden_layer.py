"""One hidden layer of rectified sums, s = w . relu(a_u + c_i), over many pairs of a user and an item.

The sums of all pairs would not fit a memory (1,000 users x 200 tag vectors x 1,024 units is 800 MB); these kernels
never write them down.
"""

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]


@njit(cache=True, fastmath=True)
def every_pair(a: Singles, c: Singles, w: Singles) -> Singles:
    """(u, m) outputs for every row of a (u, units) with every row of c (m, units)."""
    out = np.empty((a.shape[0], c.shape[0]), np.float32)
    for u in range(a.shape[0]):
        for m in range(c.shape[0]):
            total = np.float32(0)
            for k in range(len(w)):
                total += w[k] * max(a[u, k] + c[m, k], np.float32(0))
            out[u, m] = total
    return out


@njit(cache=True, fastmath=True)
def _forward(a: Singles, c: Singles, w: Singles, users: Integers, items: Integers) -> Singles:
    out = np.empty(items.shape, np.float32)
    for b in range(items.shape[0]):
        u = users[b]
        for n in range(items.shape[1]):
            i = items[b, n]
            total = np.float32(0)
            for k in range(len(w)):
                total += w[k] * max(a[u, k] + c[i, k], np.float32(0))
            out[b, n] = total
    return out


@njit(cache=True, fastmath=True)
def _backward(
    a: Singles, c: Singles, w: Singles, users: Integers, items: Integers, out: Singles
) -> tuple[Singles, Singles, Singles]:
    da, dc, dw = np.zeros_like(a), np.zeros_like(c), np.zeros_like(w)
    for b in range(items.shape[0]):
        u = users[b]
        for n in range(items.shape[1]):
            i = items[b, n]
            g = out[b, n]
            for k in range(len(w)):
                h = a[u, k] + c[i, k]
                on = np.float32(h > 0)
                slope = g * w[k] * on
                da[u, k] += slope
                dc[i, k] += slope
                dw[k] += g * h * on
    return da, dc, dw


class ChosenPairs(torch.autograd.Function):
    """Outputs (b, n) of users (b,) with items (b, n), and their gradients by a, c and w."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        a: torch.Tensor,
        c: torch.Tensor,
        w: torch.Tensor,
        users: torch.Tensor,
        items: torch.Tensor,
    ) -> torch.Tensor:
        """Sum the rectified units."""
        ctx.save_for_backward(a, c, w, users, items)
        return torch.from_numpy(_forward(*(x.detach().contiguous().numpy() for x in (a, c, w, users, items))))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, out: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Pass the gradient on to the units that were above zero."""
        saved = [x.detach().contiguous().numpy() for x in ctx.saved_tensors]
        a, c, w, users, items = saved
        da, dc, dw = _backward(a, c, w, users, items, out.contiguous().numpy())
        return torch.from_numpy(da), torch.from_numpy(dc), torch.from_numpy(dw), None, None
