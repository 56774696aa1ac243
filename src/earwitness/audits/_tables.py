"""Rows of an audit's tidy table: the measure, its estimate, then the factors that tell the rows apart."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from earwitness.results import AuditResult
from earwitness.stats import Estimate

Row = dict[str, Any]


def row(measure: str, estimate: Estimate, **factors: Any) -> Row:
    """One row; factors that are not named stay blank."""
    return {"measure": measure, **asdict(estimate), **factors}


def table(rows: Sequence[Row], texts: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """The tidy table; a blank text factor is "", a blank number NaN.

    Parameters
    ----------
    rows
        Of `row`.
    texts, numbers
        All factors, in the order of the columns.
    """
    frame = pd.DataFrame(list(rows), columns=["measure", "value", "low", "high", "n", "note", *texts, *numbers])
    for name in texts:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), "")
    for name in ("value", "low", "high", *numbers):
        frame[name] = frame[name].astype(float)
    return frame


def exact(value: float, n: int) -> Estimate:
    """A number that was computed, not measured, such as a chance level."""
    return Estimate(value, float("nan"), float("nan"), n, "exact")


def estimates(result: AuditResult, measure: str, **factors: Any) -> list[tuple[pd.Series, Estimate]]:
    """The rows with this measure and these factors, each with its estimate."""
    rows = result.rows(measure, **factors)
    return [
        (r, Estimate(float(r["value"]), float(r["low"]), float(r["high"]), int(r["n"]), r["note"]))
        for _, r in rows.iterrows()
    ]
