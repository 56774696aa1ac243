"""From which magnitude on does an encoder lose its clips? One picture: kinds of change by encoders."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import Result, finished, in_order, inline, name_of, text

LEVEL = "0.9"
DISTANCE = "cosine"

_CELL_WIDTH, _CELL_HEIGHT, _PAGE_WIDTH = 130, 26, 420
_KINDS = {"mp3": "MP3"}


def breaking_points(results: Sequence[Result], *, level: str = LEVEL) -> Any:
    """A cell an encoder and kind of change, with the magnitude in it: the darker, the sooner it breaks.

    Parameters
    ----------
    results
        Of the robustness audit, one an encoder.
    level
        Of consistency, "0.9" or "0.5".

    Returns
    -------
    Altair chart, or None where no result has breaking points.
    """
    results = in_order(results)
    rows = _rows(results, level)
    if rows.empty:
        return None
    wide = min(_CELL_WIDTH, _PAGE_WIDTH // rows["encoder"].nunique())
    heads = alt.Axis(orient="top", labelAngle=0, labelLimit=wide)
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("encoder:N", sort=[name_of(result) for result in results], title=None, axis=heads),
        y=alt.Y("kind:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
        tooltip=[
            alt.Tooltip("encoder:N"),
            alt.Tooltip("kind:N", title="change"),
            alt.Tooltip("said:N", title=f"fewer than {float(level):.0%} from"),
            alt.Tooltip("range:N", title="95 % interval"),
            alt.Tooltip("note:N"),
        ],
    )
    shade = alt.Color(
        "share:Q",
        scale=alt.Scale(domain=[0, 1], range=["#cc7a29", "#f6c48c", "#f7f7f2"]),
        title=["share of the way", "to the gravest step"],
    )
    cells = base.mark_rect(stroke="white", strokeWidth=2).encode(color=shade)
    # On the darkest of these shades the ink still has a contrast of 5.
    words = base.mark_text(fontSize=11).encode(text="said:N", color=alt.value("#1a1a1a"))
    size = {"width": wide * rows["encoder"].nunique(), "height": _CELL_HEIGHT * rows["kind"].nunique()}
    said = [f"{row.encoder}: {row.kind} {row.said}" for row in rows.itertuples()]
    description = (
        f"The magnitude from which on fewer than {float(level):.0%} of clips are nearest to their own original. "
    )
    return finished(alt.layer(cells, words).properties(**size), description + "; ".join(said) + ".")


def _rows(results: Sequence[Result], level: str) -> pd.DataFrame:
    parts = []
    for result in results:
        table = result.table
        found = table[(table["measure"] == "breaking point") & (table["distance"] == DISTANCE) & (table["of"] == level)]
        if found.empty:
            continue
        tried = table[table["measure"] == "consistency"]
        found = found.assign(
            encoder=name_of(result),
            kind=[_kind(row) for row in found.to_dict("records")],
            said=[_said(row) for row in found.to_dict("records")],
            range=[_range(row) for row in found.to_dict("records")],
            share=[_share(row, tried) for row in found.to_dict("records")],
        )
        parts.append(found)
    columns = ["encoder", "kind", "said", "range", "share", "note"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _kind(row: dict[Any, Any]) -> str:
    name = _KINDS.get(row["family"], str(row["family"]))
    return text(f"{name} {row['direction']}".strip())


def magnitude_in_words(family: str, value: float) -> str:
    """A magnitude with its unit, as short as a cell of a table: "+96 cents", "-12 %", "21 dB", "64 kb/s"."""
    if not np.isfinite(value):
        return "no noise"
    if family == "tempo":
        return f"{100 * (value - 1):+.0f} %"
    if family == "pitch":
        return f"{value:+.0f} cents"
    return f"{value:.0f} " + {"mp3": "kb/s"}.get(family, "dB" if family.endswith("noise") else "")


def _said(row: dict[Any, Any]) -> str:
    magnitude = magnitude_in_words(row["family"], row["value"])
    return magnitude if _reached(row) else f"beyond {magnitude}"


def _range(row: dict[Any, Any]) -> str:
    if row["low"] is None or not np.isfinite(row["low"]):
        return ""
    return " to ".join(magnitude_in_words(row["family"], row[end]) for end in ("low", "high"))


def _reached(row: dict[Any, Any]) -> bool:
    return row["reached"] is True or str(row["reached"]) == "True"


def _share(row: dict[Any, Any], tried: pd.DataFrame) -> float:
    """Severity of the breaking point over that of the gravest step tried of its kind."""
    if not _reached(row):
        return 1.0
    mine = tried[tried["family"] == row["family"]]
    sign = {"up": 1, "down": -1, "faster": 1, "slower": -1}.get(row["direction"], 0)
    beyond = mine["magnitude"] - (1 if row["family"] == "tempo" else 0)
    mine = mine[sign * beyond > 0] if sign else mine
    return float(min(1.0, row["severity"] / mine["severity"].max())) if len(mine) else 1.0
