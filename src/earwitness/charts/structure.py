"""Pictures of structure: the indices over the number of groups, groups against labels, and a map of the clips."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import (
    OKABE_ITO,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    Result,
    audited,
    colour,
    dash,
    finished,
    in_order,
    inline,
    name_of,
    text,
)

MOST_POINTS = 5000
MOST_NUMBERS = 15
_K_MEANS, _MIXTURE = "k-means", "Gaussian mixture"
_PANELS = (
    ("silhouette", _K_MEANS, "Silhouette (high is good)"),
    ("Calinski-Harabasz", _K_MEANS, "Calinski-Harabasz (high is good)"),
    ("Davies-Bouldin", _K_MEANS, "Davies-Bouldin (low is good)"),
    ("BIC", _MIXTURE, "BIC above its lowest (low is good)"),
)


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the structure audit, one an encoder, controls among them.
    """
    results = in_order(results)
    panels = [_panel(results, *panel) for panel in _PANELS]
    description = (
        "Four indices of how well clips fall into groups, over the number of groups; the pale band is a cloud without "
        f"groups. {_summary(results)}"
    )
    row = alt.concat(*panels, columns=2).resolve_scale(color="shared", strokeDash="shared")
    made = {"How many groups: indices over their number, beside a cloud without groups": finished(row, description)}
    for result in audited(results):
        name = text(name_of(result))
        if "asked_cluster" in result.items:
            made[f"Labels and groups of {name}"] = _confusion(result)
        made[f"Map of the clips in {name}"] = _map(result)
    return made


def _summary(results: Sequence[Result]) -> str:
    said = []
    for result in results:
        table = result.table
        k = table[table["measure"] == "natural k"]["value"].iloc[0]
        p = table[table["measure"] == "p"]["value"].iloc[0]
        said.append(f"{name_of(result)}: {f'{k:.0f} groups' if p <= 0.05 else 'no groups'}")
    return "; ".join(said) + "."


def _panel(results: Sequence[Result], index: str, method: str, title: str) -> Any:
    rows = pd.concat([_index_rows(result, index, method) for result in results], ignore_index=True)
    clips, cloud = rows[rows["data"] == "clips"], rows[rows["data"] == "cloud"]
    x = alt.X("k:Q", title="number of groups", axis=alt.Axis(grid=False, tickMinStep=1, format="d"))
    scale = alt.Scale(zero=False, nice=True)
    tooltip = [alt.Tooltip("encoder:N"), alt.Tooltip("k:Q", title="groups"), alt.Tooltip("value:Q", title=index)]
    band = alt.Chart(inline(cloud)).mark_area(opacity=0.16)
    line = alt.Chart(inline(clips)).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
    layers = [
        band.encode(x=x, y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q", color=colour(results)),
        line.encode(
            x=x,
            y=alt.Y("value:Q", title=None, scale=scale),
            color=colour(results),
            strokeDash=dash(results),
            tooltip=tooltip,
        ),
    ]
    return alt.layer(*layers).properties(width=PANEL_WIDTH + 40, height=PANEL_HEIGHT, title=title)


def _index_rows(result: Result, index: str, method: str) -> pd.DataFrame:
    table = result.table
    rows = table[(table["measure"] == index) & (table["method"] == method)].copy()
    numbers = ["value", "low", "high"]
    if index == "BIC":  # its level depends on the scale of the space; only differences over k say something
        lowest = rows.groupby("data")["value"].transform("min")
        rows[numbers] = rows[numbers].sub(lowest, axis=0)
    return rows[["data", "k", *numbers]].assign(encoder=name_of(result))


def _confusion(result: Result) -> Any:
    """Labels by clusters, as many as labels, each cluster beside the label it is matched with."""
    items = result.items[result.items["label"] != ""]
    counts = items.groupby(["label", "asked_cluster", "asked_match"]).size().rename("clips").reset_index()
    counts["share"] = counts["clips"] / counts.groupby("label")["clips"].transform("sum")
    labels = sorted(counts["label"].unique())
    clusters = counts[["asked_cluster", "asked_match"]].drop_duplicates()
    place = {label: k for k, label in enumerate(labels)}
    clusters = clusters.sort_values("asked_match", key=lambda names: names.map(place).fillna(len(place)))
    order = [f"group {cluster + 1}" for cluster in clusters["asked_cluster"]]
    counts["group"] = [f"group {cluster + 1}" for cluster in counts["asked_cluster"]]
    counts["label"] = counts["label"].map(text)
    rows = counts[["label", "group", "clips", "share"]]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("group:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45)),
        y=alt.Y("label:N", sort=[text(label) for label in labels], title=None),
        tooltip=["label:N", "group:N", "clips:Q", alt.Tooltip("share:Q", title="of the label", format=".0%")],
    )
    scale = alt.Scale(scheme="blues", domain=[0, 1])
    cells = base.mark_rect(stroke="#ffffff").encode(
        color=alt.Color("share:Q", scale=scale, title="share of the label", legend=alt.Legend(format="%"))
    )
    layers = [cells]
    if len(labels) <= MOST_NUMBERS:
        # Black on the scheme's blues has a contrast of 4.5 up to here, and white beyond.
        ink = alt.when("datum.share > 0.74").then(alt.value("#ffffff")).otherwise(alt.value("#000000"))
        layers.append(base.mark_text(fontSize=11).encode(text="clips:Q", color=ink))
    size = max(180, min(420, 30 * len(labels)))
    accuracy = (items["asked_match"] == items["label"]).mean()
    description = (
        f"Clips of each label in each of {len(order)} groups of {name_of(result)}; {accuracy:.0%} of the clips lie in "
        "the group that is matched with their label, on the diagonal."
    )
    return finished(alt.layer(*layers).properties(width=size, height=size), description)


def _map(result: Result) -> Any:
    """Every clip as a point; a click on the legend shows one label alone."""
    items = result.items
    if len(items) > MOST_POINTS:
        items = items.iloc[np.random.default_rng(0).permutation(len(items))[:MOST_POINTS]]
    labelled = bool((items["label"] != "").any())
    shown = items["label"].where(items["label"] != "", "(no label)").map(text) if labelled else None
    group = [f"group {cluster + 1}" for cluster in items["cluster"]]
    rows = items[["x", "y"]].assign(clip=items["clip"].map(text), group=group, shown=group if shown is None else shown)
    names = sorted(rows["shown"].unique())
    palette: dict[str, Any] = (
        {"range": list(OKABE_ITO[: len(names)])} if len(names) <= len(OKABE_ITO) else {"scheme": "tableau20"}
    )
    chosen = alt.selection_point(fields=["shown"], bind="legend")
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    points = (
        alt.Chart(inline(rows))
        .mark_circle(size=42, stroke="#444444", strokeWidth=0.5)
        .encode(
            x=alt.X("x:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "shown:N", title=None, scale=alt.Scale(domain=names, **palette), legend=alt.Legend(symbolLimit=60)
            ),
            opacity=alt.when(chosen).then(alt.value(0.85)).otherwise(alt.value(0.06)),
            tooltip=[
                alt.Tooltip("clip:N"),
                alt.Tooltip("shown:N", title="label" if labelled else "group"),
                alt.Tooltip("group:N", title="found in"),
            ],
        )
        .add_params(chosen)
    )
    table = result.table
    trust = float(table[table["measure"] == "trustworthiness"]["value"].iloc[0])
    description = (
        f"t-SNE of {len(rows)} clips in {name_of(result)}, coloured by {'label' if labelled else 'group'}; "
        f"trustworthiness {trust:.2f}. Near points are alike; distances between far groups mean nothing."
    )
    subtitle = f"t-SNE, trustworthiness {trust:.2f}; distances between far groups mean nothing"
    title = alt.TitleParams(subtitle, fontSize=11, fontWeight="normal")
    return finished(points.properties(width=420, height=380, title=title), description)
