"""Linear discriminants with a shrunk covariance, at the price of the clips rather than of the dimensions."""

from typing import Literal

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from earwitness.correction._rows import Floats, Positions
from earwitness.errors import InputError

Shrinkage = Literal["auto"] | float


def discriminants(X: Floats, member: Positions, shrinkage: Shrinkage) -> Floats:
    """(k - 1, d) S^-1 (mean of domain j - mean of domain 0), S the shrunk covariance within domains.

    Parameters
    ----------
    X : (n, d) array
    member : (n,) array
        Positions 0 … k-1 of the domains, each of which occurs.
    shrinkage
        See `lda_direction`.
    """
    means = np.stack([X[member == k].mean(0) for k in range(member.max() + 1)])
    return _solved(*_within(X, member, shrinkage), means[1:] - means[0])


def whitened_mean(X: Floats, shrinkage: Shrinkage) -> Floats:
    """(1, d) S^-1 mean: what scikit-learn's discriminant analysis returns without error for one domain alone.

    It says where the clips are and nothing about domains; kept to reproduce results that were published with it.
    """
    return _solved(*_within(X, np.zeros(len(X), np.intp), shrinkage), X.mean(0, keepdims=True))


def _within(X: Floats, member: Positions, shrinkage: Shrinkage) -> tuple[Floats, Floats]:
    """B (n, d) and e (d,) such that the shrunk covariance within domains is B'B + diag(e).

    The empirical part has no more rank than clips, and the target of the shrinkage is diagonal, so neither needs a
    d x d matrix.
    """
    B, ridge = np.empty_like(X), np.zeros(X.shape[1])
    for k in range(member.max() + 1):
        here = member == k
        mean = X[here].mean(0)
        C = X[here] - mean
        share, target = _shrinkage(C, mean, shrinkage)
        B[here] = C * np.sqrt((1 - share) / len(X))  # the prior n_k / n over n_k
        ridge += len(C) / len(X) * share * target
    return B, ridge


def _shrinkage(C: Floats, mean: Floats, shrinkage: Shrinkage) -> tuple[float, Floats]:
    """The share of the target in the covariance of the centred rows C, and the diagonal of the target."""
    n, d = C.shape
    variance = (C**2).mean(0)
    if shrinkage != "auto":
        if isinstance(shrinkage, str) or not 0 <= shrinkage <= 1:
            raise InputError(f"shrinkage is {shrinkage!r}: choose 'auto' or a number from 0 to 1")
        return float(shrinkage), np.full(d, variance.mean())
    # A variance that rounding alone could have made counts as none, as in scikit-learn's StandardScaler.
    rounding = n * np.finfo(float).eps
    constant = variance <= rounding * variance + (rounding * mean) ** 2
    squared_scale = np.where(constant, 1.0, variance)
    Z = C / np.sqrt(squared_scale)
    size = (Z**2).sum(1)
    average = size.sum() / (n * d)
    if d == 1:
        return 0.0, average * squared_scale
    G = Z @ Z.T if n < d else Z.T @ Z  # the same squared norm, whichever is the smaller
    squared_norm = (G**2).sum() / n**2
    spread = ((size**2).sum() / n - squared_norm) / (n * d)
    distance = squared_norm / d - average**2
    spread = min(spread, distance)
    return (0.0 if spread <= 0 else float(spread / distance)), average * squared_scale


def _solved(B: Floats, ridge: Floats, targets: Floats) -> Floats:
    """(r, d) rows of targets (B'B + diag(ridge))^-1."""
    if not ridge.all():
        return _solved_without_ridge(B, targets)
    # In units in which the ridge is the identity, so that features of any scale are alike to rounding.
    root = np.sqrt(ridge)
    Y, T = B / root, targets / root
    if len(Y) < Y.shape[1]:
        G = Y @ Y.T
        G.flat[:: len(G) + 1] += 1
        inner = cho_solve(cho_factor(G, lower=True, overwrite_a=True, check_finite=False), Y @ T.T)
        return np.asarray((T - inner.T @ Y) / root)  # Woodbury's identity
    A = Y.T @ Y
    A.flat[:: len(A) + 1] += 1
    return np.asarray(cho_solve(cho_factor(A, lower=True, overwrite_a=True, check_finite=False), T.T).T / root)


def _solved_without_ridge(B: Floats, targets: Floats) -> Floats:
    scale = np.linalg.norm(B, axis=0)
    singular = InputError(
        f"the covariance within domains has no inverse: {len(B)} clips in {B.shape[1]} dimensions, of which "
        f"{(scale == 0).sum()} do not change; bring more clips, or shrink it (shrinkage='auto' needs three a domain)"
    )
    if len(B) <= B.shape[1] or not scale.all():
        raise singular
    Y = B / scale
    A = Y.T @ Y
    try:
        factor = cho_factor(A, lower=True, check_finite=False)
    except LinAlgError as error:
        raise singular from error
    # Cholesky of a singular matrix may end in rounding rather than in an error.
    if np.diag(factor[0]).min() < np.sqrt(len(A) * np.finfo(float).eps):
        raise singular
    return np.asarray(cho_solve(factor, (targets / scale).T).T / scale)
