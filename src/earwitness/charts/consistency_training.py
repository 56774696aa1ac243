"""What training with changed copies gains: one picture of paired differences."""

from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import INK, OKABE_ITO, SOFT, finished, inline

_ROW, _WIDTH = 22, 300


def gains(found: pd.DataFrame) -> Any:
    """Differences to the plain training with their intervals, a panel a way of training; 0 is no difference.

    Parameters
    ----------
    found
        As `earwitness.recipes.consistency_training.compare` gives it.
    """
    trained = {"yes": "kind trained on", "no": "kind never trained on", "": "of both, or none"}
    rows = found.assign(
        row=[f"{row.measure}, {row.over}" for row in found.itertuples()],
        kind=found["trained"].map(trained),
        said=[f"{row.value:+.3f} ({row.low:+.3f} to {row.high:+.3f})" for row in found.itertuples()],
    )
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(trained.values()), range=[OKABE_ITO[0], OKABE_ITO[1], INK]),
        title=None,
        legend=alt.Legend(orient="bottom"),
    )
    order = list(dict.fromkeys(rows["row"]))
    panels: list[Any] = []
    span = alt.Scale(domain=[min(0, rows["low"].min()), max(0, rows["high"].max())], nice=True)
    for kind, part in rows.groupby("training", sort=False):
        names = alt.Axis(labelLimit=260, labels=not panels)  # the first panel's serve all
        base = alt.Chart(inline(part)).encode(y=alt.Y("row:N", sort=order, title=None, axis=names), color=colour)
        zero = (
            alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=SOFT, strokeDash=[4, 3]).encode(x="zero:Q")
        )
        bars = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title="difference to plain training", scale=span, axis=alt.Axis(tickCount=5)), x2="high:Q"
        )
        dots = base.mark_point(filled=True, size=60, opacity=1).encode(
            x="value:Q", tooltip=[alt.Tooltip("row:N"), alt.Tooltip("said:N", title="difference")]
        )
        size = {"width": _WIDTH, "height": _ROW * part["row"].nunique()}
        panels.append(alt.layer(zero, bars, dots).properties(title=str(kind), **size))
    said = "; ".join(f"{row.training}, {row.row}: {row.said}" for row in rows.itertuples())
    return finished(alt.hconcat(*panels), f"Paired differences to plain training, with 95 % intervals. {said}.")
