"""Many tests at once: adjusted p-values, and which of several encoders cannot be told apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from earwitness.errors import InputError
from earwitness.stats.estimate import Estimate
from earwitness.stats.resampling import Statistic, bootstrap, bootstrap_statistics, paired

Adjustment = Literal["holm", "bh"]


def adjust_p(p: ArrayLike, method: Adjustment = "holm") -> NDArray[np.float64]:
    """p-values adjusted for being several.

    Parameters
    ----------
    p : array of any shape
        Unadjusted p-values. NaN stands for a test that was not made: it stays NaN and does not count.
    method
        "holm" bounds the chance of any false claim, "bh" (Benjamini-Hochberg) the expected share of false claims.

    Returns
    -------
    Array of the same shape, never smaller than `p`.

    Raises
    ------
    InputError
        If a p-value lies outside [0, 1] or the method is unknown.

    References
    ----------
    Holm (1979); Benjamini and Hochberg (1995).

    Examples
    --------
    >>> adjust_p([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p, dtype=float)
    if method not in ("holm", "bh"):
        raise InputError(f"method is {method!r}: choose 'holm' or 'bh' (Benjamini-Hochberg)")
    made = ~np.isnan(given)
    if ((given[made] < 0) | (given[made] > 1)).any():
        raise InputError(f"p-values lie between 0 and 1, got {given[made].min():g} to {given[made].max():g}")
    adjusted = np.full(given.shape, np.nan)
    adjusted[made] = _holm(given[made]) if method == "holm" else false_discovery_control(given[made])
    return adjusted


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The k-th smallest of m counts m - k + 1 times, and no p-value less than one before it."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


@dataclass(frozen=True)
class TieGroups:
    """Competitors in order of merit, and the sets within which no difference was found.

    `table` has a row for each: name, value, letters. Two that share a letter cannot be told apart. `pairs` has a row
    for each pair: a, b, difference (a - b) with low, high, p and p_adjusted.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    level: float

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The sets that cannot be told apart, best first; sets may overlap."""
        letters = sorted(set("".join(self.table["letters"])))
        return [tuple(self.table.loc[self.table["letters"].str.contains(x), "name"]) for x in letters]

    def to_frame(self) -> pd.DataFrame:
        """A row for each competitor: name, value, letters."""
        return self.table.copy()

    def __str__(self) -> str:
        return " > ".join(" = ".join(group) for group in self.groups)


def tie_groups(
    scores: Mapping[str, ArrayLike],
    statistic: Statistic = np.mean,
    *,
    groups: ArrayLike | None = None,
    method: Adjustment = "holm",
    level: float = 0.95,
    n_resamples: int = 1000,
    rng: np.random.Generator,
) -> TieGroups:
    """Which competitors cannot be told apart on the same items.

    Each pair is compared by the difference of the statistic over its bootstrap standard error, items resampled in
    pairs, against Student's t with (items or groups - 1) degrees of freedom; p-values are adjusted over all pairs.
    Pairs without a usable p-value (one item, NaN) count as ties: they have not been told apart.

    Parameters
    ----------
    scores
        Name -> (n,) scores, items in the same order for all; larger is better.
    statistic, groups, n_resamples, rng
        As in `bootstrap`.
    method
        Adjustment for several pairs, as in `adjust_p`.
    level
        Two differ where the adjusted p-value is below 1 - level; also the coverage of the intervals (not adjusted).

    Returns
    -------
    TieGroups

    Raises
    ------
    InputError
        If nothing is given or the lengths differ.

    References
    ----------
    Piepho (2004). An algorithm for a letter-based representation of all-pairwise comparisons.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> base = rng.normal(size=200)
    >>> scores = {"a": base + 1, "b": base + rng.normal(size=200), "c": base}
    >>> print(tie_groups(scores, rng=rng))
    a > c = b
    """
    if not scores:
        raise InputError("tie groups need at least one competitor, got none")
    series = {name: np.asarray(score, dtype=float) for name, score in scores.items()}
    value = {name: float(statistic(score)) for name, score in series.items()}
    order = sorted(series, key=lambda name: -value[name] if value[name] == value[name] else np.inf)
    rows = [
        {"a": a, "b": b, **_compared(series[a], series[b], statistic, groups, level, n_resamples, rng)}
        for a, b in combinations(order, 2)
    ]
    pairs = pd.DataFrame(rows, columns=["a", "b", "difference", "low", "high", "n", "note", "p"])
    pairs["p_adjusted"] = adjust_p(pairs["p"].to_numpy(dtype=float), method)
    differ = {frozenset(pair) for pair in pairs.loc[pairs["p_adjusted"] < 1 - level, ["a", "b"]].to_numpy()}
    letters = _letters(order, differ)
    table = pd.DataFrame({"name": order, "value": [value[x] for x in order], "letters": [letters[x] for x in order]})
    return TieGroups(table, pairs, level)


def _compared(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    statistic: Statistic,
    groups: ArrayLike | None,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[str, object]:
    """One pair: the difference, its interval and an unadjusted p-value."""
    pairs, difference = paired(a, b, statistic)
    estimate = bootstrap(pairs, difference, groups=groups, n_resamples=n_resamples, level=level, rng=rng)
    draws = bootstrap_statistics(pairs, difference, groups=groups, n_resamples=n_resamples, rng=rng)
    return {
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "note": estimate.note,
        "p": _t_test(estimate, draws),
    }


def _t_test(estimate: Estimate, draws: NDArray[np.float64]) -> float:
    """Two-sided p of "no difference"; NaN where the estimate has no interval."""
    if np.isnan(estimate.low):
        return np.nan
    # The bootstrap divides by n; this makes the test of a mean Student's own.
    error = np.nanstd(draws) * np.sqrt(estimate.n / (estimate.n - 1))
    if error <= 1e-12 * abs(estimate.value):
        return 1.0 if estimate.value == 0 else 0.0
    return float(2 * student.sf(abs(estimate.value) / error, estimate.n - 1))


def _letters(names: list[str], differ: set[frozenset[str]]) -> dict[str, str]:
    """Letters such that two names share one exactly if they do not differ (insert and absorb, Piepho 2004)."""
    sets = [set(names)]
    for a, b in (tuple(pair) for pair in differ):
        split = [part for s in sets for part in ([s - {a}, s - {b}] if {a, b} <= s else [s])]
        sets = [s for k, s in enumerate(split) if not any(s < t or (s == t and j < k) for j, t in enumerate(split))]
    sets.sort(key=lambda s: sorted(names.index(x) for x in s))
    return {name: "".join(chr(ord("a") + k) for k, s in enumerate(sets) if name in s) for name in names}
