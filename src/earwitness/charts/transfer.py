"""Pictures of transfer: what a probe reads off each encoder, over all classes, class by class, domain by domain."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import SOFT, Result, audited, colour, finished, in_order, inline, name_of, text

MOST_CLASSES = 40
_SINGLE = {"classes": "class ROC-AUC", "tags": "class ROC-AUC"}
_HEADLINE = {"classes": "ROC-AUC", "tags": "ROC-AUC", "number": "R2"}


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the transfer audit with one label, one an encoder, controls among them.
    """
    results = in_order(results)
    task, label = results[0].parameters["task"], text(results[0].parameters["label"])
    measure = _HEADLINE[task]
    overall = _rows(results, measure).assign(row=lambda rows: rows["encoder"])
    chance = _chance(results, measure)
    summary = "; ".join(f"{name} {value:.2f}" for name, value in zip(overall["encoder"], overall["value"], strict=True))
    made = {
        f"How well “{label}” is read off each encoder": finished(
            _dots(results, overall, measure, chance),
            f"{measure} of a linear probe of “{label}”, with 95 % intervals; the dashed line is chance. {summary}.",
        )
    }
    single = _worst(_rows(results, _SINGLE[task], "class"), results) if task in _SINGLE else pd.DataFrame()
    if single.get("row", pd.Series(dtype=object)).nunique() > 2:
        made[f"Each class of “{label}”, the hardest first"] = finished(
            _dots(results, single, measure, chance),
            f"{measure} of each class of “{label}” against the others, the hardest first. {summary}.",
        )
    within = _rows(results, "within", "by", of=measure)
    if len(within):
        by = text(results[0].parameters["by"])
        made[f"“{label}” within each “{by}”"] = finished(
            _dots(results, within, measure, chance), f"{measure} on the clips of each “{by}”. Overall: {summary}."
        )
    return made


def _rows(results: Sequence[Result], measure: str, row: str | None = None, **factors: str) -> pd.DataFrame:
    """encoder, row, value, low, high of one measure."""
    parts = []
    for result in results:
        rows = result.table[result.table["measure"] == measure]
        for name, value in factors.items():
            rows = rows[rows[name] == value]
        named = {} if row is None else {"row": rows[row].map(text)}
        parts.append(rows[["value", "low", "high", "n"]].assign(encoder=name_of(result), **named))
    return pd.concat(parts, ignore_index=True)


def _worst(rows: pd.DataFrame, results: Sequence[Result]) -> pd.DataFrame:
    """The hardest classes for the first audited encoder, hardest first."""
    first = rows[rows["encoder"] == name_of(audited(results)[0])]
    order = first.sort_values("value", kind="stable")["row"].tolist()[:MOST_CLASSES]
    rows = rows[rows["row"].isin(order)]
    return rows.sort_values("row", key=lambda names: names.map(order.index), kind="stable")


def _chance(results: Sequence[Result], measure: str) -> float:
    table = results[0].table
    return float(table[(table["measure"] == "chance") & (table["of"] == measure)]["value"].iloc[0])


def _dots(results: Sequence[Result], rows: pd.DataFrame, measure: str, chance: float) -> Any:
    """A point with its interval for each encoder, row by row, and chance as a dashed line."""
    order, encoders = list(dict.fromkeys(rows["row"])), list(dict.fromkeys(rows["encoder"]))
    single = len(order) == len(rows)  # one encoder a row: the rows say which
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("row:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.25)),
        color=colour(results, legend=not single),
    )
    if not single:
        base = base.encode(yOffset=alt.YOffset("encoder:N", sort=encoders))
    x = alt.X("value:Q", title="R²" if measure == "R2" else measure, scale=alt.Scale(zero=False, nice=True))
    tooltip = [
        alt.Tooltip("encoder:N"),
        alt.Tooltip("row:N", title="of"),
        alt.Tooltip("value:Q", title=measure, format=".3f"),
        alt.Tooltip("low:Q", format=".3f"),
        alt.Tooltip("high:Q", format=".3f"),
    ]
    line = alt.Chart(inline(pd.DataFrame({"value": [chance]})))
    rule = line.mark_rule(strokeDash=[4, 3], color=SOFT).encode(x=alt.X("value:Q"))
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, tooltip=tooltip)
    height = len(order) * (26 if single else 10 * len(encoders) + 12)
    return alt.layer(rule, interval, point).properties(width=420, height=height)
