"""Estimated marginal means, their comparisons, and a test of each term: for mixed and for additive models.

A marginal mean is the prediction averaged over a grid of all factor levels with equal weight, whatever the data's own
counts: what the mean would have been in a balanced experiment. Numeric covariates stand at their mean; smooth ones are
averaged over their observed values. Intervals and p-values are Wald's, with Student's t.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, studentized_range
from scipy.stats import f as fisher
from scipy.stats import t as student

from earwitness.errors import InputError
from earwitness.stats.additive import AdditiveModel, Smooth
from earwitness.stats.linear import DegreesOfFreedom, LinearModel, wald
from earwitness.stats.multiple import adjust_p

if TYPE_CHECKING:
    import altair as alt

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MarginalMeans:
    """Means of the cells of some factors: a row each with the factors, estimate, se, df, statistic, p, low, high."""

    factors: tuple[str, ...]
    table: pd.DataFrame
    df: DegreesOfFreedom
    L: Floats = field(repr=False)
    model: LinearModel = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """A row for each cell."""
        return self.table.copy()

    def chart(self) -> "alt.TopLevelMixin":
        """Means with their intervals, the first factor along the axis."""
        from earwitness.charts.statistics import marginal_means as draw

        return draw(self.table, self.factors)

    def __str__(self) -> str:
        ordered = self.table.sort_values("estimate", ascending=False)
        cells = ordered[list(self.factors)].astype(str).agg(":".join, axis=1)
        said = [f"{c} {m:.3g} ({a:.3g} to {b:.3g})" for c, m, a, b in zip(cells, *_limits(ordered), strict=True)]
        return ", ".join(said)


def _limits(table: pd.DataFrame) -> list[pd.Series]:
    return [table[name] for name in ("estimate", "low", "high")]


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Pairwise differences, a row each: contrast, estimate, se, df, statistic, p, p_holm, p_tukey, low, high.

    `p` and the interval are each comparison's own; `p_holm` and `p_tukey` are adjusted for all of its family.
    """

    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A row for each comparison."""
        return self.table.copy()

    def chart(self) -> "alt.TopLevelMixin":
        """Differences with their own intervals."""
        from earwitness.charts.statistics import effects

        return effects(self.table, label="contrast", title="difference")

    def __str__(self) -> str:
        found = self.table[self.table["p_holm"] < 0.05]
        said = [f"{row.contrast} = {row.estimate:+.3g}" for row in found.itertuples()]
        return f"{len(found)} of {len(self.table)} differ (Holm, 5 %){': ' if said else ''}{', '.join(said)}"


@dataclass(frozen=True)
class TermTests:
    """An F test for each term, a row each: term, df1, df2, F, p."""

    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A row for each term."""
        return self.table.copy()

    def __str__(self) -> str:
        return ", ".join(
            f"{term} F({df1:g}, {df2:.0f}) = {F:.3g} (p {'<.0001' if p < 1e-4 else f'{p:.4f}'})"
            for term, df1, df2, F, p in self.table.to_numpy()
        )


def marginal_means(
    model: LinearModel,
    factors: str | Sequence[str],
    *,
    at: Mapping[str, object] | None = None,
    df: DegreesOfFreedom = "satterthwaite",
    level: float = 0.95,
) -> MarginalMeans:
    """Estimated marginal means of each cell of `factors`.

    Parameters
    ----------
    model
        From `mixed_model` or `additive_model`.
    factors
        One column of the model, or several for their cells.
    at
        Values of columns to predict at, such as `{"omega": [1, 8, 64]}`; averaged over unless named in `factors`.
        A transformed covariate is named as in the formula: `{"log(omega)": 0}`.
    df
        "satterthwaite", or "z" for the normal distribution, which is too sure of itself where groups are few.
        Additive models always use their residual degrees of freedom.
    level
        Coverage of the intervals.

    Returns
    -------
    MarginalMeans

    References
    ----------
    Searle, Speed and Milliken (1980). Population marginal means in the linear model. Am. Stat. 34.
    """
    names = (factors,) if isinstance(factors, str) else tuple(factors)
    grid = model.reference_grid(at)
    unknown = [name for name in names if name not in grid]
    if unknown:
        raise InputError(f"the model has no column {unknown[0]!r}: it has {', '.join(grid.columns.drop('weight'))}")
    cells, L = _averaged(model, grid, names)
    return MarginalMeans(names, pd.concat([cells, wald(L, model, df=df, level=level)], axis=1), df, L, model)


def _averaged(model: LinearModel, grid: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, Floats]:
    """Cells of `names`, the last varying fastest, and the weighted mean of the grid's rows within each."""
    groups = grid.groupby(list(names), sort=False, observed=True)
    cells = grid[list(names)].drop_duplicates().reset_index(drop=True)
    rows, weight = model.rows(grid), grid["weight"].to_numpy()
    member = groups.ngroup().to_numpy()
    share = np.zeros((len(cells), len(grid)))
    share[member, np.arange(len(grid))] = weight
    return cells, share @ rows / share.sum(1, keepdims=True)


def marginal_slopes(
    model: LinearModel,
    covariate: str,
    by: str | Sequence[str] = (),
    *,
    df: DegreesOfFreedom = "satterthwaite",
    level: float = 0.95,
) -> MarginalMeans:
    """Slope of a numeric covariate, averaged as in `marginal_means`, in each cell of `by`.

    The result compares with `contrasts` as means do.
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    up, down = _two_sided(model, covariate)
    cells, high = _averaged(model, model.reference_grid({covariate: up}), names or (covariate,))
    _, low = _averaged(model, model.reference_grid({covariate: down}), names or (covariate,))
    L = (high - low) / (up - down)
    if not names:
        cells = pd.DataFrame({covariate: ["slope"]})
    table = pd.concat([cells, wald(L, model, df=df, level=level)], axis=1)
    return MarginalMeans(names or (covariate,), table, df, L, model)


def _two_sided(model: LinearModel, covariate: str) -> tuple[float, float]:
    grid = model.reference_grid()
    if covariate not in grid or not pd.api.types.is_numeric_dtype(grid[covariate].dtype):
        raise InputError(f"{covariate!r} is no numeric covariate of the model")
    centre = float(grid[covariate].iloc[0])
    return centre + 1, centre - 1


def contrasts(means: MarginalMeans, *, by: str | Sequence[str] = (), level: float = 0.95) -> Contrasts:
    """All pairwise differences of marginal means, with p-values unadjusted, by Holm and by Tukey.

    Parameters
    ----------
    means
        From `marginal_means` or `marginal_slopes`.
    by
        Compare only within the cells of these factors; each cell is a family of its own.
    level
        Coverage of each single interval.

    References
    ----------
    Tukey's p is that of the studentized range at sqrt(2)|t| with the comparison's own degrees of freedom.
    """
    outer = [by] if isinstance(by, str) else list(by)
    inner = [name for name in means.factors if name not in outer]
    if not inner:
        raise InputError(f"nothing is left to compare within {', '.join(outer)}: name fewer columns in `by`")
    label = means.table[inner].astype(str).agg(":".join, axis=1)
    families = means.table.groupby(outer, sort=False, observed=True).indices if outer else {(): np.arange(len(label))}
    frames = []
    for cell, members in families.items():
        pairs = list(combinations(members, 2))
        if not pairs:
            continue
        rows = wald(np.stack([means.L[i] - means.L[j] for i, j in pairs]), means.model, df=means.df, level=level)
        rows.insert(0, "contrast", [f"{label[i]} - {label[j]}" for i, j in pairs])
        for name, value in zip(outer, cell if isinstance(cell, tuple) else (cell,), strict=True):
            rows.insert(0, name, value)
        rows["p_holm"] = adjust_p(rows["p"].to_numpy(), "holm")
        rows["p_tukey"] = _tukey(rows["statistic"].to_numpy(), rows["df"].to_numpy(), len(members))
        frames.append(rows)
    if not frames:
        raise InputError("there is one mean only: nothing to compare it with")
    return Contrasts(pd.concat(frames, ignore_index=True))


def _tukey(statistic: Floats, df: Floats, count: int) -> Floats:
    if count == 2:  # one comparison is no family
        return 2 * np.asarray(student.sf(np.abs(statistic), df))
    return np.clip(studentized_range.sf(np.sqrt(2) * np.abs(statistic), count, df), 0, 1)


def term_tests(model: LinearModel, *, df: DegreesOfFreedom = "satterthwaite") -> TermTests:
    """A Wald F test for each term of the model (type III like).

    A term of factors is tested by the interaction contrasts of its marginal means, a numeric covariate by its slope:
    unlike tests of single treatment-coded coefficients, these do not depend on reference levels. Mixed models take the
    denominator degrees of freedom of Fai and Cornelius; "z" stands for infinitely many. Additive models add a row for
    each smooth.
    """
    terms = [term for term in model.parts.fixed if term]
    rows = [_term_test(model, term, df) for term in terms]
    table = pd.DataFrame(rows, columns=["term", "df1", "df2", "F", "p"])
    smooths = getattr(model, "smooth_tests", None)
    return TermTests(table if smooths is None else pd.concat([table, smooths()[table.columns]], ignore_index=True))


def _term_test(model: LinearModel, term: tuple[str, ...], df: DegreesOfFreedom) -> tuple[str, int, float, float, float]:
    grid = model.reference_grid()
    numeric = [name for name in term if pd.api.types.is_numeric_dtype(grid[name].dtype)]
    at = {name: list(_two_sided(model, name)) for name in numeric}
    grid = model.reference_grid(at)
    cells, L = _averaged(model, grid, term)
    order = cells.assign(**{c: pd.Categorical(cells[c], pd.unique(cells[c])) for c in numeric})
    sizes = [order[name].nunique() for name in term]
    K = L[np.lexsort([order[name].cat.codes for name in reversed(term)])].reshape(*sizes, -1)
    for axis, name in enumerate(term):
        first = np.take(K, [0], axis)
        rest = np.take(K, range(1, K.shape[axis]), axis)
        K = (first - rest) / (2 if name in numeric else 1)
    K = K.reshape(-1, L.shape[1])
    V = K @ model.vcov @ K.T
    F = float((K @ model.beta) @ np.linalg.solve(V, K @ model.beta) / len(K))
    df2 = _joint_df(model, K, V, df)
    p = fisher.sf(F, len(K), df2) if np.isfinite(df2) else chi2.sf(F * len(K), len(K))
    return ":".join(term), len(K), df2, F, float(p)


def _joint_df(model: LinearModel, K: Floats, V: Floats, df: DegreesOfFreedom) -> float:
    """Fai and Cornelius (1996): of the independent one-row contrasts that make up the test."""
    _, vectors = np.linalg.eigh(V)
    each = model.degrees_of_freedom(vectors.T @ K, df)
    if len(each) == 1 or not np.isfinite(each).any():
        return float(each[0])
    if (each <= 2).any():
        return 2.0
    total = float(np.sum(1 / (1 - 2 / each)))
    return 2 * total / (total - len(each))


@dataclass(frozen=True, eq=False)
class SmoothCurves:
    """Fitted curves with bands: the smooth's factors, its covariate, estimate, se, df, ..., low, high."""

    covariate: str
    by: tuple[str, ...]
    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A row for each point of each curve."""
        return self.table.copy()

    def chart(self) -> "alt.TopLevelMixin":
        """Curves with bands."""
        from earwitness.charts.statistics import smooths

        return smooths(self.table, self.covariate, self.by)

    def __str__(self) -> str:
        within = f" by {':'.join(self.by)}" if self.by else ""
        low, high = self.table["estimate"].min(), self.table["estimate"].max()
        return f"curves of {self.covariate}{within}: {low:.3g} to {high:.3g}"


def smooth_curves(model: AdditiveModel, *, points: int = 50, level: float = 0.95) -> list[SmoothCurves]:
    """The fitted curves of an additive model with pointwise bands, for each smooth of its formula.

    Each curve is the prediction in its cell, other factors averaged with equal weight, over the range of the covariate
    seen there, in the covariate's own units.
    """
    return [_curves_of(model, smooth, points, level) for smooth in model.smooths]


def _curves_of(model: AdditiveModel, smooth: Smooth, points: int, level: float) -> SmoothCurves:
    covariate, by, keys = smooth.term.covariate, list(smooth.term.by), list(model.value_keys(smooth))
    grid = model.reference_grid()
    ends = grid.groupby(keys, observed=True)[covariate] if keys else grid.groupby(np.zeros(len(grid)))[covariate]
    grid = grid.assign(low=ends.transform("min"), high=ends.transform("max"))
    grid = grid.drop(columns=[covariate, "weight"]).drop_duplicates()
    grid = grid.merge(pd.DataFrame({"step": np.linspace(0, 1, points)}), how="cross").assign(weight=1.0)
    grid[covariate] = grid["low"] + grid["step"] * (grid["high"] - grid["low"])
    cells, L = _averaged(model, grid, [*by, covariate])
    if model.within is not None:
        low, high = (cells[model.within].map({k: v[i] for k, v in model.ranges.items()}).astype(float) for i in (0, 1))
        cells[covariate] = low + cells[covariate] * (high - low)
    table = pd.concat([cells, wald(L, model, level=level)], axis=1)
    return SmoothCurves(covariate, tuple(by), table)
