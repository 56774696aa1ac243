"""Do two distances put the same pairs near and the same pairs far? Spearman's rank correlation of large matrices.

Conventions: ranks count from 1 to n; equal values share the mean of their ranks. 0.0 and -0.0 are equal.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earwitness.errors import InputError

Floats = NDArray[np.float64]


def average_ranks(values: ArrayLike) -> Floats:
    """Rank of each value among all, the mean rank where values are equal.

    A radix sort of the bits: time grows in step with the number of values, and float32 takes half that of float64.

    Parameters
    ----------
    values : array of any shape
        float32 is ranked as it is, anything else as float64. Finite, fewer than 2**31.

    Returns
    -------
    float64 array of the same shape
        From 1 to the number of values.

    Raises
    ------
    InputError
        If a value is not a number or infinite.

    Examples
    --------
    >>> average_ranks([0.5, 2.0, 0.5, -1.0])
    array([2.5, 4. , 2.5, 1. ])
    """
    array = np.asarray(values)
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError(
            "values to be ranked must be finite; leave out the clips whose distance could not be computed."
        )
    from earwitness.distances._rank_kernels import shared_ranks

    flat = array.ravel()
    return shared_ranks(_sortable_bits(flat)).reshape(array.shape)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    r"""Spearman's rank correlation of two arrays, all values of each pooled.

    .. math:: \rho = \operatorname{corr}(\operatorname{rank} x, \operatorname{rank} y)

    To leave out the diagonal of two matrices, or to rank one of them once for many, take `average_ranks` of the part
    that counts and `correlation_of_ranks`.

    Parameters
    ----------
    x, y : arrays of one shape
        Two values or more.

    Returns
    -------
    float
        From -1 to 1.

    Raises
    ------
    InputError
        If the shapes differ, a value is not finite, or all values of one are equal: they have no order to agree with.

    References
    ----------
    Spearman (1904). The proof and measurement of association between two things. American Journal of Psychology 15(1).

    Examples
    --------
    >>> rank_correlation([[1.0, 2.0], [3.0, 4.0]], [[1.0, 20.0], [300.0, 200.0]])
    0.8
    """
    if np.shape(x) != np.shape(y):
        raise InputError(f"shapes {np.shape(x)} and {np.shape(y)} differ; compare distances between the same clips.")
    return correlation_of_ranks(average_ranks(x), average_ranks(y))


def correlation_of_ranks(x: Floats, y: Floats) -> float:
    """Correlation of two arrays that `average_ranks` returned."""
    # The mean rank is known exactly; taking it out first keeps the sums of squares within float64's precision.
    x, y = x.ravel() - (x.size + 1) / 2, y.ravel() - (y.size + 1) / 2
    spread = np.sqrt((x @ x) * (y @ y))
    if not spread:
        raise InputError("all values to be ranked are equal (or there are none), so they have no order.")
    return float(np.clip(x @ y / spread, -1, 1))


def _sortable_bits(values: NDArray[np.floating]) -> NDArray[np.unsignedinteger]:
    """Unsigned integers in the order of the floats: the sign bit turned, and negative ones turned altogether."""
    kind: Any = np.uint32 if values.dtype == np.float32 else np.uint64
    bits = (values + values.dtype.type(0)).view(kind)  # -0.0 + 0.0 is 0.0
    sign = kind(1 << (8 * bits.itemsize - 1))
    return np.where(bits & sign, ~bits, bits | sign)
