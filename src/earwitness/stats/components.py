"""Variance components of a crossed design: which factor, present or absent, moves a score how much (Table 2.6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from earwitness.errors import InputError
from earwitness.stats.mixed_models import MixedModel, mixed_model


@dataclass(frozen=True)
class VarianceComponents:
    """Variance of each factor and its percentage of all factors' variances together, the residual left out.

    `table` has a row for each factor (and each level of `by`): by, factor, variance, percent. `notes` names the fits
    in which some variance is zero, which is a valid result.
    """

    table: pd.DataFrame
    residual: dict[str, float]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row for each factor and level of `by`."""
        return self.table.copy()

    def wide(self) -> pd.DataFrame:
        """Percent by factor (rows) and level of `by` (columns), as printed: whole numbers, "<1" below one."""
        order = [pd.unique(self.table[name]) for name in ("factor", "by")]
        made = self.table.set_index(["factor", "by"])["percent"].unstack().reindex(order[0])[order[1]]  # noqa: PD010
        return made.map(lambda x: "" if np.isnan(x) else "<1" if x < 1 else f"{x:.0f}")

    def __str__(self) -> str:
        said = []
        for name in pd.unique(self.table["by"]):
            top = self.table[self.table["by"] == name].sort_values("percent", ascending=False).iloc[0]
            where = f"{name}: " if name else ""
            said.append(f"{where}{top['factor']} {top['percent']:.0f} %" if top["variance"] > 0 else f"{where}none")
        return "; ".join(said)


def variance_components(
    data: pd.DataFrame, response: str, factors: Sequence[str], *, by: str | None = None
) -> VarianceComponents:
    """Percentage of variance that each factor owes, from a model with one random intercept for each (REML).

    Parameters
    ----------
    data
        One run a row.
    response
        The score, higher is better.
    factors
        Columns whose levels were crossed, such as eight learning sources, present or absent.
    by
        Fit each level of this column on its own, such as each data set.

    Returns
    -------
    VarianceComponents
        Where all variances are zero the percentages are NaN.

    Raises
    ------
    InputError
        As `mixed_model`: a factor with one level is named, with the level of `by`.

    References
    ----------
    Kim (2021), section 2.5.3 and Table 2.6. Searle, Casella and McCulloch (1992). Variance Components.
    """
    if not factors:
        raise InputError("variance components need at least one factor, got none")
    formula = f"{response} ~ 1 + " + " + ".join(f"(1 | {name})" for name in factors)
    parts = [("", data)] if by is None else [(str(level), part) for level, part in data.groupby(by, observed=True)]
    frames, residual, notes = [], {}, []
    for level, part in parts:
        try:
            model = mixed_model(formula, part)
        except InputError as error:
            raise InputError(f"{by} {level}: {error}" if by else str(error)) from error
        frames.append(_percent(model).assign(by=level))
        residual[level] = model.sigma**2
        notes += [f"{level}: {note}" if level else note for note in model.notes]
    table = pd.concat(frames, ignore_index=True)[["by", "factor", "variance", "percent"]]
    return VarianceComponents(table, residual, tuple(notes))


def _percent(model: MixedModel) -> pd.DataFrame:
    made = model.variances()[["group", "variance"]].rename(columns={"group": "factor"})
    total = made["variance"].sum()
    return made.assign(percent=100 * made["variance"] / total if total > 0 else np.nan)
