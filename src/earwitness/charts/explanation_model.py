"""Pictures of the hierarchical model of fidelity: marginal means, mainstreaminess by group, variance components."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.explanation import _colour
from earwitness.charts.theme import OKABE_ITO, Result, finished, inline


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title: Figures 5.5 and 5.6 of Kim (2021), and the variance components."""
    table = results[0].table
    means = table[(table["measure"] == "marginal mean") & table["omega"].notna()]
    modes = table[table["measure"] == "mainstreaminess effect"]
    parts = table[table["measure"] == "variance"]
    return {
        "Marginal means by explainer and number of tags": _means(means),
        "What mainstreaminess does, by data set and recommender": _effects(modes),
        "What the differences in fidelity are due to": _variances(parts),
    }


def _means(rows: pd.DataFrame) -> Any:
    names = list(dict.fromkeys(rows["explainer"]))
    base = alt.Chart(inline(rows[["explainer", "omega", "value", "low", "high"]])).encode(
        x=alt.X("omega:Q", title="tags in an explanation", scale=alt.Scale(type="log", base=2)), color=_colour(names)
    )
    drawn = alt.layer(
        base.mark_errorbar(ticks=True).encode(y=alt.Y("low:Q", title="predicted fidelity"), y2="high:Q"),
        base.mark_line(point=True).encode(
            y="value:Q", tooltip=["explainer:N", "omega:Q", "value:Q", "low:Q", "high:Q"]
        ),
    )
    top = rows[rows["omega"] == rows["omega"].max()].sort_values("value", ascending=False)
    said = "; ".join(f"{r.explainer} {r.value:.2f}" for r in top.itertuples())
    return finished(
        drawn.properties(width=420, height=260),
        f"Estimated marginal means with 95 % intervals, user and group effects at zero. With most tags: {said}.",
    )


def _effects(rows: pd.DataFrame) -> Any:
    data = inline(rows[["group", "value", "low", "high"]])
    base = alt.Chart(data).encode(y=alt.Y("group:N", sort=None, title=None))
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[3, 3], color="#888888").encode(x="zero:Q")
    drawn = alt.layer(
        zero,
        base.mark_rule(strokeWidth=2, color=OKABE_ITO[0]).encode(
            x=alt.X("low:Q", title="change of fidelity a standard deviation of mainstreaminess"), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1, color=OKABE_ITO[0]).encode(x="value:Q"),
    )
    said = "; ".join(f"{r.group} {r.value:+.3f}" for r in rows.itertuples())
    return finished(drawn.properties(width=420), f"Random slopes of mainstreaminess with 95 % intervals. {said}.")


def _variances(rows: pd.DataFrame) -> Any:
    several = len(set(rows.loc[rows["term"] != "", "group"])) > 1
    names = rows[["term", "group"]].astype(str).to_numpy()
    label = [(f"{term} by {group}" if several else term) if term else group for term, group in names]
    data = inline(rows[["value"]].assign(part=label))
    drawn = (
        alt.Chart(data)
        .mark_bar(color=OKABE_ITO[0])
        .encode(x=alt.X("value:Q", title="variance"), y=alt.Y("part:N", sort=None, title=None))
    )
    said = "; ".join(f"{name} {value:.4f}" for name, value in zip(label, rows["value"], strict=True))
    return finished(drawn.properties(width=420), f"Variance components. {said}.")
