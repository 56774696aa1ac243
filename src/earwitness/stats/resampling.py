"""The bootstrap: how much a number would move if other items, or other groups of items, had been drawn.

Conventions: what is resampled are rows of `values` (the first axis), or, with `groups`, whole groups with all their
rows (cluster bootstrap). A statistic that takes `axis` is evaluated on many resamples at once, in blocks of bounded
memory; one that does not is called once a resample. The mean, by far the most frequent one, has its own fast path.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from earwitness.errors import InputError
from earwitness.stats.estimate import Estimate

Floats = NDArray[np.float64]
Statistic = Callable[..., Any]
Units = Sequence[Any]  # of row numbers; a range stands for "every row is its own unit"
Method = Literal["percentile", "bca"]

# Numbers in one block of resampled values: 32 MB of float64, small enough for any laptop.
BLOCK = 4_000_000


def bootstrap(
    values: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    groups: ArrayLike | None = None,
    method: Method = "percentile",
    n_resamples: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Estimate:
    """A statistic of the items with its bootstrap interval.

    Parameters
    ----------
    values : (n, ...) array
        One item a row. A table (n, columns) serves statistics of several columns, such as a correlation.
    statistic
        Takes resampled rows and returns one number. If it has a parameter `axis` it must work on a stack
        (resamples, n, ...) along `axis=1`; else it is called once for each resample.
    groups : (n,) array, optional
        What is drawn together: artist, run, user. Whole groups are resampled (cluster bootstrap).
    method
        "percentile", or "bca" (bias-corrected and accelerated: better for skewed statistics, needs a jackknife).
    n_resamples
        Resamples drawn; 1,000 or more for an interval of 95 %.
    level
        Coverage of the interval, between 0 and 1.
    rng
        Source of all randomness: the same state gives the same interval.

    Returns
    -------
    Estimate
        `value` is the statistic of `values` themselves, `n` counts what was resampled (items, or groups). The limits
        are NaN, and `note` says why, where fewer than two items (groups) were given or the statistic is NaN. Where all
        resamples agree, as for constant values, both limits equal that number and the note says so.

    Raises
    ------
    InputError
        If there are no items, `groups` has another length, or an option is out of range.

    References
    ----------
    Efron and Tibshirani (1993). An Introduction to the Bootstrap, chapters 13 and 14. Davison and Hinkley (1997),
    section 3.8, for whole groups.

    Examples
    --------
    >>> print(bootstrap([0, 1, 1, 1], rng=np.random.default_rng(0)))
    0.75 (95% 0.25 to 1.00, n=4)
    """
    table = _checked(values, method, n_resamples, level)
    units = _units(table, groups)
    value = _single(statistic(table))
    nothing = _no_interval(table, value, len(units), grouped=groups is not None)
    if nothing:
        return Estimate(value, np.nan, np.nan, len(units), nothing)
    draws = _replicates(table, statistic, units, n_resamples, rng)
    usable = draws[~np.isnan(draws)]
    note = "" if len(usable) == len(draws) else f"{len(draws) - len(usable)} of {len(draws)} resamples had no value"
    if not len(usable):
        return Estimate(value, np.nan, np.nan, len(units), note)
    if np.ptp(usable) == 0:
        return Estimate(value, float(usable[0]), float(usable[0]), len(units), note or "all resamples agree")
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        tails = _bca_tails(tails, usable, value, _jackknife(table, statistic, units))
    # The (B + 1) q-th smallest of B: with few resamples the usual quantile makes intervals too short.
    low, high = np.quantile(usable, tails, method="weibull") if np.isfinite(tails).all() else (np.nan, np.nan)
    return Estimate(value, float(low), float(high), len(units), note if np.isfinite(low) else "no BCa interval: bias")


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    groups: ArrayLike | None = None,
    method: Method = "percentile",
    n_resamples: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Estimate:
    """statistic(a) - statistic(b) for two scores of the same items, with its bootstrap interval.

    Items are resampled in pairs, so that what makes an item easy or hard for both cancels out.

    Parameters
    ----------
    a, b : (n,) arrays
        Two scores of item 1, item 2, ...; the order must be the same in both.
    statistic, groups, method, n_resamples, level, rng
        As in `bootstrap`.

    Returns
    -------
    Estimate
        Positive where `a` is larger. `note` is as in `bootstrap`.

    Raises
    ------
    InputError
        If the two have different lengths.

    Examples
    --------
    >>> print(paired_difference([0.7, 0.8, 0.9], [0.6, 0.7, 0.8], rng=np.random.default_rng(0)))
    0.10 (95% 0.10 to 0.10, n=3)
    """
    pairs, difference = paired(a, b, statistic)
    return bootstrap(pairs, difference, groups=groups, method=method, n_resamples=n_resamples, level=level, rng=rng)


def paired(a: ArrayLike, b: ArrayLike, statistic: Statistic) -> tuple[Floats, Statistic]:
    """Items and statistic whose bootstrap is that of statistic(a) - statistic(b) in pairs."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"a paired difference needs two scores for each item, got shapes {a.shape} and {b.shape}: "
            "give two one-dimensional arrays in the same order of items"
        )
    if statistic is np.mean:
        return a - b, np.mean
    if _takes_axis(statistic):
        return np.stack(
            [a, b], 1
        ), lambda pairs, axis=0: statistic(pairs[..., 0], axis=axis) - statistic(pairs[..., 1], axis=axis)
    return np.stack([a, b], 1), lambda pairs: statistic(pairs[:, 0]) - statistic(pairs[:, 1])


def bootstrap_indices(
    n: int, *, groups: ArrayLike | None = None, n_resamples: int = 1000, rng: np.random.Generator
) -> NDArray[np.intp] | list[NDArray[np.intp]]:
    """Row numbers of bootstrap resamples, for work that `bootstrap` does not fit.

    Parameters
    ----------
    n
        Number of items.
    groups : (n,) array, optional
        Draw whole groups.
    n_resamples, rng
        As in `bootstrap`.

    Returns
    -------
    (n_resamples, n) array, or with `groups` a list of n_resamples arrays
        Groups differ in size, so the resamples of groups differ in length.

    Examples
    --------
    >>> bootstrap_indices(5, n_resamples=3, rng=np.random.default_rng(0)).shape
    (3, 5)
    """
    if groups is None:
        return rng.integers(0, n, size=(n_resamples, n), dtype=np.intp)
    units = _units(np.zeros(n), groups)
    return [_resample(units, rng) for _ in range(n_resamples)]


def bootstrap_statistics(
    values: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 1000,
    rng: np.random.Generator,
) -> Floats:
    """The statistic of every resample, (n_resamples,): what `bootstrap` takes its quantiles of."""
    table = _checked(values, "percentile", n_resamples, 0.95)
    return _replicates(table, statistic, _units(table, groups), n_resamples, rng)


def _checked(values: ArrayLike, method: str, n_resamples: int, level: float) -> Floats:
    try:
        table = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError("the bootstrap takes numbers: encode labels as numbers, or use `bootstrap_indices`") from error
    if table.ndim == 0 or len(table) == 0:
        raise InputError("the bootstrap needs at least one item, got none: is the selection empty?")
    if method not in ("percentile", "bca"):
        raise InputError(f"method is {method!r}: choose 'percentile' or 'bca'")
    if not 0 < level < 1:
        raise InputError(f"level is {level}: give a coverage between 0 and 1, such as 0.95")
    if n_resamples < 1:
        raise InputError(f"n_resamples is {n_resamples}: give 1 or more, usually 1,000")
    return table


def _single(number: Any) -> float:
    if np.ndim(number):
        raise InputError(f"the statistic returned an array of shape {np.shape(number)}: give one of a single number")
    return float(number)


def _units(table: Floats, groups: ArrayLike | None) -> Units:
    """The row numbers of each unit that is drawn."""
    if groups is None:
        return range(len(table))
    labels = np.asarray(groups)
    if labels.shape != (len(table),):
        raise InputError(f"{len(table)} items but groups of shape {labels.shape}: give one group for each item")
    _, member, counts = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    return np.split(np.argsort(member, kind="stable"), np.cumsum(counts)[:-1])


def _no_interval(table: Floats, value: float, n_units: int, *, grouped: bool) -> str:
    missing = int(np.isnan(table).reshape(len(table), -1).any(1).sum())
    if missing and np.isnan(value):
        return f"{missing} of {len(table)} items have no value (NaN)"
    if np.isnan(value):
        return "the statistic has no value (NaN)"
    if n_units < 2:
        return "one group only" if grouped else "one item only"
    return ""


def _takes_axis(statistic: Statistic) -> bool:
    try:
        return "axis" in inspect.signature(statistic).parameters
    except (TypeError, ValueError):  # compiled functions without a signature
        return False


def _replicates(
    table: Floats,
    statistic: Statistic,
    units: Units,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """(n_resamples,) values of the statistic."""
    if statistic is np.mean and table.ndim == 1:
        return _means(table, units, n_resamples, rng)
    if isinstance(units, range) and _takes_axis(statistic):
        blocks = [
            np.asarray(statistic(table[rng.integers(0, len(table), size=(rows, len(table)))], axis=1))
            for rows in _blocks(n_resamples, table.size)
        ]
        return np.concatenate(blocks).astype(float)
    return np.array([float(statistic(table[_resample(units, rng)])) for _ in range(n_resamples)])


def _resample(units: Units, rng: np.random.Generator) -> NDArray[np.intp]:
    """Row numbers of one resample."""
    chosen = rng.integers(0, len(units), len(units))
    return chosen if isinstance(units, range) else np.concatenate([units[u] for u in chosen])


def _means(items: Floats, units: Units, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Means of resampled items or groups: sums and sizes of the units are all that is needed."""
    if isinstance(units, range):
        sums, sizes = items, None
    else:
        sums = np.array([items[u].sum() for u in units])
        sizes = np.array([len(u) for u in units], float)
    blocks = []
    for rows in _blocks(n_resamples, len(sums)):
        index = rng.integers(0, len(sums), size=(rows, len(sums)))
        total = np.take(sums, index).sum(1)
        blocks.append(total / (len(sums) if sizes is None else np.take(sizes, index).sum(1)))
    return np.concatenate(blocks)


def _blocks(n_resamples: int, size: int) -> Iterator[int]:
    """How many resamples of `size` numbers each block holds."""
    rows = max(1, BLOCK // max(1, size))
    for start in range(0, n_resamples, rows):
        yield min(rows, n_resamples - start)


def _jackknife(table: Floats, statistic: Statistic, units: Units) -> Floats:
    """(units,) values of the statistic with each unit left out in turn."""
    if statistic is np.mean and table.ndim == 1:
        if isinstance(units, range):
            return (table.sum() - table) / (len(table) - 1)
        sums, sizes = np.array([table[u].sum() for u in units]), np.array([len(u) for u in units])
        return (table.sum() - sums) / (len(table) - sizes)
    keep = np.ones(len(table), bool)
    left = np.empty(len(units))
    for k, unit in enumerate(units):
        keep[unit] = False
        left[k] = float(statistic(table[keep]))
        keep[unit] = True
    return left


def _bca_tails(tails: Floats, draws: Floats, value: float, left_out: Floats) -> Floats:
    """Shifted quantile levels (Efron and Tibshirani 1993, equations 14.9 to 14.15); NaN where the bias is infinite."""
    below = np.mean(draws < value) + np.mean(draws == value) / 2  # ties count half: accuracies have many
    z0 = norm.ppf(below)
    lean = left_out.mean() - left_out
    spread = np.sum(lean**2) ** 1.5
    acceleration = np.sum(lean**3) / (6 * spread) if spread > 0 else 0.0
    z = z0 + norm.ppf(tails)
    return norm.cdf(z0 + z / (1 - acceleration * z))
