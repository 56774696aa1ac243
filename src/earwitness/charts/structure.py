"""Pictures of structure: the indices over the number of groups, groups against labels, and a map of the clips."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.maps import clip_map
from earwitness.charts.theme import (
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

MOST_NUMBERS = 15
COLUMN = "column:"
"""What the columns of items that colour the map are called by the audit."""
_K_MEANS, _MIXTURE = "k-means", "Gaussian mixture"
_PANELS = (
    ("silhouette", _K_MEANS, "Silhouette (high is good)"),
    ("Calinski-Harabasz", _K_MEANS, "Calinski-Harabasz (high is good)"),
    ("Davies-Bouldin", _K_MEANS, "Davies-Bouldin (low is good)"),
    ("BIC", _MIXTURE, "BIC above its lowest (low is good)"),
    ("partition stability", _K_MEANS, "Agreement of subsamples (high is good)"),
)


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the structure audit, one an encoder, controls among them.
    """
    results = in_order(results)
    made = {"How many groups: indices over their number, beside a cloud without groups": indices(results)}
    for result in audited(results):
        name = text(name_of(result))
        if "asked_match" in result.items:
            made[f"Labels and groups of {name}"] = confusion(result, "asked_")
            if result.items["cluster"].nunique() != result.items["asked_cluster"].nunique():
                made[f"Labels and its own number of groups of {name}"] = confusion(result, "")
            for k in result.parameters.get("compared at", ()):
                made[f"Labels and {k} groups of {name}"] = confusion(result, f"at{k}_")
        made |= _maps(result)
    return made


def indices(results: Sequence[Result]) -> Any:
    """Every index over the number of groups, beside clouds without groups."""
    panels = [_panel(results, *panel) for panel in _PANELS]
    description = (
        "Indices of how well clips fall into groups, over the number of groups; the pale band is a cloud without "
        f"groups. {_summary(results)}"
    )
    row = alt.concat(*panels, columns=2).resolve_scale(color="shared", strokeDash="shared")
    return finished(row, description)


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


def confusion(result: Result, prefix: str) -> Any:
    """Labels by clusters, each cluster under the label it is matched with; one without a label has its own column."""
    cluster, match = f"{prefix}cluster", f"{prefix}match"
    items = result.items[result.items["label"] != ""]
    counts = items.groupby(["label", cluster, match]).size().rename("clips").reset_index()
    counts["share"] = counts["clips"] / counts.groupby("label")["clips"].transform("sum")
    labels = sorted(counts["label"].unique())
    clusters = counts[[cluster, match]].drop_duplicates()
    place = {label: k for k, label in enumerate(labels)}
    clusters = clusters.sort_values(
        [match, cluster], key=lambda c: c.map(place).fillna(len(place)) if c.name == match else c
    )
    named = {
        number: f"{text(label)} (group {number + 1})" if label else f"no label (group {number + 1})"
        for number, label in zip(clusters[cluster], clusters[match], strict=True)
    }
    order = list(named.values())
    counts["group"] = counts[cluster].map(named)
    counts["label"] = counts["label"].map(text)
    rows = counts[["label", "group", "clips", "share"]]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("group:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45, labelLimit=200)),
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
    width, height = (max(180, min(420, 30 * count)) for count in (len(order), len(labels)))
    accuracy = (items[match] == items["label"]).mean()
    description = (
        f"Clips of each label in each of {len(order)} groups of {name_of(result)}; {accuracy:.0%} of the clips lie in "
        "the group that is matched with their label, on the diagonal."
    )
    return finished(alt.layer(*layers).properties(width=width, height=height), description)


def label_map(result: Result) -> Any:
    """The map, coloured by label, or by group where there are no labels."""
    return next(iter(_maps(result).values()))


def _maps(result: Result) -> dict[str, Any]:
    """The map, coloured by label or group, and by each further column."""
    items, name = result.items, text(name_of(result))
    labelled = bool((items["label"] != "").any())
    group = pd.Series([f"group {cluster + 1}" for cluster in items["cluster"]], index=items.index)
    first = items["label"].where(items["label"] != "", "(no label)") if labelled else group
    rows = items[["clip", "x", "y"]].assign(shown=first)
    columns = {"label" if labelled else "group": rows}
    for column in items.columns:
        if str(column).startswith(COLUMN):
            columns[str(column).removeprefix(COLUMN)] = rows.assign(shown=items[column])
    table = result.table
    trust = float(table[table["measure"] == "trustworthiness"]["value"].iloc[0])
    drawn = result.parameters.get("map", "t-SNE")
    caption = f"{drawn}, trustworthiness {trust:.2f}; distances between far groups mean nothing"
    made = {}
    for k, (column, shown) in enumerate(columns.items()):
        description = (
            f"{drawn} of {len(rows)} clips in {name_of(result)}, coloured by {text(column)}; trustworthiness "
            f"{trust:.2f}. Near points are alike; distances between far groups mean nothing."
        )
        title = f"Map of the clips in {name}" + (f", by “{text(column)}”" if k else "")
        made[title] = clip_map(shown, "shown", column, caption, description)
    return made
