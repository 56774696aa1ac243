"""Pictures of placement: new groups on the map, what their neighbours are, and which centres are near."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.maps import clip_map
from earwitness.charts.theme import SOFT, Result, audited, colour, finished, in_order, inline, name_of, text

MOST_LABELS = 15


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the placement audit, one an encoder, controls among them.
    """
    results = in_order(results)
    made = {}
    for result in audited(results):
        made[f"New groups on the map of {text(name_of(result))}"] = new_groups(result)
    made["How much each group keeps to itself"] = _own(results)
    for result in audited(results):
        made[f"How far new groups are from the others in {text(name_of(result))}"] = _centres(result)
    return made


def new_groups(result: Result) -> Any:
    """The map of all clips, the new ones as triangles."""
    trust = float(result.table[result.table["measure"] == "trustworthiness"]["value"].iloc[0])
    drawn = result.parameters["map"]
    caption = f"{drawn}, trustworthiness {trust:.2f}; distances between far groups mean nothing"
    new = ", ".join(text(name) for name in result.parameters["new"])
    description = (
        f"{drawn} of {len(result.items)} clips in {name_of(result)}, coloured by label; triangles are the new groups "
        f"{new}. Trustworthiness {trust:.2f}. Near points are alike; distances between far groups mean nothing."
    )
    return clip_map(result.items, "label", "label", caption, description)


def _own(results: Sequence[Result]) -> Any:
    parts = []
    for result in results:
        for measure, kind in (("own neighbours", "clips"), ("own neighbours by chance", "chance")):
            rows = result.table[result.table["measure"] == measure]
            parts.append(rows[["of", "value", "low", "high"]].assign(encoder=name_of(result), kind=kind))
    rows = pd.concat(parts, ignore_index=True)
    new = {text(name) for name in results[0].parameters["new"]}
    rows["of"] = rows["of"].map(text)
    order = list(dict.fromkeys(rows["of"]))[: len(new) + MOST_LABELS]
    rows = rows[rows["of"].isin(order)]
    rows["of"] = [f"{name} (new)" if name in new else name for name in rows["of"]]
    order = list(dict.fromkeys(rows["of"]))
    encoders = [name_of(result) for result in results]
    base = alt.Chart(inline(rows[rows["kind"] == "clips"])).encode(
        y=alt.Y("of:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("encoder:N", sort=encoders),
        color=colour(results),
        tooltip=[alt.Tooltip("encoder:N"), alt.Tooltip("of:N"), alt.Tooltip("value:Q", format=".2f")],
    )
    x = alt.X("value:Q", title="nearest clips that are of the same label", scale=alt.Scale(domain=[0, 1]))
    luck = rows[(rows["kind"] == "chance") & (rows["encoder"] == encoders[0])]
    chance = alt.Chart(inline(luck)).mark_tick(thickness=2, size=14, color=SOFT)
    layers = [
        chance.encode(x=x, y=alt.Y("of:N", sort=order, title=None)),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
    ]
    said = "; ".join(
        f"{name_of(result)}: "
        + ", ".join(f"{text(name)} {_share(result, name):.2f}" for name in result.parameters["new"])
        for result in audited(results)
    )
    chart = alt.layer(*layers).properties(width=320, height=len(order) * (8 * len(encoders) + 8))
    return finished(
        chart, f"Share of the ten nearest clips that are of the same label, by label, with chance as ticks. {said}."
    )


def _share(result: Result, name: str) -> float:
    rows = result.table[(result.table["measure"] == "own neighbours") & (result.table["of"] == name)]
    return float(rows["value"].iloc[0])


def _centres(result: Result) -> Any:
    rows = result.table[result.table["measure"] == "centre distance"][["of", "to", "value", "low", "high"]]
    new = {text(name) for name in result.parameters["new"]}
    panels, said = [], []
    for name in dict.fromkeys(rows["of"]):
        mine = rows[rows["of"] == name].head(MOST_LABELS).copy()
        mine["to"] = [f"{text(to)} (new)" if text(to) in new else text(to) for to in mine["to"]]
        said.append(f"{text(name)} is nearest to {mine['to'].iloc[0]}")
        base = alt.Chart(inline(mine.drop(columns="of"))).encode(
            y=alt.Y("to:N", sort=mine["to"].tolist(), title=None),
            tooltip=["to:N", alt.Tooltip("value:Q", format=".2f"), alt.Tooltip("low:Q"), alt.Tooltip("high:Q")],
        )
        x = alt.X("value:Q", title="distance of the centres", scale=alt.Scale(zero=True))
        layers = [
            base.mark_rule(strokeWidth=2, color="#0072B2").encode(x=alt.X("low:Q"), x2="high:Q"),
            base.mark_point(filled=True, size=45, opacity=1, color="#0072B2").encode(x=x),
        ]
        panels.append(alt.layer(*layers).properties(width=215, height=16 * len(mine), title=text(name)))
    return finished(
        alt.concat(*panels, columns=2),
        f"Distances of the centres of new groups to those of all labels in {name_of(result)}: {'; '.join(said)}.",
    )
