r"""Linear maps from vectors to vectors, each the least-squares one of its family, in closed form.

Conventions: rows of X (n, d) go to rows of Y (n, d) by y = A x + b. `Source` holds what depends on X alone, so that
other targets, shuffled ones say, cost little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

PENALTIES = np.logspace(-10, 3, 27)
"""Of ridge regression, in mean squared singular values of the centred X."""

RANKS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)


@dataclass(frozen=True)
class LinearMap:
    """y = A x + b.

    Attributes
    ----------
    scale : scalar, (d,) or (d, d) array
        A, or its diagonal, or the number on it.
    offset : (d,) array
        b.
    rank
        Of A, or of A - I where the change was fitted; None where it is full.
    """

    scale: Floats
    offset: Floats
    rank: int | None = None

    @property
    def matrix(self) -> Floats:
        """A, (d, d)."""
        if self.scale.ndim == 2:
            return self.scale
        return np.diag(np.broadcast_to(self.scale, self.offset.shape))

    def __call__(self, X: Floats) -> Floats:
        """(n, d) images of the rows of X."""
        moved = X @ self.scale.T if self.scale.ndim == 2 else X * self.scale
        return moved + self.offset


@dataclass(frozen=True)
class Source:
    """What a map starts from.

    Attributes
    ----------
    X : (n, d) array
    folds
        Rows to learn from and rows to test on, by which penalties and ranks are chosen.
    """

    X: Floats
    folds: tuple[tuple[Rows, Rows], ...] = ()

    @cached_property
    def mean(self) -> Floats:
        """(d,)"""
        return self.X.mean(0)

    @cached_property
    def axes(self) -> tuple[Floats, Floats, Floats]:
        """U (n, r), singular values (r,) and axes V (d, r) of the centred X, those of rounding left out."""
        U, size, Vt = np.linalg.svd(self.X - self.mean, full_matrices=False)
        # The usual limit of a pseudo-inverse: what is below is rounding.
        keep = size > max(self.X.shape) * np.finfo(np.float64).eps * size[0]
        return U[:, keep], size[keep], Vt[keep].T

    @cached_property
    def inner(self) -> tuple["Source", ...]:
        """What is learnt from in each fold."""
        return tuple(Source(self.X[learn]) for learn, _ in self.folds)

    @property
    def unit(self) -> float:
        """What penalties are multiples of."""
        size = self.axes[1]
        return float(size @ size / len(size))


def identity(source: Source, Y: Floats) -> LinearMap:  # noqa: ARG001  (one signature for all)
    """A = I, b = 0: as if nothing had changed."""
    return LinearMap(np.ones(()), np.zeros(Y.shape[1]))


def translation(source: Source, Y: Floats) -> LinearMap:
    """A = I, b = mean(y) - mean(x)."""
    return LinearMap(np.ones(()), Y.mean(0) - source.mean)


def uniform_scaling(source: Source, Y: Floats) -> LinearMap:
    r"""A = r I with :math:`r = \sum_{ij} X_{ij} Y_{ij} / \sum_{ij} X_{ij}^2`, both centred."""
    X = source.X - source.mean
    r = np.asarray(float((X * (Y - Y.mean(0))).sum() / np.square(X).sum()))
    return LinearMap(r, Y.mean(0) - r * source.mean)


def non_uniform_scaling(source: Source, Y: Floats) -> LinearMap:
    r"""A = diag(r) with :math:`r_j = \sum_i X_{ij} Y_{ij} / \sum_i X_{ij}^2`, both centred; 0 where x_j is constant."""
    X = source.X - source.mean
    spread = np.square(X).sum(0)
    varies = spread > len(X) * (1e-12 * np.abs(source.mean)) ** 2
    r = np.divide((X * (Y - Y.mean(0))).sum(0), spread, out=np.zeros(len(spread)), where=varies)
    return LinearMap(r, Y.mean(0) - r * source.mean)


def orthogonal(source: Source, Y: Floats) -> LinearMap:
    """A = Q with Q'Q = I, b = 0: a rotation, or one with a reflection."""
    Q, _ = _turned(source.X, Y)
    return LinearMap(Q.T, np.zeros(Y.shape[1]))


def scaled_orthogonal(source: Source, Y: Floats) -> LinearMap:
    r"""A = s Q with Q'Q = I, b = 0, where :math:`X^T Y = U S V^T`, :math:`Q = V U^T`, :math:`s = tr(S) / \|X\|^2`."""
    Q, trace = _turned(source.X, Y)
    return LinearMap(trace / np.square(source.X).sum() * Q.T, np.zeros(Y.shape[1]))


def centred_orthogonal(source: Source, Y: Floats) -> LinearMap:
    """As `scaled_orthogonal`, about the means: b = mean(y) - A mean(x)."""
    X, mean = source.X - source.mean, Y.mean(0)
    Q, trace = _turned(X, Y - mean)
    A = trace / np.square(X).sum() * Q.T
    return LinearMap(A, mean - A @ source.mean)


def _turned(X: Floats, Y: Floats) -> tuple[Floats, float]:
    """(d, d) Q such that X Q is nearest to Y, and the sum of the singular values of X'Y (Schönemann 1966).

    Directions that the clips do not show are turned as little as they can be: fewer clips than dimensions leave Q open
    there, and it must not hang on the order of a library's vectors.
    """
    U, size, Vt = np.linalg.svd(X.T @ Y)
    shown = int((size > len(size) * np.finfo(np.float64).eps * size[0]).sum())
    Q = U[:, :shown] @ Vt[:shown]
    if shown < len(size):
        free, goal = U[:, shown:], Vt[shown:]
        P, _, Rt = np.linalg.svd(free.T @ goal.T)
        Q = Q + free @ (P @ Rt) @ goal
    return Q, float(size.sum())


def affine(source: Source, Y: Floats) -> LinearMap:
    """A and b free: least squares, and of least norm where there are fewer clips than dimensions."""
    return _ridge(source, Y, 0.0)


def ridge_affine(source: Source, Y: Floats) -> LinearMap:
    """A and b free, with a penalty on A chosen by cross-validation."""
    return _ridge(source, Y, _penalty(source, Y))


def low_rank_affine(source: Source, Y: Floats) -> LinearMap:
    """A of low rank: reduced-rank ridge regression, penalty and rank chosen by cross-validation.

    References
    ----------
    Izenman (1975), Journal of Multivariate Analysis 5(2); Mukherjee and Zhu (2011), Statistical Analysis and Data
    Mining 4(6), for the penalty.
    """
    penalty = _penalty(source, Y)
    return _reduced(source, Y, penalty, _rank(source, Y, penalty))


def low_rank_change(source: Source, Y: Floats) -> LinearMap:
    """A = I plus a matrix of low rank: a change in few directions."""
    found = low_rank_affine(source, Y - source.X)
    return LinearMap(found.scale + np.eye(Y.shape[1]), found.offset, found.rank)


def _shrunk(source: Source, penalty: float) -> Floats:
    """(r,) what ridge regression divides by the singular values into."""
    size = source.axes[1]
    return size / (np.square(size) + penalty * source.unit)


def _ridge(source: Source, Y: Floats, penalty: float) -> LinearMap:
    U, _, V = source.axes
    mean = Y.mean(0)
    A = ((V * _shrunk(source, penalty)) @ (U.T @ (Y - mean))).T
    return LinearMap(A, mean - A @ source.mean)


def _reduced(source: Source, Y: Floats, penalty: float, rank: int) -> LinearMap:
    full = _ridge(source, Y, penalty)
    W = _directions(source, Y, penalty)[:, :rank]
    A = W @ (W.T @ full.scale)
    return LinearMap(A, Y.mean(0) - A @ source.mean, rank)


def _directions(source: Source, Y: Floats, penalty: float) -> Floats:
    """(d, r) directions of the target that the fit reaches, the furthest first."""
    U, size, _ = source.axes
    weight = size / np.sqrt(np.square(size) + penalty * source.unit)
    Wt: Floats = np.linalg.svd(weight[:, None] * (U.T @ (Y - Y.mean(0))), full_matrices=False)[2]
    return Wt.T


def _penalty(source: Source, Y: Floats) -> float:
    """Of `PENALTIES`, that with the smallest error on the clips that a fold leaves out."""
    errors = np.zeros(len(PENALTIES))
    for inner, (learn, test) in zip(source.inner, source.folds, strict=True):
        U, _, V = inner.axes
        mean = Y[learn].mean(0)
        told, place = U.T @ (Y[learn] - mean), (source.X[test] - inner.mean) @ V
        for k, penalty in enumerate(PENALTIES):
            errors[k] += np.square((place * _shrunk(inner, penalty)) @ told + mean - Y[test]).sum()
    return float(PENALTIES[errors.argmin()])


def _rank(source: Source, Y: Floats, penalty: float) -> int:
    """Of `RANKS`, that with the smallest error on the clips that a fold leaves out."""
    most = min(min(len(inner.axes[1]) for inner in source.inner), Y.shape[1])
    ranks = [rank for rank in RANKS if rank < most] + [most]
    errors = np.zeros(len(ranks))
    for inner, (learn, test) in zip(source.inner, source.folds, strict=True):
        W = _directions(inner, Y[learn], penalty)
        full = _ridge(inner, Y[learn], penalty)
        mean = Y[learn].mean(0)
        # On orthonormal directions the squared error is a sum, direction by direction.
        told, truth = (full(source.X[test]) - mean) @ W, (Y[test] - mean) @ W
        gain = np.cumsum((told * (told - 2 * truth)).sum(0))
        errors += gain[np.array(ranks) - 1]
    return ranks[int(errors.argmin())]


FAMILIES: dict[str, Callable[[Source, Floats], LinearMap]] = {
    "identity": identity,
    "translation": translation,
    "uniform scaling": uniform_scaling,
    "non-uniform scaling": non_uniform_scaling,
    "orthogonal": orthogonal,
    "scaled orthogonal": scaled_orthogonal,
    "centred scaled orthogonal": centred_orthogonal,
    "affine": affine,
    "ridge affine": ridge_affine,
    "low-rank affine": low_rank_affine,
    "low-rank change": low_rank_change,
}
"""In their nested order, the orthogonal ones apart: identity, translation, uniform, non-uniform, affine."""


def folds_of(n: int, member: Sequence[int] | Rows) -> tuple[tuple[Rows, Rows], ...]:
    """Rows to learn from and to test on, from the fold (n,) in which each row is tested."""
    fold = np.asarray(member)
    return tuple(
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(int(fold.max(initial=-1)) + 1 if n else 0)
    )
