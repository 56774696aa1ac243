"""Clips as the inner products between them: all that a linear model with an L2 penalty needs to know.

Conventions: a linear function of the clips is kept as the weight `alpha` of each clip, its coefficients are
`alpha @ X`. A kernel has inner products and no features. Features are kept where they are fewer than the clips.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[Any]

MOST_PAIRS = 1_000_000
_DULL = 1e-8


@dataclass(frozen=True)
class Geometry:
    """n clips, by their features, their inner products, or both.

    Attributes
    ----------
    features : (n, d) array or None
        None in the space of a kernel.
    gram : (n, n) array or None
        None where features are fewer than clips.
    """

    features: Floats | None
    gram: Floats | None

    @classmethod
    def of(cls, X: NDArray[Any]) -> "Geometry":
        """The geometry of the rows of X (n, d)."""
        X = np.asarray(X, np.float64)
        return cls(X, X @ X.T if len(X) <= X.shape[1] else None)

    @property
    def few(self) -> bool:
        """Whether features are the smaller side, and there."""
        return self.gram is None

    def part(self, rows: Index) -> "Geometry":
        """Some of the clips."""
        features = None if self.features is None else self.features[rows]
        return Geometry(features, None if self.gram is None else self.gram[np.ix_(rows, rows)])

    def products(self, rows: Index, columns: Index) -> Floats:
        """Inner products of some clips with others."""
        if self.gram is not None:
            return self.gram[np.ix_(rows, columns)]
        assert self.features is not None
        product: Floats = self.features[rows] @ self.features[columns].T
        return product

    def scores(self, rows: Index, learnt: Index, alpha: Floats) -> Floats:
        """What linear functions, weights (len(learnt), ...) of the clips `learnt`, give for the clips `rows`."""
        if self.gram is not None:
            return self.gram[np.ix_(rows, learnt)] @ alpha
        assert self.features is not None
        found: Floats = self.features[rows] @ (self.features[learnt].T @ alpha)
        return found

    def inner(self, a: Floats, b: Floats) -> Floats:
        """Inner products of the coefficients of paired functions: weights (n, m) of all clips, column by column."""
        if self.gram is not None:
            return np.asarray((a * (self.gram @ b)).sum(0))
        assert self.features is not None
        return np.asarray(((self.features.T @ a) * (self.features.T @ b)).sum(0))

    def cosine(self, a: Floats, b: Floats) -> Floats:
        """Cosines of the coefficients of paired functions; NaN where one has none."""
        size = np.sqrt(np.maximum(self.inner(a, a) * self.inner(b, b), 0))
        return np.divide(self.inner(a, b), size, out=np.full(np.shape(size), np.nan), where=size > 0)


def standardised(X: NDArray[Any], rows: Index | None = None) -> Floats:
    """The rows of X (n, d) by the mean and spread of some of them; features that hardly vary are left at 0.

    A feature counts as constant where its variance is below 1e-8 of the median variance, or rounding.
    """
    X = np.asarray(X, np.float64)
    some = X if rows is None else X[rows]
    mean, variance = some.mean(0), some.var(0)
    varies = variance > np.maximum(_DULL * np.median(variance), 1e-12 * mean**2)
    return np.divide(X - mean, np.sqrt(variance), out=np.zeros(X.shape), where=varies)


def gaussian(X: Floats, rows: Index | None = None) -> Geometry:
    r"""The space of the Gaussian kernel :math:`e^{-\|x - y\|^2 / 2 \sigma^2}`, sigma the median distance of some clips.

    Random Fourier features approximate this space; here it is itself.
    """
    norm = (X**2).sum(1)
    squared = np.maximum(norm[:, None] + norm - 2 * X @ X.T, 0)
    some = squared if rows is None else squared[np.ix_(rows, rows)]
    pairs = some[np.triu_indices(len(some), 1)]
    scale = float(np.median(pairs)) if len(pairs) else 1.0
    return Geometry(None, np.exp(-squared / (2 * (scale or 1.0))))
