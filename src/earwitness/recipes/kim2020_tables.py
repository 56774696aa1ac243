"""Table 2.6 of Kim (2021) and the answers to its findings, as tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earwitness.results import AuditResult

_ANSWERS = {"holds": "holds", "breaks": "does not", "open": "cannot be said"}


def table_2_6(result: AuditResult, sources: Sequence[str], shares: pd.DataFrame | None = None) -> pd.DataFrame:
    """Percent of variance of each source (rows) on each target (columns), "<1" below one, with intervals beside it.

    Parameters
    ----------
    result
        Of `analyse_experiment`.
    sources
        In the order of the rows.
    shares
        Of `source_shares`, in place of those of the result.
    """
    rows = result.rows("share") if shares is None else shares
    made: dict[str, list[str]] = {"source": list(sources)}
    for target in dict.fromkeys(rows["target"]):
        mine = rows[rows["target"] == target].set_index("source").loc[list(sources)]
        made[str(target)] = [_percent(value) for value in mine["value"].to_numpy(float)]
        if mine["low"].notna().any():
            limits = mine[["low", "high"]].to_numpy(float)
            made[f"{target}, 95 %"] = [
                "" if np.isnan(low) else f"{low:.0f} to {high:.0f}" for low, high in limits.tolist()
            ]
    return pd.DataFrame(made)


def _percent(value: float) -> str:
    if np.isnan(value):
        return "none"
    return "<1" if value < 1 else f"{value:.0f}"


def finding_table(result: AuditResult) -> pd.DataFrame:
    """A row for each finding: number, statement, answer, value, low, high, and what the number is."""
    rows = result.rows("finding")
    numbers = rows[["finding", "value", "low", "high", "n"]].reset_index(drop=True)
    words = pd.DataFrame(
        [
            {
                "statement": verdict.title.partition(". ")[2],
                "answer": _ANSWERS[verdict.status],
                "told": verdict.text,
            }
            for verdict in result.verdicts
        ]
    )
    return pd.concat([numbers, words], axis=1)[["finding", "statement", "answer", "value", "low", "high", "n", "told"]]
