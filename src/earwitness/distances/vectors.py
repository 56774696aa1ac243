"""Euclidean and cosine distances between embeddings.

Conventions: one embedding a row; everything is computed in float64 from the differences `a - b`, never from
`|a|^2 + |b|^2 - 2ab`, which cancels. So an embedding is at distance exactly 0 from itself, a distance does not
depend on where its rows stand, and equal rows are at equal distances: a strict `<` between two distances never
hangs on rounding.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from earwitness.errors import InputError

Floats = NDArray[np.float64]

SAME_DIRECTION = (16 * np.finfo(np.float64).eps) ** 2
"""Squared distance of two unit vectors that differ by no more than the rounding of their lengths."""


def euclidean_matrix(A: ArrayLike, B: ArrayLike) -> Floats:
    r"""Euclidean distance from every embedding in A to every embedding in B.

    .. math:: D_{ij} = \|a_i - b_j\|

    Parameters
    ----------
    A, B : (n, d) and (m, d) arrays
        One embedding per row; finite.

    Returns
    -------
    (n, m) float64 array
        At least 0; exactly 0 for equal rows; symmetric, `euclidean_matrix(B, A)` is the transpose to the last bit.

    Raises
    ------
    InputError
        If the widths differ, or a value is not finite.

    Examples
    --------
    >>> euclidean_matrix([[0, 0], [3, 0]], [[3, 4]])
    array([[5.],
           [4.]])
    """
    A, B = same_width(A, B)
    return cdist(A, B, "euclidean")


def cosine_matrix(A: ArrayLike, B: ArrayLike) -> Floats:
    r"""Cosine distance from every embedding in A to every embedding in B.

    .. math:: D_{ij} = 1 - \frac{\langle a_i, b_j \rangle}{\|a_i\| \, \|b_j\|}
                     = \tfrac12 \left\| \frac{a_i}{\|a_i\|} - \frac{b_j}{\|b_j\|} \right\|^2

    The second form is computed: it does not cancel where the directions are nearly the same.

    Parameters
    ----------
    A, B : (n, d) and (m, d) arrays
        One embedding per row; finite, and none of length zero.

    Returns
    -------
    (n, m) float64 array
        From 0 (same direction) over 1 (orthogonal) to 2 (opposite), whatever the lengths. Rows that are parallel
        up to float64 rounding are at distance exactly 0, so two clips whose embeddings differ only in length tie.
        Not a metric: the triangle inequality can fail.

    Raises
    ------
    InputError
        If the widths differ, a value is not finite, or an embedding has length zero.

    References
    ----------
    Manning, Raghavan and Schütze (2008). Introduction to Information Retrieval, section 6.3.1.

    Examples
    --------
    >>> cosine_matrix([[2, 0]], [[1, 0], [0, 1], [-3, 0]])
    array([[0., 1., 2.]])
    """
    A, B = same_width(A, B)
    return half_squares(unit_rows(A), unit_rows(B))


def same_width(A: ArrayLike, B: ArrayLike) -> tuple[Floats, Floats]:
    """A and B as finite float64 matrices of one width, or an error that says what is wrong."""
    matrices = []
    for name, values in (("A", A), ("B", B)):
        matrix = np.ascontiguousarray(values, np.float64)
        if matrix.ndim != 2:
            raise InputError(f"{name} has shape {matrix.shape}; give a matrix with one embedding per row.")
        bad = ~np.isfinite(matrix).all(axis=1)
        if bad.any():
            raise InputError(f"embedding {bad.argmax()} of {name} has a value that is not finite. Drop its clip.")
        matrices.append(matrix)
    if matrices[0].shape[1] != matrices[1].shape[1]:
        widths = f"{matrices[0].shape[1]} and {matrices[1].shape[1]}"
        raise InputError(f"the embeddings of A and B have {widths} dimensions; compare those of one encoder.")
    return matrices[0], matrices[1]


def unit_rows(X: Floats) -> Floats:
    """Each row divided by its Euclidean length."""
    # The largest value is taken out first: squares of float64 values beyond 1e154 would overflow.
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0)
    if not largest.all():
        raise InputError(
            f"embedding {largest.argmin()} has length zero, so no direction. Is its clip silent? Drop it, or use "
            "the Euclidean distance."
        )
    X = X / largest
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def half_squares(unit_a: Floats, unit_b: Floats) -> Floats:
    """Cosine distances of rows that have length one already."""
    squared = cdist(unit_a, unit_b, "sqeuclidean")
    squared[squared < SAME_DIRECTION] = 0
    squared /= 2
    return np.minimum(squared, 2, out=squared)
