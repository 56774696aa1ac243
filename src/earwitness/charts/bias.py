"""Pictures of bias: probes within and across domains, what each class loses, the domain itself, and directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import (
    PANEL_HEIGHT,
    PANEL_WIDTH,
    SOFT,
    Result,
    audited,
    colour,
    finished,
    in_order,
    inline,
    is_control,
    name_of,
    text,
)

MOST_CLASSES = 30
LOWEST = 0.4
"""ROC-AUC of the palest shade of a matrix."""


@dataclass(frozen=True)
class Scheme:
    """Shades of a matrix from pale to dark, and from which share of the way on its numbers are white."""

    colours: tuple[str, str]
    white_from: float


SCHEMES = (Scheme(("#f4f8fc", "#08519c"), 0.76), Scheme(("#f4f4f4", "#3d3d3d"), 0.69))
"""Of encoders and of controls; every number has a contrast of 4.5 with its shade."""

MOST_DOMAINS = 4
_DIRECTIONS = (("global", "linear"), ("class-wise", "linear"), ("class-wise", "kernel"))
_WORDS = {
    ("global", "linear"): "direction of all clips",
    ("class-wise", "linear"): "of the class's clips",
    ("class-wise", "kernel"): "of the class's clips, Gaussian kernel",
}


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the audit of bias with one label and domain, one an encoder, controls among them.
    """
    results = in_order(results)
    label = text(results[0].parameters["label"])
    said = "; ".join(
        f"{name_of(r)} {_one(r, 'within ROC-AUC'):.2f} within and {_one(r, 'across ROC-AUC'):.2f} across"
        for r in results
    )
    made = {
        f"“{label}” within and across domains": finished(
            _matrices(results),
            f"ROC-AUC of probes by the domain that they learnt from and the one asked about: {said}.",
        ),
        "What each class loses in another domain": finished(
            _losses(results), f"ROC-AUC that each class of “{label}” loses across domains, with 95 % intervals. {said}."
        ),
        "How well the domain is told": finished(
            _told(results),
            f"ROC-AUC of a linear and a non-linear probe of the domain; chance is 0.5. {_told_words(results)}.",
        ),
    }
    made["How much probes lean on the direction between domains"] = finished(
        _cosines(results),
        "Absolute cosine of the direction between domains and each class's probe, by the domain learnt from; the "
        f"dashed line is the level of shuffled domains, the dotted one that of a random direction, both for "
        f"{name_of(audited(results)[0])}.",
    )
    return made


def _one(result: Result, measure: str) -> float:
    rows = result.table[(result.table["measure"] == measure) & (result.table["class"] == "")]
    return float(rows[(rows["train"] == "") & (rows["test"] == "")]["value"].iloc[0])


def _told_words(results: Sequence[Result]) -> str:
    return "; ".join(
        f"{name_of(r)} {_one(r, 'domain ROC-AUC, linear'):.2f} and {_one(r, 'domain ROC-AUC, non-linear'):.2f}"
        for r in results
    )


def _matrices(results: Sequence[Result]) -> Any:
    """One square an encoder: rows learnt from, columns tested on."""
    return alt.concat(*[_matrix(result) for result in results], columns=2).resolve_scale(color="independent")


def _matrix(result: Result) -> Any:
    table = result.table
    rows = table[(table["measure"] == "ROC-AUC") & (table["class"] == "")]
    rows = rows[["train", "test", "value", "low", "high", "n"]].copy()
    for name in ("train", "test"):
        rows[name] = rows[name].map(text)
    rows["shown"] = [f"{value:.2f}" for value in rows["value"]]
    rows["interval"] = [f"{low:.2f}–{high:.2f}" for low, high in zip(rows["low"], rows["high"], strict=True)]
    order = list(dict.fromkeys(rows["test"]))
    scheme = SCHEMES[is_control(result)]
    # Mixed in RGB, as the threshold is reckoned in.
    scale = alt.Scale(range=list(scheme.colours), interpolate="rgb", domain=[LOWEST, 1.0], clamp=True)
    side: dict[str, Any] = {"sort": order, "axis": alt.Axis(labelAngle=0, grid=False, labelLimit=90)}
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("test:N", title="tested on", **side),
        y=alt.Y("train:N", title="learnt from", **side),
        tooltip=["train:N", "test:N", alt.Tooltip("value:Q", title="ROC-AUC", format=".3f"), "interval:N"],
    )
    cells = base.mark_rect(stroke="#ffffff").encode(color=alt.Color("value:Q", scale=scale, legend=None))
    white = LOWEST + scheme.white_from * (1 - LOWEST)
    ink = alt.when(f"datum.value > {white}").then(alt.value("#ffffff")).otherwise(alt.value("#000000"))
    layers = [cells, base.mark_text(fontSize=13, dy=-6).encode(text="shown:N", color=ink)]
    layers.append(base.mark_text(fontSize=10, dy=9).encode(text="interval:N", color=ink))
    size = max(150, min(400, 75 * len(order)))
    return alt.layer(*layers).properties(width=min(size, 400), height=size, title=text(name_of(result)))


def _losses(results: Sequence[Result]) -> Any:
    rows = []
    for result in results:
        table = result.table
        mine = table[(table["measure"] == "class drop") & (table["train"] == "")]
        rows.append(mine[["class", "value", "low", "high"]].assign(encoder=name_of(result)))
    found = pd.concat(rows, ignore_index=True).rename(columns={"class": "row"})
    found["row"] = found["row"].map(text)
    first = found[found["encoder"] == name_of(audited(results)[0])]
    order = first.sort_values("value", ascending=False, kind="stable")["row"].tolist()[:MOST_CLASSES]
    return dots(results, found[found["row"].isin(order)], order, "ROC-AUC lost across domains", 0.0)


def _told(results: Sequence[Result]) -> Any:
    rows = []
    for result in results:
        for probe in ("linear", "non-linear"):
            table = result.table
            mine = table[(table["measure"] == f"domain ROC-AUC, {probe}") & (table["test"] == "")]
            rows.append(mine[["value", "low", "high"]].assign(encoder=name_of(result), row=f"{probe} probe"))
    found = pd.concat(rows, ignore_index=True)
    return dots(results, found, ["linear probe", "non-linear probe"], "ROC-AUC of the domain", 0.5)


def dots(results: Sequence[Result], rows: pd.DataFrame, order: Sequence[str], title: str, level: float) -> Any:
    """A point with its interval for each encoder, row by row, and a level as a dashed line.

    Parameters
    ----------
    results
        Whose colours are used.
    rows
        `row`, `encoder`, `value`, `low`, `high`.
    order
        Of the rows.
    title
        Of the axis.
    level
        Where the dashed line is.
    """
    encoders = list(dict.fromkeys(rows["encoder"]))
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("row:N", sort=list(order), title=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("encoder:N", sort=encoders),
        color=colour(results),
    )
    tooltip = [
        alt.Tooltip("encoder:N"),
        alt.Tooltip("row:N", title="of"),
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high")),
    ]
    rule = alt.Chart(inline(pd.DataFrame({"value": [level]})))
    layers = [
        rule.mark_rule(strokeDash=[4, 3], color=SOFT).encode(x=alt.X("value:Q")),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=6)),
            tooltip=tooltip,
        ),
    ]
    return alt.layer(*layers).properties(width=400, height=len(order) * (10 * len(encoders) + 12))


def _cosines(results: Sequence[Result]) -> Any:
    """Rows global, class-wise, class-wise in a kernel's space; columns the domain learnt from (Figure 3)."""
    domains = list(results[0].parameters["domains"])[:MOST_DOMAINS]
    highest = max(
        float(np.nanmax(r.table[(r.table["measure"] == "cosine") & (r.table["class"] != "")]["value"])) for r in results
    )
    panels = [_cosine_panel(results, *which, domain, highest) for which in _DIRECTIONS for domain in domains]
    return alt.concat(*panels, columns=min(len(domains), 3)).resolve_scale(color="shared")


def _cosine_panel(results: Sequence[Result], scope: str, space: str, domain: str, highest: float) -> Any:
    rows = []
    for result in results:
        table = result.table[(result.table["scope"] == scope) & (result.table["space"] == space)]
        mine = table[(table["measure"] == "cosine") & (table["train"] == domain) & (table["class"] != "")]
        rows.append(mine[["class", "value"]].assign(encoder=name_of(result)))
    found = pd.concat(rows, ignore_index=True)
    found["class"] = found["class"].map(text)
    encoders = list(dict.fromkeys(found["encoder"]))
    scale = alt.Scale(domain=[0, highest * 1.05], nice=False)
    bars = (
        alt.Chart(inline(found))
        .mark_bar()
        .encode(
            x=alt.X("class:N", title=None, sort=None, axis=alt.Axis(labelAngle=-60, labelLimit=80)),
            xOffset=alt.XOffset("encoder:N", sort=encoders),
            y=alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(tickCount=3)),
            color=colour(results),
            tooltip=["encoder:N", "class:N", alt.Tooltip("value:Q", title="|cosine|", format=".3f")],
        )
    )
    layers = [bars]
    for measure, dash in (("shuffled cosine", [6, 3]), ("random cosine", [2, 2])):
        table = audited(results)[0].table
        mine = table[(table["scope"] == scope) & (table["space"] == space) & (table["measure"] == measure)]
        level = alt.Chart(inline(mine[["value"]])).mark_rule(strokeDash=dash, strokeWidth=1.5, color="#1a1a1a")
        layers.append(level.encode(y=alt.Y("value:Q", scale=scale)))
    title = alt.TitleParams([_WORDS[scope, space], f"learnt from {text(domain)}"], fontSize=11, fontWeight="normal")
    return alt.layer(*layers).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT - 45, title=title)
