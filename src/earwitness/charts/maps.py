"""A map of clips on two axes, coloured by any column."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import OKABE_ITO, finished, inline, text

MOST_POINTS = 5000
MOST_COLOURS = 20
OTHER = "(other)"
WIDTH, HEIGHT = 420, 380


def clip_map(items: pd.DataFrame, column: str, called: str, caption: str, description: str) -> Any:
    """Every clip as a point; a click on the legend shows one value alone.

    Parameters
    ----------
    items
        `clip`, `x`, `y` and the column; with a column `new` the new clips are drawn as triangles.
    column
        What colours the points. Numbers get a scale; of more than 20 other values the commonest 19 are told apart.
    called
        What the column is.
    caption, description
        Above the map, and read aloud in its place.
    """
    if len(items) > MOST_POINTS:
        items = items.iloc[np.random.default_rng(0).permutation(len(items))[:MOST_POINTS]]
    values = items[column]
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    rows = items[["x", "y"]].assign(clip=items["clip"].map(text), shown=values if number else _few(values.map(text)))
    if "new" in items:
        rows["kind"] = np.where(items["new"].astype(bool), "new", "known")
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    points = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=42, stroke="#444444", strokeWidth=0.5)
        .encode(
            x=alt.X("x:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", axis=none, title=None, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip("clip:N"), alt.Tooltip(f"shown:{'Q' if number else 'N'}", title=called)],
        )
    )
    if "new" in items:
        scale = alt.Scale(domain=["known", "new"], range=["circle", "triangle-up"])
        points = points.encode(shape=alt.Shape("kind:N", title=None, scale=scale))
    points = _by_number(points, called) if number else _by_name(points, rows)
    title = alt.TitleParams(caption, fontSize=11, fontWeight="normal")
    return finished(points.properties(width=WIDTH, height=HEIGHT, title=title), description)


def _few(values: pd.Series) -> pd.Series:
    counts = values.value_counts()
    if len(counts) <= MOST_COLOURS:
        return values
    return values.where(values.isin(counts.index[: MOST_COLOURS - 1]), OTHER)


def _by_number(points: Any, called: str) -> Any:
    colour = alt.Color("shown:Q", title=text(called), scale=alt.Scale(scheme="viridis"))
    return points.encode(color=colour, opacity=alt.value(0.85))


def _by_name(points: Any, rows: pd.DataFrame) -> Any:
    names = sorted(rows["shown"].unique(), key=lambda name: (name == OTHER, name))
    palette: dict[str, Any] = (
        {"range": list(OKABE_ITO[: len(names)])} if len(names) <= len(OKABE_ITO) else {"scheme": "tableau20"}
    )
    chosen = alt.selection_point(fields=["shown"], bind="legend")
    colour = alt.Color(
        "shown:N", title=None, scale=alt.Scale(domain=names, **palette), legend=alt.Legend(symbolLimit=60)
    )
    seen = alt.when(chosen).then(alt.value(0.85)).otherwise(alt.value(0.06))
    return points.encode(color=colour, opacity=seen).add_params(chosen)
