"""Figure 4.9 of Kim (2021): where the smallest changes take each clip, on a map for each encoder."""

from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import OKABE_ITO, finished, inline, text

ORIGINAL = "original"
_SIDE = 300
_COLUMNS = 2


def smallest_map(points: pd.DataFrame) -> Any:
    """A panel an encoder: originals as open circles, and a line from each to its changed copies.

    Parameters
    ----------
    points
        `encoder`, `clip`, `change` ("original", or the label of a perturbation), `x`, `y`, and `trustworthiness` of
        the encoder's map.
    """
    changes = [change for change in dict.fromkeys(points["change"]) if change != ORIGINAL]
    colour = alt.Color(
        "change:N",
        title="changed by",
        sort=None,
        scale=alt.Scale(domain=changes, range=[OKABE_ITO[i % len(OKABE_ITO)] for i in range(len(changes))]),
    )
    panels = [_panel(rows, str(name), colour) for name, rows in points.groupby("encoder", sort=False)]
    return finished(
        alt.concat(*panels, columns=_COLUMNS).resolve_scale(color="shared"),
        "t-SNE maps of originals and of their hardly audible changes, an encoder a panel. Where changed copies lie on "
        "their circle the encoder keeps them; lines lead from an original to copies that went elsewhere. Distances "
        "between far groups mean nothing on such a map.",
    )


def _panel(rows: pd.DataFrame, name: str, colour: alt.Color) -> Any:
    originals, copies = rows[rows["change"] == ORIGINAL], rows[rows["change"] != ORIGINAL]
    ways = copies.merge(originals[["clip", "x", "y"]], on="clip", suffixes=("", "0"))
    x, y = (alt.X("x:Q", axis=None, scale=alt.Scale(zero=False)), alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False)))
    tooltip = ["clip:N", "change:N"]
    shown = ways[["clip", "change", "x", "y", "x0", "y0"]]
    places = {"x": x, "y": y}
    ring = alt.Chart(inline(originals[["clip", "change", "x", "y"]])).mark_point(size=70, color="#777777")
    way = alt.Chart(inline(shown)).mark_rule(strokeWidth=0.8, opacity=0.6)
    copy = alt.Chart(inline(shown)).mark_point(filled=True, size=16, opacity=1)
    layers = [
        way.encode(**places, x2="x0", y2="y0", color=colour),
        ring.encode(**places, tooltip=tooltip),
        copy.encode(**places, color=colour, tooltip=tooltip),
    ]
    kept = float(rows["trustworthiness"].iloc[0])
    title = alt.Title(text(name), subtitle=f"trustworthiness {kept:.2f}")
    return alt.layer(*layers).properties(width=_SIDE, height=_SIDE, title=title)
