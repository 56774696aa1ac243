"""Linear mixed models: what a score owes to factors of interest, and how much it varies over data sets, users, runs.

Question: is a difference more than the chance of which groups were looked at? Conventions: `y = X b + sum of Z u + e`,
u normal with mean 0 over groups, e normal with variance sigma squared. Variances, not standard deviations, unless a
column says `sd`. Factors have treatment coding with the first level as reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from earwitness.errors import InputError
from earwitness.stats import _mixedlm
from earwitness.stats._deviance import Curvature, Profile, curvature
from earwitness.stats._mixedlm import Block
from earwitness.stats.formula import Design, Parts, RandomTerm, check_rank, grouping, parse, prepare, reference_grid
from earwitness.stats.linear import DegreesOfFreedom, response, wald

if TYPE_CHECKING:
    import altair as alt

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class R2:
    """Variance explained by the fixed effects alone (`marginal`) and with the random effects (`conditional`)."""

    marginal: float
    conditional: float
    fixed: float
    random: float
    residual: float

    def to_frame(self, **factors: object) -> pd.DataFrame:
        """One row: marginal, conditional and the three variances."""
        row = {name: getattr(self, name) for name in ("marginal", "conditional", "fixed", "random", "residual")}
        return pd.DataFrame([{**row, **factors}])

    def __str__(self) -> str:
        return f"R2 {self.marginal:.3f} marginal, {self.conditional:.3f} conditional"


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted linear mixed model.

    `names`, `beta`, `vcov` are the fixed effects and their covariance, `sigma` the residual s.d., `criterion` is
    -2 log (restricted) likelihood, `n` the rows used and `dropped` the rows left out for missing values. `singular`:
    a variance is estimated as zero or a correlation as one; the other estimates stand.
    """

    formula: str
    reml: bool
    names: tuple[str, ...]
    beta: Floats
    vcov: Floats
    sigma: float
    criterion: float
    n: int
    dropped: int
    singular: bool
    converged: bool
    table: pd.DataFrame = field(repr=False)
    parts: Parts = field(repr=False)
    design: Design = field(repr=False)
    profile: Profile = field(repr=False)
    fit: _mixedlm.Fit = field(repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing the numbers."""
        small = self.variances().query("sd <= @limit", local_dict={"limit": _mixedlm.BOUNDARY * self.sigma})
        zero = [f"{row.term} by {row.group}" for row in small.itertuples()]
        singular = f"singular fit: {', '.join(zero) + ' estimated as zero' if zero else 'a correlation of one'}"
        said = [singular] if self.singular else []
        said += [] if self.converged else ["the optimiser did not converge"]
        return (*said, f"{self.dropped} rows with missing values left out") if self.dropped else tuple(said)

    def to_frame(self, *, df: DegreesOfFreedom = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
        """Fixed effects, a row each: term, estimate, se, df, statistic, p, low, high (Wald)."""
        rows = wald(np.eye(len(self.beta)), self, df=df, level=level)
        return pd.concat([pd.DataFrame({"term": self.names}), rows], axis=1)

    def chart(self) -> "alt.TopLevelMixin":
        """Fixed effects with their intervals."""
        from earwitness.charts.statistics import effects

        return effects(self.to_frame())

    def degrees_of_freedom(self, L: Floats, method: DegreesOfFreedom = "satterthwaite") -> Floats:
        """(m,) degrees of freedom of the linear functions L b; infinite for "z"."""
        if method == "z":
            return np.full(len(L), np.inf)
        if method != "satterthwaite":
            raise InputError(f"df is {method!r}: choose 'satterthwaite' or 'z'")
        return self._curvature.df(L, self.vcov)

    @cached_property
    def _curvature(self) -> Curvature:
        return curvature(self.profile, self.fit.theta, self.sigma, reml=self.reml)

    def reference_grid(self, at: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Every combination of factor levels; numeric columns at their mean, or at the values of `at`."""
        columns = list(dict.fromkeys(name for term in self.parts.fixed for name in term))
        return reference_grid(self.table, columns, at).assign(weight=1.0)

    def rows(self, grid: pd.DataFrame) -> Floats:
        """(m, p) linear functions of the fixed effects that predict the rows of a grid, random effects at 0."""
        return self.design.rows(grid)

    @property
    def variance_components(self) -> pd.DataFrame:
        """A row for each variance and covariance: group, term, other, variance, sd.

        For a covariance `other` names the second term, `variance` is the covariance and `sd` the correlation.
        """
        variances = self.variances()
        rows = []
        for block, G in zip(self.profile.blocks, self.covariances(), strict=True):
            for i, j in zip(*np.tril_indices(len(G), -1), strict=True):
                scale = np.sqrt(G[i, i] * G[j, j])
                correlation = G[i, j] / scale if scale else np.nan
                rows.append((block.group, block.names[j], block.names[i], G[i, j], correlation))
        extra = pd.DataFrame(rows, columns=variances.columns)
        residual = pd.DataFrame([("Residual", "", "", self.sigma**2, self.sigma)], columns=variances.columns)
        return pd.concat([frame for frame in (variances, extra, residual) if len(frame)], ignore_index=True)

    def variances(self) -> pd.DataFrame:
        """The variances alone, without covariances and residual."""
        pairs = zip(self.profile.blocks, self.covariances(), strict=True)
        rows = [(b.group, x, "", G[i, i], np.sqrt(G[i, i])) for b, G in pairs for i, x in enumerate(b.names)]
        return pd.DataFrame(rows, columns=["group", "term", "other", "variance", "sd"])

    def covariances(self) -> list[Floats]:
        """(k, k) covariance matrix of the random effects of each block."""
        return [self.sigma**2 * f @ f.T for f in self.profile.factors(self.fit.theta)]

    def conditional_modes(self, *, level: float = 0.95) -> pd.DataFrame:
        """The effect of each group: group, level, term, mode, se, low, high.

        Intervals are normal, from the conditional variance given the estimated parameters (Figure 5.6 of the thesis);
        they leave out those parameters' own error: with 40 groups 95 % intervals were measured to cover 92 %.
        """
        z = norm.ppf((1 + level) / 2)
        effects, variances = self.profile.modes(self.fit.theta, self.sigma, self.beta)
        frames = []
        for block, mode, variance in zip(self.profile.blocks, effects, variances, strict=True):
            rows = pd.DataFrame({"level": np.repeat(block.levels, len(block.names))})
            rows.insert(0, "group", block.group)
            rows["term"] = np.tile(block.names, len(block.levels))
            rows["mode"], rows["se"] = mode.ravel(), np.sqrt(variance.ravel())
            frames.append(rows.assign(low=rows["mode"] - z * rows["se"], high=rows["mode"] + z * rows["se"]))
        return pd.concat(frames, ignore_index=True)

    @property
    def r2(self) -> R2:
        """Nakagawa's marginal and conditional R²: see `nakagawa_r2`."""
        return nakagawa_r2(self)

    def __str__(self) -> str:
        groups = ", ".join(f"{len(b.levels)} {b.group}" for b in _first_of_each_group(self.profile.blocks))
        r2 = self.r2
        tail = f"; {'; '.join(self.notes)}" if self.notes else ""
        return f"{self.formula}: n={self.n} ({groups}), R2 {r2.marginal:.2f} fixed, {r2.conditional:.2f} in all{tail}"


def _first_of_each_group(blocks: Sequence[Block]) -> list[Block]:
    return list({block.group: block for block in reversed(blocks)}.values())[::-1]


def mixed_model(formula: str, data: pd.DataFrame, *, reml: bool = True) -> MixedModel:
    """Fit a linear mixed model.

    Parameters
    ----------
    formula
        In lme4's notation: `"y ~ a * b + (1 + x | g)"` for correlated, `(1 + x || g)` for independent effects,
        `(1 | a/b)` for nested and `(1 | a:b)` or `(1 | a) + (1 | b)` for crossed groups, `0 +` for no intercept.
    data
        One observation a row. Text columns and categories are factors, numbers are covariates (in brackets after the
        bar: groups). Rows that lack a value are left out and counted.
    reml
        Restricted maximum likelihood (default), or maximum likelihood, which alone can compare fixed effects.

    Returns
    -------
    MixedModel
        A singular fit (a variance of zero) is a valid result and is said in `.singular`, `.notes` and its `str`.

    Raises
    ------
    InputError
        If a column is missing, a factor or grouping has one level, terms are collinear, there is no random effect,
        there are as many groups as rows, or the response is constant or fitted without residual.

    References
    ----------
    Bates, Maechler, Bolker and Walker (2015). Fitting Linear Mixed-Effects Models Using lme4. J. Stat. Softw. 67(1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame({"x": rng.normal(size=200), "g": np.repeat(np.arange(20), 10)})
    >>> data["y"] = data["x"] + rng.normal(size=20)[data["g"]] + rng.normal(size=200)
    >>> print(mixed_model("y ~ x + (1 | g)", data))
    y ~ x + (1 | g): n=200 (20 g), R2 0.25 fixed, 0.67 in all
    """
    parts = parse(formula)
    if not parts.random:
        raise InputError(f"{formula!r} has no random effect, such as '(1 | group)': use a linear model instead")
    if parts.smooth:
        raise InputError(f"{formula!r} has a smooth: a mixed model has none, use `additive_model`")
    table, dropped = prepare(data, parts.columns)
    design, X = Design.learn(parts.fixed, table)
    check_rank(X, design.names)
    y = response(table, parts.response, X)
    blocks = tuple(_block(term, table, len(y)) for term in parts.random)
    _check_distinct(blocks)
    fit = _mixedlm.fit(y, X, blocks, reml=reml)
    profile = Profile(blocks, y, X)
    return MixedModel(
        formula=formula,
        reml=reml,
        names=design.names,
        beta=fit.beta,
        vcov=profile.covariance(np.append(fit.theta, fit.sigma)),
        sigma=fit.sigma,
        criterion=fit.criterion,
        n=len(y),
        dropped=dropped,
        singular=fit.singular,
        converged=fit.converged,
        table=table,
        parts=parts,
        design=design,
        profile=profile,
        fit=fit,
    )


def _block(term: RandomTerm, table: pd.DataFrame, n: int) -> Block:
    codes, levels = grouping(table, term.group)
    name = ":".join(term.group)
    if len(levels) < 2:
        raise InputError(f"the grouping {name!r} has one group only ({levels[0]}): a variance needs two or more")
    names: tuple[str, ...]
    if term.terms == ((),):
        names, Z = ("Intercept",), np.ones((n, 1))
    else:
        design, Z = Design.learn(term.terms, table)
        names = design.names
    check_rank(Z, [f"{column} by {name}" for column in names])
    if len(levels) * Z.shape[1] >= n:
        raise InputError(
            f"{len(levels)} groups of {name!r} with {Z.shape[1]} effects each and only {n} rows: the effects cannot be "
            "told from the residual; group more coarsely"
        )
    return Block(codes, tuple(levels), Z, names, name)


def _check_distinct(blocks: Sequence[Block]) -> None:
    seen = [(block.group, name) for block in blocks for name in block.names]
    for group, name in seen:
        if seen.count((group, name)) > 1:
            raise InputError(f"the random effect {name} by {group!r} stands twice in the formula: leave one out")


def nakagawa_r2(model: MixedModel) -> R2:
    r"""Marginal and conditional R² of a mixed model.

    .. math:: R^2_m = \frac{s_f^2}{s_f^2 + s_r^2 + s_e^2}, \quad R^2_c = \frac{s_f^2 + s_r^2}{s_f^2 + s_r^2 + s_e^2}

    with :math:`s_f^2` the sample variance of X b and :math:`s_r^2` the average over rows of z' G z, which for random
    slopes differs from the sum of the variance components.

    References
    ----------
    Nakagawa and Schielzeth (2013); Johnson (2014) for random slopes.
    """
    fixed = float(np.var(model.profile.X @ model.beta, ddof=1))
    pairs = zip(model.profile.blocks, model.covariances(), strict=True)
    random = float(sum(np.mean(np.sum((b.Z @ G) * b.Z, 1)) for b, G in pairs))
    residual = model.sigma**2
    total = fixed + random + residual
    return R2(fixed / total, (fixed + random) / total, fixed, random, residual)
