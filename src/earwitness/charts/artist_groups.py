"""Pictures of chapter 3 of Kim (2021): how well genres are told by number and by combination of tasks."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import Result, colour, dash, finished, in_order, inline, name_of, remark

MEASURES = {"log loss": "log loss (lower is better)", "macro F1": "macro F1 (higher is better)"}
_WIDTH, _HEIGHT = 300, 240
_LETTERS = (
    "g genre; artist groups by m MFCCs, d their differences, e a wide vector, s sub-genres. The best first, with "
    "95 % intervals"
)


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        One a kind of network, controls among them.
    """
    return {
        "How well genres are told, by number of tasks": by_number(results),
        "How well genres are told, by combination of tasks": combinations(results),
    }


def by_number(results: Sequence[Result]) -> Any:
    """Figure 3.3: means over combinations by number of tasks, with intervals."""
    results = in_order(results)
    rows = _rows(results, "mean ")
    panels = alt.hconcat(*(_panel(results, rows, measure, title) for measure, title in MEASURES.items()))
    return finished(
        panels,
        "Mean log loss and mean macro F1 on clips that were held out, by number of tasks, for each kind of network, "
        "with 95 % intervals over clips. A wSTN is one wide network for genre, as large as the MTN of as many tasks.",
    )


def combinations(results: Sequence[Result]) -> Any:
    """Table 3.4 as a picture: every combination, the best first."""
    results = [result for result in in_order(results) if result.encoder in ("STN", "MTN")]
    rows = _rows(results, "")
    panels = [_dots(results, rows, measure, title) for measure, title in MEASURES.items()]
    key = remark(_LETTERS)
    return finished(
        alt.hconcat(*panels, title=key),
        "Log loss and macro F1 of every combination of tasks (g genre; m, d, e, s artist groups by MFCCs, their "
        "differences, a wide vector, sub-genres), with 95 % intervals over clips, in the order of the log loss.",
    )


def _rows(results: Sequence[Result], before: str) -> pd.DataFrame:
    """The rows of both measures, or of their means."""
    parts = []
    for result in results:
        table = result.table
        for measure in MEASURES:
            found = table[table["measure"] == before + measure]
            found = found.assign(encoder=name_of(result), measure=measure)
            parts.append(found[["encoder", "measure", "number", "tasks", "value", "low", "high"]])
    return pd.concat(parts, ignore_index=True).fillna({"tasks": ""})


def _panel(results: Sequence[Result], rows: pd.DataFrame, measure: str, title: str) -> Any:
    mine = rows[rows["measure"] == measure]
    names = list(dict.fromkeys(mine["encoder"]))
    # Side by side, so that no interval hides another.
    place = {name: (i - (len(names) - 1) / 2) * 0.09 for i, name in enumerate(names)}
    mine = mine.assign(x=mine["number"].astype(float) + mine["encoder"].map(place))
    numbers = sorted(int(number) for number in mine["number"].unique())
    axis = alt.Axis(values=numbers, format="d", grid=False)
    x = alt.X("x:Q", title="number of tasks", axis=axis, scale=alt.Scale(domain=[numbers[0] - 0.4, numbers[-1] + 0.4]))
    base = alt.Chart(inline(mine)).encode(x=x, color=colour(results))
    scale = alt.Scale(zero=False)
    tooltip = ["encoder:N", "number:Q", "value:Q", "low:Q", "high:Q"]
    return alt.layer(
        base.mark_line().encode(y=alt.Y("value:Q", title=title, scale=scale), strokeDash=dash(results)),
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_point(filled=True, size=55, opacity=1).encode(y="value:Q", tooltip=tooltip),
    ).properties(width=_WIDTH, height=_HEIGHT)


def _dots(results: Sequence[Result], rows: pd.DataFrame, measure: str, title: str) -> Any:
    mine = rows[rows["measure"] == measure]
    loss = rows[rows["measure"] == "log loss"].groupby("tasks")["value"].min()
    order = [str(tasks) for tasks in loss.sort_values(kind="stable").index]
    y = alt.Y("tasks:N", sort=order, title="tasks" if measure == "log loss" else None)
    offset = alt.YOffset("encoder:N", sort=None)
    base = alt.Chart(inline(mine)).encode(y=y, yOffset=offset, color=colour(results))
    x = alt.X("value:Q", title=title, scale=alt.Scale(zero=False))
    return alt.layer(
        base.mark_rule().encode(x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False)), x2="high:Q"),
        base.mark_point(filled=True, size=35, opacity=1).encode(x=x, tooltip=["encoder:N", "tasks:N", "value:Q"]),
    ).properties(width=_WIDTH, height=alt.Step(9))
