"""Cubic regression splines: a smooth curve as a few numbers, and how wiggly it is.

A natural cubic spline is described by its values at the knots, so every column of the basis is 1 at its own knot and 0
at the others. The penalty is the integral of the squared second derivative.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spline:
    """A natural cubic regression spline, constrained to average zero over the data it was learnt on.

    `second` (k, k) maps values at the knots to second derivatives there; `constraint` (k, k - 1) maps the free
    coefficients to values at the knots.
    """

    knots: Floats
    second: Floats
    constraint: Floats

    @classmethod
    def learn(cls, x: Floats, count: int, name: str) -> "Spline":
        """Knots at evenly spaced quantiles of the distinct values of x, ends included.

        References
        ----------
        Wood (2017). Generalized Additive Models, second edition, section 5.3.1.
        """
        distinct = np.unique(x)
        if len(distinct) < count:
            raise InputError(
                f"{name!r} has {len(distinct)} distinct values, too few for {count} knots: lower `knots` to that"
            )
        knots = np.quantile(distinct, np.linspace(0, 1, count))
        free = cls(knots, _second_derivatives(knots), np.eye(count))
        mean = free.basis(x).mean(0)
        # The last columns of Q span the coefficients whose curve averages zero.
        return cls(knots, free.second, np.linalg.qr(mean[:, None], mode="complete")[0][:, 1:])

    def basis(self, x: Floats) -> Floats:
        """(n, free coefficients): the curve at x, straight beyond the outer knots."""
        knots, F = self.knots, self.second
        inside = np.clip(x, knots[0], knots[-1])
        j = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
        h = knots[j + 1] - knots[j]
        after, before = inside - knots[j], knots[j + 1] - inside
        identity = np.eye(len(knots))
        rows = (before / h)[:, None] * identity[j] + (after / h)[:, None] * identity[j + 1]
        rows += ((before**3 / h - h * before) / 6)[:, None] * F[j] + ((after**3 / h - h * after) / 6)[:, None] * F[
            j + 1
        ]
        # Beyond an outer knot the second derivative is zero and the curve goes on along its tangent.
        rows += (x - inside)[:, None] * self._slope(np.where(x < knots[0], 0, len(knots) - 1))
        return rows @ self.constraint

    def _slope(self, at: NDArray[np.intp]) -> Floats:
        knots, F, k = self.knots, self.second, len(self.knots)
        identity = np.eye(k)
        first, last = knots[1] - knots[0], knots[-1] - knots[-2]
        left = (identity[1] - identity[0]) / first - first / 6 * F[1]
        right = (identity[-1] - identity[-2]) / last + last / 6 * F[-2]
        return np.stack([left, right])[(at > 0).astype(int)]

    @property
    def penalty(self) -> Floats:
        """(free, free) matrix of the integrated squared second derivative."""
        return self.constraint.T @ _bending(self.knots, self.second) @ self.constraint


def _bands(knots: Floats) -> tuple[Floats, Floats]:
    """D (k - 2, k) and B (k - 2, k - 2) with B second = D values (Wood 2017, table 5.1)."""
    h, k = np.diff(knots), len(knots)
    D, B = np.zeros((k - 2, k)), np.zeros((k - 2, k - 2))
    for i in range(k - 2):
        D[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
        B[i, i] = (h[i] + h[i + 1]) / 3
        if i + 1 < k - 2:
            B[i, i + 1] = B[i + 1, i] = h[i + 1] / 6
    return D, B


def _second_derivatives(knots: Floats) -> Floats:
    D, B = _bands(knots)
    return np.vstack([np.zeros(len(knots)), np.linalg.solve(B, D), np.zeros(len(knots))])


def _bending(knots: Floats, second: Floats) -> Floats:
    return _bands(knots)[0].T @ second[1:-1]
