r"""Directions along which domains differ, and how much two directions have in common.

Conventions: rows are clips; a direction is a vector of d numbers, several of them are rows. Domains are taken in
sorted order, and a difference is "the later one minus the first". Nothing here is scaled to length one.
"""

from math import lgamma

import numpy as np
from numpy.typing import ArrayLike

from earwitness.correction._discriminant import Shrinkage, discriminants
from earwitness.correction._rows import Floats, matrix, members
from earwitness.errors import InputError


def lda_direction(X: ArrayLike, domain: ArrayLike, *, shrinkage: Shrinkage = "auto") -> Floats:
    r"""The normal of the plane that separates two domains by linear discriminant analysis.

    .. math:: w = S^{-1} (\mu_1 - \mu_0)

    with S the mean of the two domains' covariances, each shrunk, weighted by their clips. It is the coefficient vector
    of scikit-learn's `LinearDiscriminantAnalysis(solver="eigen")`, but the work grows with the smaller of clips and
    dimensions: no d x d matrix is formed where n < d.

    Parameters
    ----------
    X : (n, d) array
        One embedding a row.
    domain : (n,) array
        Two different values.
    shrinkage
        "auto": Ledoit and Wolf's, on standardised features and scaled back; or a share from 0 (none) to 1.

    Returns
    -------
    (d,) array

    Raises
    ------
    InputError
        If there are not two domains, a number is not finite, or S has no inverse.

    References
    ----------
    Wang, Richard and McFee (2023), section 3.2. Ledoit and Wolf (2004).
    """
    found = lda_directions(X, domain, shrinkage=shrinkage)
    return _the_only(found)


def lda_directions(X: ArrayLike, domain: ArrayLike, *, shrinkage: Shrinkage = "auto") -> Floats:
    """(k - 1, d) one row for each domain after the first of k: S^-1 (its mean - the first's); see `lda_direction`."""
    rows = matrix(X)
    _, member = members(domain, len(rows))
    return discriminants(rows, member, shrinkage)


def mean_direction(X: ArrayLike, domain: ArrayLike) -> Floats:
    """(d,) mean of the second of two domains minus the mean of the first.

    Raises
    ------
    InputError
        If there are not two domains, or a number is not finite.
    """
    return _the_only(mean_directions(X, domain))


def mean_directions(X: ArrayLike, domain: ArrayLike) -> Floats:
    """(k - 1, d) mean of each domain after the first of k, minus the first's."""
    rows = matrix(X)
    domains, member = members(domain, len(rows))
    means = np.stack([rows[member == k].mean(0) for k in range(len(domains))])
    return means[1:] - means[0]


def random_directions(count: int, size: int, rng: np.random.Generator) -> Floats:
    """(count, size) orthonormal rows, uniform over all such: the control for "removing anything".

    Raises
    ------
    InputError
        If `count` is not from 1 to `size`.
    """
    if not 1 <= count <= size:
        raise InputError(f"there are 1 to {size} orthogonal directions in {size} dimensions, not {count}")
    Q, R = np.linalg.qr(rng.normal(size=(size, count)))
    # The signs make the draw uniform; QR alone prefers some (Mezzadri, 2007).
    return np.asarray((Q * np.sign(np.diag(R))).T)


def orthonormal_rows(W: ArrayLike, *, tolerance: float = 1e-10) -> tuple[Floats, Floats]:
    """Orthonormal rows that span the rows of W, and the singular values of W with rows of length one.

    Parameters
    ----------
    W : (r, d) array
        Directions; their lengths do not matter.
    tolerance
        Singular values below this share of the largest are rounding, whose vectors would eat a real direction.

    Returns
    -------
    rows : (rank, d) array
    singular_values : (min(r, d),) array
        Largest first. The last divided by the first says how near W is to having fewer directions than rows.
    """
    given = np.atleast_2d(np.asarray(W, dtype=np.float64))
    length = np.linalg.norm(given, axis=1, keepdims=True)
    units = given[length[:, 0] > 0] / length[length[:, 0] > 0]
    if not len(units):
        return np.zeros((0, given.shape[1])), np.zeros(0)
    _, values, rows = np.linalg.svd(units, full_matrices=False)
    return rows[values > tolerance * values[0]], values


def cosine(w: ArrayLike, v: ArrayLike) -> Floats:
    r"""Signed cosine of the angle between w and v, row by row where they are matrices.

    .. math:: c = \langle w, v \rangle / (\|w\| \, \|v\|)

    Equation 1 of Wang et al. (2023); they report its absolute value. NaN where one has length zero.
    """
    w, v = np.asarray(w, dtype=np.float64), np.asarray(v, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((_unit(w) * _unit(v)).sum(-1))


def subspace_cosine(W: ArrayLike, v: ArrayLike) -> Floats:
    """Cosine of the angle between v and the nearest vector in the span of W's rows: 0 orthogonal, 1 inside.

    Parameters
    ----------
    W : (r, d) array
        Directions, of any length.
    v : (d,) or (m, d) array
    """
    V, _ = orthonormal_rows(W)
    v = np.asarray(v, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.linalg.norm(_unit(v) @ V.T, axis=-1))


def metric_cosine(
    w: ArrayLike, v: ArrayLike, X: ArrayLike | None = None, *, covariance: ArrayLike | None = None
) -> Floats:
    r"""Correlation of the scores along w and along v, which does not depend on the scale of the features.

    .. math:: w^T S v / \sqrt{w^T S w \cdot v^T S v}

    Parameters
    ----------
    w, v : (d,) or (m, d) arrays
        Row by row where they are matrices.
    X : (n, d) array
        The embeddings whose covariance S is; or
    covariance : (d, d) array
        S itself.

    Raises
    ------
    InputError
        If neither X nor the covariance is given, or both.
    """
    if (X is None) == (covariance is None):
        raise InputError("metric_cosine needs the embeddings X or their covariance, one of the two")
    w, v = np.asarray(w, dtype=np.float64), np.asarray(v, dtype=np.float64)
    if X is not None:
        rows = matrix(X)
        rows = rows - rows.mean(0)
        return cosine(w @ rows.T, v @ rows.T)
    S = np.asarray(covariance, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((w @ S) * v).sum(-1) / np.sqrt(((w @ S) * w).sum(-1) * ((v @ S) * v).sum(-1)))


def participation_ratio(w: ArrayLike) -> Floats:
    r"""How many features a direction is spread over: from 1 (one feature) to d (all alike).

    .. math:: 1 / \sum_j p_j^2, \quad p_j = w_j^2 / \|w\|^2

    A direction in raw units with a ratio near 1 is a nearly constant feature, and no sign of how strong the bias is.
    Row by row where w is a matrix; NaN where it has length zero.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 / (_unit(np.asarray(w, dtype=np.float64)) ** 4).sum(-1))


def chance_cosine(size: int) -> float:
    r"""Mean of \|cosine\| between a fixed and a uniformly random direction in this many dimensions.

    .. math:: \Gamma(d/2) / (\sqrt{\pi} \, \Gamma((d+1)/2)) \approx \sqrt{2 / (\pi d)}
    """
    return float(np.exp(lgamma(size / 2) - lgamma((size + 1) / 2)) / np.sqrt(np.pi))


def _unit(w: Floats) -> Floats:
    # Divided by the largest entry first: squares of tiny coefficients would vanish.
    w = w / np.abs(w).max(-1, keepdims=True)
    return w / np.linalg.norm(w, axis=-1, keepdims=True)


def _the_only(found: Floats) -> Floats:
    if len(found) != 1:
        raise InputError(f"{len(found) + 1} domains have {len(found)} directions: use the function in the plural")
    return found[0]
