"""Designs of experiments: is every level tried equally often, and can effects be told from each other?

Conventions: a design is a table, one run a row, one factor a column; any values are levels. Unbalance is the largest
range of level counts over the factors. Aliasing is the largest absolute correlation between main-effect columns of two
factors, 0 (none) to 1 (they cannot be told apart); a factor of two levels has one column, of more an indicator a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import InputError

if TYPE_CHECKING:
    import altair as alt

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Balance:
    """How often each level was tried: `table` has factor, level, count; `by_factor` the range of each factor."""

    table: pd.DataFrame
    by_factor: dict[str, int]

    @property
    def unbalance(self) -> int:
        """Largest range of counts of any factor."""
        return max(self.by_factor.values())

    def to_frame(self) -> pd.DataFrame:
        """A row for each level."""
        return self.table.copy()

    def __str__(self) -> str:
        worst = max(self.by_factor, key=lambda name: self.by_factor[name])
        return f"unbalance {self.unbalance} ({worst})"


@dataclass(frozen=True)
class AliasMatrix:
    """How much each effect in `table`'s columns would be mistaken for the one in its row, if it existed."""

    table: pd.DataFrame

    @property
    def max_abs(self) -> float:
        """Largest absolute entry."""
        return float(np.abs(self.table.to_numpy()).max(initial=0.0))

    def to_frame(self) -> pd.DataFrame:
        """Long form: effect, alias, coefficient."""
        return self.table.rename_axis("effect").reset_index().melt("effect", var_name="alias", value_name="coefficient")

    def chart(self) -> "alt.TopLevelMixin":
        """The matrix as coloured squares."""
        from earwitness.charts.statistics import alias_matrix as draw

        return draw(self.to_frame())

    def __str__(self) -> str:
        if not self.table.size:
            return "no aliases"
        row, column = np.unravel_index(np.abs(self.table.to_numpy()).argmax(), self.table.shape)
        return f"largest alias {self.max_abs:.3f}: {self.table.index[row]} with {self.table.columns[column]}"


def balance(design: pd.DataFrame, pool: pd.DataFrame | None = None) -> Balance:
    """Count the runs of each level.

    Parameters
    ----------
    design
        Runs by factors.
    pool
        All feasible runs, those of the design included. Its levels count even where the design lacks them, and levels
        all of whose runs are used up are left out of a factor's range: they cannot be tried more often.

    Examples
    --------
    >>> print(balance(pd.DataFrame({"a": [0, 0, 1], "b": ["x", "y", "z"]})))
    unbalance 1 (a)
    """
    _check_design(design)
    rows, ranges = [], {}
    for name in design.columns:
        counts = design[name].value_counts(sort=False)
        if pool is not None:
            capacity = pool[name].value_counts(sort=False)
            counts = counts.reindex(capacity.index, fill_value=0)
            open_ = counts[counts < capacity]
        else:
            open_ = counts
        ranges[str(name)] = int(open_.max() - open_.min()) if len(open_) else 0
        rows += [(str(name), level, int(count)) for level, count in counts.items()]
    return Balance(pd.DataFrame(rows, columns=["factor", "level", "count"]), ranges)


def max_aliasing(design: pd.DataFrame) -> float:
    """Largest absolute correlation between main-effect columns of different factors, 0 to 1.

    A column that does not vary counts as 0. Leave out factors that others determine, such as the number of sources
    beside the sources: their aliasing is part of the question, not of the design.
    """
    return aliasing(design).max_abs


def aliasing(design: pd.DataFrame) -> AliasMatrix:
    """Correlations between main-effect columns of different factors; 0 within a factor."""
    _check_design(design)
    columns = [_main_effects(design[name], str(name)) for name in design.columns]
    X = np.hstack([values for values, _ in columns])
    names = [name for _, labels in columns for name in labels]
    owner = np.repeat(np.arange(len(columns)), [len(labels) for _, labels in columns])
    correlation = _correlations(len(X), X.sum(0), X.T @ X)
    correlation[owner[:, None] == owner] = 0
    return AliasMatrix(pd.DataFrame(correlation, names, names))


def _main_effects(column: pd.Series, name: str) -> tuple[Floats, list[str]]:
    """Indicator columns: the second of two levels, or every one of more."""
    levels = sorted(column.unique(), key=lambda level: (str(type(level)), level))
    kept = levels[-1:] if len(levels) <= 2 else levels
    labels = [name] if len(levels) <= 2 else [f"{name}={level}" for level in kept]
    return np.stack([(column == level).to_numpy(float) for level in kept], 1), labels


def _correlations(n: int, sums: Floats, products: Floats) -> Floats:
    """Correlations from counts; (..., k) sums and (..., k, k) products of 0/1 columns."""
    cross = n * products - sums[..., :, None] * sums[..., None, :]
    spread = np.diagonal(cross, axis1=-2, axis2=-1)
    scale = np.sqrt(spread[..., :, None] * spread[..., None, :])
    return np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)


def alias_matrix(design: pd.DataFrame) -> AliasMatrix:
    r"""Bias of intercept and main effects by two-factor interactions left out of the model.

    .. math:: A = (X_1' X_1)^{-1} X_1' X_2

    with :math:`X_1` the intercept and the main effects coded -1/+1 and :math:`X_2` their pairwise products.

    Parameters
    ----------
    design
        Runs by factors of two levels each; the larger level (in sorted order) is +1.

    Raises
    ------
    InputError
        If a factor has not two levels, or main effects are collinear.

    Examples
    --------
    >>> half = pd.DataFrame([(-1, -1, 1), (1, -1, -1), (-1, 1, -1), (1, 1, 1)], columns=list("ABC"))
    >>> print(alias_matrix(half))
    largest alias 1.000: A with B:C
    """
    _check_design(design)
    coded = {}
    for name in design.columns:
        levels = sorted(design[name].unique())
        if len(levels) != 2:
            raise InputError(f"the factor {name!r} has {len(levels)} levels; an alias matrix is of factors with two")
        coded[str(name)] = np.where(design[name] == levels[1], 1.0, -1.0)
    X1 = np.column_stack([np.ones(len(design)), *coded.values()])
    if np.linalg.matrix_rank(X1) < X1.shape[1]:
        raise InputError("the main effects of the design are collinear: leave out factors that others determine")
    pairs = list(combinations(coded, 2))
    X2 = np.column_stack([coded[a] * coded[b] for a, b in pairs]) if pairs else np.empty((len(design), 0))
    A = np.linalg.solve(X1.T @ X1, X1.T @ X2)
    return AliasMatrix(pd.DataFrame(A, ["Intercept", *coded], [f"{a}:{b}" for a, b in pairs]))


def _check_design(design: pd.DataFrame) -> None:
    if not len(design) or not len(design.columns):
        raise InputError("the design has no runs or no factors")
    for name in design.columns:
        if design[name].isna().any():
            raise InputError(f"the factor {name!r} has missing levels: drop those runs or name the level")


@dataclass(frozen=True)
class SequentialDesign:
    """Runs in the order in which to make them: `rows` of the pool, and `table`, the runs themselves.

    `unbalance` and `aliasing` are those reached after each run.
    """

    rows: tuple[int, ...]
    table: pd.DataFrame
    unbalance: tuple[int, ...]
    aliasing: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """The runs in order, with the criteria reached after each."""
        return self.table.assign(unbalance=self.unbalance, aliasing=self.aliasing)

    def __str__(self) -> str:
        if not self.rows:
            return "no runs"
        return f"{len(self.rows)} runs, unbalance {self.unbalance[-1]}, largest aliasing {self.aliasing[-1]:.3f}"


def sequential_design(
    pool: pd.DataFrame,
    size: int,
    *,
    structural: Sequence[str] = (),
    start: Sequence[int] = (),
    unbalance: Literal["max", "lexicographic"] = "max",
    seed: int = 0,
) -> SequentialDesign:
    """Choose runs one at a time, each keeping the design as balanced, then as little aliased, as any could.

    At each step O is the set of remaining runs whose addition gives the least unbalance (levels already used up left
    out, see `balance`), P the part of O with the least aliasing, and the next run is drawn from P at random.

    Parameters
    ----------
    pool
        All feasible runs by factors.
    size
        Runs wanted, those of `start` included.
    structural
        Factors that others determine, such as a count of sources: balanced, but left out of the aliasing.
    start
        Rows of the pool already run, in order. A design cut short and taken up again with the same seed ends as if it
        had never been cut, since the draw of each step depends on the seed and the step alone.
    unbalance
        "max": only the largest range of level counts decides, as printed, so that factors below it may drift.
        "lexicographic": among runs with the same largest range the next largest decides, and so on.
    seed
        Same seed, same design.

    Returns
    -------
    SequentialDesign

    Raises
    ------
    InputError
        If more runs are wanted than the pool has, or `start` names a row twice or one that is not there.

    References
    ----------
    Kim (2021), section 2.4.3, Algorithm 2.
    """
    _check_design(pool)
    if unbalance not in ("max", "lexicographic"):
        raise InputError(f"unbalance is {unbalance!r}: choose 'max' or 'lexicographic'")
    taken = [int(row) for row in start]
    if len(set(taken)) < len(taken) or any(not 0 <= row < len(pool) for row in taken):
        raise InputError("`start` names a run twice or one that is not in the pool")
    if not len(taken) <= size <= len(pool):
        raise InputError(f"size is {size}: choose between the {len(taken)} runs done and the {len(pool)} of the pool")
    unknown = sorted(set(structural) - set(pool.columns))
    if unknown:
        raise InputError(f"`structural` names {unknown[0]!r}, which is no factor of the pool")
    state = _State(pool, [name for name in pool.columns if name not in structural])
    history = [state.add(row) for row in taken]
    while len(state.rows) < size:
        rng = np.random.default_rng([seed, len(state.rows)])
        history.append(state.add(int(rng.choice(state.best(every=unbalance == "lexicographic")))))
    table = pool.iloc[state.rows].reset_index(drop=True)
    return SequentialDesign(tuple(state.rows), table, tuple(u for u, _ in history), tuple(a for _, a in history))


class _State:
    """A growing design: counts and cross-products are kept, so that trying a run costs no pass over the others."""

    def __init__(self, pool: pd.DataFrame, aliased: Sequence[object]) -> None:
        codes = [pd.factorize(pool[name], sort=False)[0] for name in pool.columns]
        self.codes = np.stack(codes, 1)  # (runs, factors)
        self.capacity = [np.bincount(code) for code in codes]
        self.counts = [np.zeros_like(capacity) for capacity in self.capacity]
        effects = [_main_effects(pool[name], str(name))[0] for name in aliased]
        self.effects = np.hstack(effects) if effects else np.zeros((len(pool), 0))
        owner = np.repeat(np.arange(len(effects)), [e.shape[1] for e in effects])
        self.between = owner[:, None] != owner
        self.sums = np.zeros(self.effects.shape[1])
        self.products = np.zeros((len(self.sums), len(self.sums)))
        self.left = np.ones(len(pool), bool)
        self.rows: list[int] = []

    def best(self, *, every: bool = False) -> NDArray[np.intp]:
        """Runs left that give the least unbalance, and among them the least aliasing.

        With `every` the ranges of all factors are compared, from the largest to the smallest.
        """
        candidates = np.flatnonzero(self.left)
        ranges = -np.sort(-self.ranges(candidates), axis=1)[:, : None if every else 1]
        least = min(map(tuple, ranges.tolist()))
        candidates = candidates[(ranges == least).all(1)]
        found = self.aliasing(candidates)
        return candidates[found <= found.min() + 1e-12]  # equal but for rounding

    def ranges(self, candidates: NDArray[np.intp]) -> NDArray[np.intp]:
        """(candidates, factors) range of level counts of each factor after adding each."""
        found = np.zeros((len(candidates), len(self.counts)), np.intp)
        for factor, (counts, capacity) in enumerate(zip(self.counts, self.capacity, strict=True)):
            steps = np.array([_open_range(counts + step, capacity) for step in np.eye(len(counts), dtype=np.intp)])
            found[:, factor] = steps[self.codes[candidates, factor]]
        return found

    def aliasing(self, candidates: NDArray[np.intp]) -> Floats:
        """(candidates,) aliasing after adding each."""
        x = self.effects[candidates]
        products = self.products + x[:, :, None] * x[:, None, :]
        found = np.abs(_correlations(len(self.rows) + 1, self.sums + x, products))
        return np.max(found, axis=(1, 2), where=self.between, initial=0.0)

    def add(self, row: int) -> tuple[int, float]:
        """Take a run; its unbalance and aliasing."""
        only = np.array([row])
        reached = int(self.ranges(only).max()), float(self.aliasing(only)[0])
        for factor, counts in enumerate(self.counts):
            counts[self.codes[row, factor]] += 1
        self.sums += self.effects[row]
        self.products += np.outer(self.effects[row], self.effects[row])
        self.left[row] = False
        self.rows.append(row)
        return reached


def _open_range(counts: NDArray[np.intp], capacity: NDArray[np.intp]) -> int:
    open_ = counts[counts < capacity]
    return int(np.ptp(open_)) if len(open_) else 0
