"""Pictures of corrections: what each gains, class by class, what is left of the domain, and maps before and after."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.bias import dots
from earwitness.charts.theme import (
    OKABE_ITO,
    PANEL_WIDTH,
    SOFT,
    Result,
    audited,
    colour,
    finished,
    in_order,
    inline,
    name_of,
    text,
)

MOST_CLASSES = 30
MOST_POINTS = 1500
ORACLE = "the tested domain"


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the audit of corrections with one label and domain, one an encoder, controls among them.
    """
    results = in_order(results)
    gains = _gains(results)
    made = {
        "What each correction changes in another domain": finished(
            _changes(results, gains),
            "Change in ROC-AUC across domains by each correction, with 95 % intervals; the thick grey bar is what as "
            f"many random directions change. {_words(results, gains)}.",
        ),
        "What is left of the domain after each correction": finished(
            _left(results), f"ROC-AUC of the domain by a linear and a non-linear probe. {_words(results, gains)}."
        ),
    }
    for result in audited(results):
        name, best = text(name_of(result)), text(result.parameters["best"])
        made[f"Each class of {name} before and after {best}"] = _classes(result, results)
        made[f"Map of the clips of {name} before and after {best}"] = _maps(result)
    return made


def _gains(results: Sequence[Result]) -> pd.DataFrame:
    parts = []
    for result in results:
        table = result.table
        mine = table[(table["measure"] == "change") & (table["of"] == "across ROC-AUC") & (table["class"] == "")]
        parts.append(mine[["correction", "value", "low", "high"]].assign(encoder=name_of(result)))
    found = pd.concat(parts, ignore_index=True)
    found["row"] = [ORACLE if name == "oracle" else text(name) for name in found["correction"]]
    return found


def _words(results: Sequence[Result], gains: pd.DataFrame) -> str:
    said = []
    for result in audited(results):
        mine = gains[(gains["encoder"] == name_of(result)) & (gains["correction"] != "oracle")]
        if len(mine):
            best = mine.sort_values("value", kind="stable").iloc[-1]
            said.append(f"{name_of(result)}: most by {best['row']}, {best['value']:+.3f}")
        else:
            said.append(f"{name_of(result)}: no correction could be made")
    return "; ".join(said)


def _changes(results: Sequence[Result], gains: pd.DataFrame) -> Any:
    order = [row for row in dict.fromkeys(gains["row"]) if row != ORACLE] + [ORACLE]
    picture = dots(results, gains.drop(columns=["correction"]), order, "change in ROC-AUC across domains", 0.0)
    encoders = list(dict.fromkeys(gains["encoder"]))
    chance = []
    for result in results:
        mine = result.table[result.table["measure"] == "random change"]
        chance.append(mine[["correction", "low", "high"]].assign(encoder=name_of(result)))
    bars = pd.concat(chance, ignore_index=True)
    if not len(bars):
        return picture
    bars["row"] = bars["correction"].map(text)
    band = alt.Chart(inline(bars)).mark_rule(strokeWidth=7, color="#c4c4c4").encode(
        y=alt.Y("row:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("encoder:N", sort=encoders),
        x=alt.X("low:Q"),
        x2="high:Q",
    )  # fmt: skip
    return alt.layer(band, *picture.layer).properties(width=picture.width, height=picture.height)


def _left(results: Sequence[Result]) -> Any:
    panels = []
    for probe in ("linear", "non-linear"):
        parts = []
        for result in results:
            table = result.table
            mine = table[(table["measure"] == f"domain ROC-AUC, {probe}") & (table["test"] == "")]
            parts.append(mine[["correction", "value", "low", "high"]].assign(encoder=name_of(result)))
        rows = pd.concat(parts, ignore_index=True)
        rows["row"] = ["as it is" if name == "none" else text(name) for name in rows["correction"]]
        order = list(dict.fromkeys(rows["row"]))
        picture = dots(results, rows.drop(columns=["correction"]), order, f"domain, {probe} probe", 0.5)
        panels.append(picture.properties(width=PANEL_WIDTH))
    return alt.concat(*panels, columns=2).resolve_scale(color="shared")


def _classes(result: Result, results: Sequence[Result]) -> Any:
    """Open: as it is; filled: after the best correction; tick: learnt from the tested domain."""
    table, best = result.table, result.parameters["best"]
    rows = table[(table["measure"] == "across ROC-AUC") & (table["class"] != "") & (table["train"] == "")]
    wide = rows.pivot_table(index="class", columns="correction", values="value").reset_index()
    wide["row"] = wide["class"].map(text)
    wide = wide.sort_values("none", kind="stable").head(MOST_CLASSES)
    order = wide["row"].tolist()
    shown = wide[["row", "oracle"]].assign(before=wide["none"], after=wide[best])
    shown = shown.assign(encoder=name_of(result))
    base = alt.Chart(inline(shown)).encode(
        y=alt.Y("row:N", sort=order, title=None), color=colour(results, legend=False)
    )
    scale = alt.Scale(zero=False, nice=True)
    tooltip = ["row:N", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("before", "after", "oracle"))]
    x = alt.X(
        "before:Q", scale=scale, title=f"ROC-AUC across domains: ○ as it is, ● {text(best)}, | learnt from {ORACLE}"
    )
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=x, x2="after:Q"),
        base.mark_tick(thickness=2, size=16, color=SOFT).encode(x=alt.X("oracle:Q"), color=alt.value(SOFT)),
        base.mark_point(filled=False, fill="#ffffff", size=60, opacity=1, strokeWidth=2).encode(x=x, tooltip=tooltip),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("after:Q"), tooltip=tooltip),
    ]
    said = ", ".join(
        f"{row} {before:.2f} to {after:.2f}"
        for row, before, after in zip(shown["row"], shown["before"], shown["after"], strict=True)
    )
    description = f"ROC-AUC across domains of each class of {name_of(result)} before and after {text(best)}: {said}."
    return finished(alt.layer(*layers).properties(width=400, height=26 * len(order)), description)


def _maps(result: Result) -> Any:
    items, best = result.items, text(result.parameters["best"])
    if len(items) > MOST_POINTS:
        items = items.iloc[np.sort(np.random.default_rng(0).permutation(len(items))[:MOST_POINTS])]
    names = sorted({text(name) for name in items["domain"]})
    panels, said = [], []
    for ending, title in (("before", "as it is"), ("after", f"after {best}")):
        trust = float(items[f"trustworthiness {ending}"].iloc[0])
        said.append(f"{title} (trustworthiness {trust:.2f})")
        panels.append(_map(items, ending, f"{title}, trustworthiness {trust:.2f}", names))
    description = (
        f"t-SNE of {len(items)} clips in {name_of(result)}, coloured by domain, {' and '.join(said)}. Near points are "
        "alike; distances between far groups mean nothing."
    )
    return finished(alt.concat(*panels, columns=2).resolve_scale(color="shared"), description)


def _map(items: pd.DataFrame, ending: str, title: str, names: Sequence[str]) -> Any:
    rows = items[["clip", "truth", "domain"]].map(text)
    rows = rows.assign(x=items[f"x {ending}"], y=items[f"y {ending}"])
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    palette: dict[str, Any] = (
        {"range": list(OKABE_ITO[: len(names)])} if len(names) <= len(OKABE_ITO) else {"scheme": "tableau20"}
    )
    points = (
        alt.Chart(inline(rows))
        .mark_circle(size=32, stroke="#444444", strokeWidth=0.4, opacity=0.85)
        .encode(
            x=alt.X("x:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            color=alt.Color("domain:N", title=None, scale=alt.Scale(domain=list(names), **palette)),
            tooltip=["clip:N", alt.Tooltip("truth:N", title="label"), "domain:N"],
        )
    )
    heading = alt.TitleParams(title, fontSize=11, fontWeight="normal")
    return points.properties(width=PANEL_WIDTH + 40, height=PANEL_WIDTH + 40, title=heading)
