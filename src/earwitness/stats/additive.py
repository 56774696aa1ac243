"""Additive models: factors, their interactions, and a smooth curve of a covariate for each of their cells.

Question: how does a score move with the strength of a change, and does that differ between encoders? Conventions:
`y = X b + sum of f_cell(x) + e` with e normal; each f is a natural cubic spline that averages zero over all rows on the
common basis, then counts in its own cell only. Its wiggliness is chosen from the data, one smoothing parameter a curve.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as fisher

from earwitness.errors import InputError
from earwitness.stats._penalised import Problem, Selection
from earwitness.stats.formula import Design, Parts, SmoothTerm, check_rank, parse, prepare, reference_grid
from earwitness.stats.linear import DegreesOfFreedom, response, wald
from earwitness.stats.splines import Spline

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Smooth:
    """One `s(x, by = ...)` of a formula: the basis its cells share, and the cells in order of their columns."""

    term: SmoothTerm
    spline: Spline
    cells: tuple[tuple[object, ...], ...]

    @property
    def size(self) -> int:
        """Columns of each cell."""
        return self.spline.constraint.shape[1]

    @property
    def names(self) -> list[str]:
        """`s(x):a:b` for each cell."""
        return [":".join([f"s({self.term.covariate})", *map(str, cell)]) for cell in self.cells]

    def members(self, table: pd.DataFrame) -> NDArray[np.intp]:
        """(n,) the cell of each row, as its place in `cells`."""
        if not self.term.by:
            return np.zeros(len(table), np.intp)
        factors = [table[name].cat for name in self.term.by]
        return np.ravel_multi_index([f.codes for f in factors], [len(f.categories) for f in factors])

    def rows(self, table: pd.DataFrame) -> Floats:
        """(n, cells * size) columns: the basis in the row's own cell, zero elsewhere."""
        basis = self.spline.basis(table[self.term.covariate].to_numpy(dtype=float))
        member = self.members(table)
        made = np.zeros((len(table), len(self.cells), self.size))
        made[np.arange(len(table)), member] = basis
        return made.reshape(len(table), -1)


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """A fitted additive model.

    `beta` and `vcov` are all coefficients (first the parametric ones in `names`) and their Bayesian covariance, `edf`
    the effective degrees of freedom of each coefficient, `scale` the residual variance, `score` the REML or GCV score.
    `dropped` counts rows left out for missing values.
    """

    formula: str
    method: Selection
    names: tuple[str, ...]
    beta: Floats
    vcov: Floats
    edf: Floats
    scale: float
    score: float
    r2: float
    r2_adjusted: float
    n: int
    dropped: int
    table: pd.DataFrame = field(repr=False)
    parts: Parts = field(repr=False)
    design: Design = field(repr=False)
    smooths: tuple[Smooth, ...] = field(repr=False)
    log_lambda: Floats = field(repr=False)
    within: str | None = None
    ranges: Mapping[object, tuple[float, float]] = field(default_factory=dict, repr=False)

    @property
    def df_residual(self) -> float:
        """Rows less effective degrees of freedom."""
        return self.n - float(self.edf.sum())

    def to_frame(self, *, level: float = 0.95) -> pd.DataFrame:
        """Parametric coefficients, a row each: term, estimate, se, df, statistic, p, low, high."""
        L = np.eye(len(self.names), len(self.beta))
        return pd.concat([pd.DataFrame({"term": self.names}), wald(L, self, level=level)], axis=1)

    def degrees_of_freedom(self, L: Floats, method: DegreesOfFreedom = "satterthwaite") -> Floats:  # noqa: ARG002
        """(m,) the residual degrees of freedom, whatever the function: errors are all of one kind here."""
        return np.full(len(L), self.df_residual)

    def rows(self, grid: pd.DataFrame) -> Floats:
        """(m, p) linear functions of the coefficients that predict the rows of a grid."""
        return np.hstack([self.design.rows(grid), *(smooth.rows(grid) for smooth in self.smooths)])

    def reference_grid(self, at: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Every combination of factor levels, each with the covariate values observed there, equally weighted.

        The values of a smooth covariate are those seen in the cell's level of `within`, or without that in its cell of
        the smooth's factors; `at` puts others in their place. `weight` makes every combination count the same.
        """
        given = dict(at or {})
        columns = [name for term in self.parts.fixed for name in term]
        columns += [name for smooth in self.smooths for name in smooth.term.by]
        covariates = [smooth.term.covariate for smooth in self.smooths]
        plain = {name: value for name, value in given.items() if name not in covariates}
        grid = reference_grid(self.table, list(dict.fromkeys(columns)), plain) if columns else pd.DataFrame(index=[0])
        grid["weight"] = 1.0
        for smooth in {s.term.covariate: s for s in self.smooths}.values():
            grid = self._with_values(grid, smooth, given.get(smooth.term.covariate))
        return grid

    def _with_values(self, grid: pd.DataFrame, smooth: Smooth, values: object) -> pd.DataFrame:
        """Each row of the grid once for each value of the smooth's covariate."""
        covariate, keys = smooth.term.covariate, self.value_keys(smooth)
        if values is not None:
            frames = [grid.assign(**{covariate: float(value)}) for value in np.atleast_1d(np.asarray(values, float))]
            return pd.concat(frames, ignore_index=True)
        if not keys:
            seen = self.table[[covariate]].drop_duplicates().sort_values(covariate)
            merged = grid.merge(seen, how="cross")
        else:
            seen = self.table[[*keys, covariate]].drop_duplicates().sort_values([*keys, covariate])
            merged = grid.merge(seen, on=list(keys), how="left")
        count = merged.groupby(list(grid.columns.drop("weight")) or ["weight"], observed=True)[covariate]
        return merged.assign(weight=merged["weight"] / count.transform("size"))

    def value_keys(self, smooth: Smooth) -> tuple[str, ...]:
        """The factors within whose cells the covariate's values are looked up."""
        return (self.within,) if self.within in smooth.term.by else smooth.term.by

    @property
    def smooth_table(self) -> pd.DataFrame:
        """A row for each curve: term, edf, smoothing parameter."""
        starts, rows = len(self.names), []
        for smooth in self.smooths:
            for name in smooth.names:
                rows.append((name, float(self.edf[starts : starts + smooth.size].sum())))
                starts += smooth.size
        return pd.DataFrame(rows, columns=["term", "edf"]).assign(smoothing=np.exp(self.log_lambda))

    def smooth_tests(self) -> pd.DataFrame:
        """For each curve the F test that it is flat at zero: term, edf, df1, df2, F, p.

        The test is that of the same basis without penalty, whose F distribution is exact; a test of the penalised
        curve would take the data's own choice of its wiggliness as given.
        """
        X, y = self.rows(self.table), self.table[self.parts.response].to_numpy(dtype=float)
        inverse = np.linalg.inv(X.T @ X)
        beta = inverse @ (X.T @ y)
        df2 = self.n - X.shape[1]
        variance = float(np.sum((y - X @ beta) ** 2)) / df2
        rows, start = [], len(self.names)
        for size in (s.size for s in self.smooths for _ in s.cells):
            part = slice(start, start + size)
            F = float(beta[part] @ np.linalg.solve(inverse[part, part], beta[part])) / size / variance
            rows.append((size, df2, F))
            start += size
        tests = pd.DataFrame(rows, columns=["df1", "df2", "F"])
        p = fisher.sf(tests["F"], tests["df1"], tests["df2"])
        return pd.concat([self.smooth_table[["term", "edf"]], tests.assign(p=p)], axis=1)

    def __str__(self) -> str:
        lost = f"; {self.dropped} rows with missing values left out" if self.dropped else ""
        curves = sum(len(smooth.cells) for smooth in self.smooths)
        counted = f"{curves} curve{'s' * (curves != 1)}, edf {self.edf.sum():.1f}"
        return f"{self.formula}: n={self.n}, {counted}, R2 {self.r2:.3f}{lost}"


def additive_model(
    formula: str, data: pd.DataFrame, *, knots: int = 8, within: str | None = None, method: Selection = "reml"
) -> AdditiveModel:
    """Fit a Gaussian additive model.

    Parameters
    ----------
    formula
        Factors and covariates as usual, and smooths: `"y ~ (a + b)^2 + s(x, by = a:b)"` has a curve of x for each cell
        of a and b.
    data
        One observation a row; text and categories are factors. Rows that lack a value are left out and counted.
    knots
        Knots of each curve, 3 or more, at even quantiles of the distinct values of x.
    within
        A factor within whose levels smooth covariates are first rescaled to 0..1, such as the transformation, whose
        magnitudes are decibels here and cents there.
    method
        How the wiggliness is chosen: "reml", or "gcv" (generalised cross-validation, less stable).

    Returns
    -------
    AdditiveModel

    Raises
    ------
    InputError
        If a column is missing, a factor has one level, a cell has no rows or fewer distinct values than knots, terms
        are collinear, or the response is constant.

    References
    ----------
    Wood (2011), JRSS B 73(1), 3-36; Wood (2017), Generalized Additive Models, second edition, sections 4.2 and 5.3.1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame({"x": rng.uniform(size=200)})
    >>> data["y"] = np.sin(6 * data["x"]) + 0.1 * rng.normal(size=200)
    >>> print(additive_model("y ~ s(x)", data))
    y ~ s(x): n=200, 1 curve, edf 7.8, R2 0.980
    """
    parts = _checked_parts(formula, knots, method)
    extra = [] if within is None else [within]
    table, dropped = prepare(data, list(dict.fromkeys([*parts.columns, *extra])))
    table, ranges = _rescaled(table, parts, within)
    design, fixed = Design.learn(parts.fixed, table)
    smooths = tuple(_learn(term, table, knots) for term in parts.smooth)
    X = np.hstack([fixed, *(smooth.rows(table) for smooth in smooths)])
    check_rank(X, [*design.names, *(name for s in smooths for cell in s.names for name in [cell] * s.size)])
    y = response(table, parts.response, X)
    XtX = X.T @ X
    problem = Problem(len(y), XtX, X.T @ y, float(y @ y), _penalties(smooths, XtX, len(design.names)))
    log_lambda, score = problem.choose(method)
    beta, inverse, _, _ = problem.solve(log_lambda)
    edf = np.einsum("ij,ji->i", inverse, problem.XtX)
    rss, tss = float(np.sum((y - X @ beta) ** 2)), float(np.sum((y - y.mean()) ** 2))
    scale = rss / (len(y) - edf.sum())
    return AdditiveModel(
        formula=formula,
        method=method,
        names=design.names,
        beta=beta,
        vcov=inverse * scale,
        edf=edf,
        scale=scale,
        score=score,
        r2=1 - rss / tss,
        r2_adjusted=1 - scale / (tss / (len(y) - 1)),
        n=len(y),
        dropped=dropped,
        table=table,
        parts=parts,
        design=design,
        smooths=smooths,
        log_lambda=log_lambda,
        within=within,
        ranges=ranges,
    )


def _checked_parts(formula: str, knots: int, method: str) -> Parts:
    parts = parse(formula)
    if parts.random:
        raise InputError(f"{formula!r} has random effects: an additive model has none, use `mixed_model`")
    if knots < 3:
        raise InputError(f"knots is {knots}: a curve needs 3 or more")
    if method not in ("reml", "gcv"):
        raise InputError(f"method is {method!r}: choose 'reml' or 'gcv'")
    return parts


def _rescaled(
    table: pd.DataFrame, parts: Parts, within: str | None
) -> tuple[pd.DataFrame, dict[object, tuple[float, float]]]:
    """Smooth covariates put on 0..1 within the levels of a factor, and where they came from."""
    if within is None:
        return table, {}
    covariates = {smooth.covariate for smooth in parts.smooth}
    if len(covariates) != 1:
        raise InputError(f"`within` rescales one smooth covariate, but the formula has {len(covariates)}")
    (covariate,) = covariates
    values = table.groupby(within, observed=True)[covariate].agg(["min", "max"])
    flat = values.index[values["min"] == values["max"]]
    if len(flat):
        raise InputError(f"{covariate!r} has one value only where {within} is {flat[0]}: leave that level out")
    low = table[within].map(values["min"]).to_numpy(float)
    high = table[within].map(values["max"]).to_numpy(float)
    ranges = {
        level: (float(a), float(b)) for level, a, b in zip(values.index, values["min"], values["max"], strict=True)
    }
    return table.assign(**{covariate: (table[covariate].to_numpy() - low) / (high - low)}), ranges


def _learn(term: SmoothTerm, table: pd.DataFrame, knots: int) -> Smooth:
    for name in (term.covariate, *term.by):
        if isinstance(table[name].dtype, pd.CategoricalDtype) == (name == term.covariate):
            wanted = "numbers" if name == term.covariate else "a factor (text or categories)"
            raise InputError(f"{name!r} in the smooth of {term.covariate!r} must be {wanted}")
    cells = tuple(product(*(table[name].cat.categories for name in term.by)))
    counts = table.groupby(list(term.by), observed=True)[term.covariate].nunique() if term.by else None
    for cell in cells:
        distinct = (
            table[term.covariate].nunique() if counts is None else counts.get(cell if len(cell) > 1 else cell[0], 0)
        )
        if distinct < knots:
            where = " where " + ":".join(term.by) + " is " + ":".join(map(str, cell)) if cell else ""
            raise InputError(
                f"{term.covariate!r} has {distinct} distinct values{where}, too few for {knots} knots: lower `knots`"
            )
    return Smooth(term, Spline.learn(table[term.covariate].to_numpy(dtype=float), knots, term.covariate), cells)


def _penalties(smooths: tuple[Smooth, ...], XtX: Floats, start: int) -> tuple[tuple[slice, Floats, int], ...]:
    """Columns, matrix and rank of each curve's penalty, scaled to its own columns so that lambda is about 1."""
    made = []
    for smooth in smooths:
        penalty = smooth.spline.penalty
        rank = len(smooth.spline.knots) - 2  # straight lines are free
        for _ in smooth.cells:
            columns = slice(start, start + smooth.size)
            made.append((columns, penalty * np.trace(XtX[columns, columns]) / np.trace(penalty), rank))
            start += smooth.size
    return tuple(made)
