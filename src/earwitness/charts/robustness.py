"""Pictures of robustness: the share of clips still nearest to their own original, from mild to grave changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.breaking import breaking_points
from earwitness.charts.theme import (
    MILD,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    Result,
    colour,
    dash,
    finished,
    in_order,
    inline,
    name_of,
    text,
)

DISTANCE = "cosine"
SOUND = "#9a9a9a"


@dataclass(frozen=True)
class _Axis:
    """How a family's magnitudes are read: the axis goes from mild, on the left, to grave."""

    title: str
    logarithmic: bool = False
    reverse: bool = False
    directions: tuple[str, str] | None = None  # names of the negative and the positive side


_AXES = {
    "pitch": _Axis("cents", logarithmic=True, directions=("down", "up")),
    "tempo": _Axis("per cent", logarithmic=True, directions=("slower", "faster")),
    "pink noise": _Axis("signal to noise, dB", reverse=True),
    "environmental noise": _Axis("signal to noise, dB", reverse=True),
    "mp3": _Axis("kb/s", logarithmic=True, reverse=True),
}
_NAMES = {"mp3": "MP3"}
_ROOM = 0.06  # of the axis, beside the first and the last step


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the robustness audit, one an encoder, controls among them.
    """
    results = in_order(results)
    curves, sound = _curves(results), _sound(results)
    panels = [
        _panel(results, family, curves[curves["family"] == family], sound[sound["family"] == family])
        for family in dict.fromkeys(curves["family"])
    ]
    made = {}
    if panels:
        description = (
            "Share of clips still nearest to their own original, by kind of change, from mild on the left to grave on "
            f"the right; the band marks what people hardly hear. {_bound(results)}{_summary(results)}"
        )
        row = alt.concat(*panels, columns=3).resolve_scale(color="shared", strokeDash="shared", shape="independent")
        made["Clips still nearest to their own original, from mild to grave changes"] = finished(row, description)
    breaking = breaking_points(results)
    if breaking is not None:
        made["From which magnitude on fewer than 90 % of clips are nearest to their own original"] = breaking
    moved = _moved(results)
    if len(moved):
        description = (
            f"Share of clips that hardly audible changes move nearer to another recording. {_summary(results)}"
        )
        made["Clips moved nearer to another recording by hardly audible changes"] = finished(
            _dots(results, moved), description
        )
    return made


def _curves(results: Sequence[Result]) -> pd.DataFrame:
    """One row a point: encoder, family, x, direction, value, low, high."""
    parts = []
    for result in reversed(results):  # what is drawn last lies on top, and that is not the controls
        table = result.table
        rows = table[(table["measure"] == "consistency") & (table["distance"] == DISTANCE)]
        rows = rows[rows["severity"] > 0]
        parts.append(rows.assign(encoder=name_of(result)))
    return _placed(pd.concat(parts, ignore_index=True))


def _sound(results: Sequence[Result]) -> pd.DataFrame:
    """As `_curves`, of consistency in sound itself by the first reference: what an encoder might keep."""
    table = results[0].table
    rows = table[(table["measure"] == "consistency in sound") & (table["severity"] > 0)]
    if len(rows):
        rows = rows[rows["reference"] == rows["reference"].iloc[0]]
        rows = rows.assign(encoder=f"sound itself ({rows['reference'].iloc[0]})")
    return _placed(rows.assign(**({} if len(rows) else {"encoder": ""})).reset_index(drop=True))


def _bound(results: Sequence[Result]) -> str:
    sound = _sound(results)
    return f"The broad grey line is {sound['encoder'].iloc[0]}. " if len(sound) else ""


def _placed(found: pd.DataFrame) -> pd.DataFrame:
    """The rows with their place on the axis of their family."""
    family = found["family"]
    magnitude = found["magnitude"].to_numpy(float)
    signed = np.where(family == "tempo", 100 * (magnitude - 1), magnitude)
    plain = ~family.isin(_AXES).to_numpy()
    found["x"] = np.where(family.isin(["pitch", "tempo"]), np.abs(signed), np.where(plain, found["severity"], signed))
    two_sided = family.map(lambda name: _AXES.get(name, _Axis("")).directions)
    found["direction"] = [
        "" if names is None else names[int(value > 0)] for names, value in zip(two_sided, signed, strict=True)
    ]
    keep = ["encoder", "family", "perturbation", "x", "direction", "value", "low", "high", "n", "imperceptible"]
    return found[keep]


def _panel(results: Sequence[Result], family: Any, rows: pd.DataFrame, sound: pd.DataFrame) -> Any:
    axis = _AXES.get(family, _Axis("severity"))
    domain = _domain(rows["x"].to_numpy(float), axis)
    scale = alt.Scale(
        type="log" if axis.logarithmic else "linear", domain=sorted(domain), reverse=axis.reverse, nice=False
    )
    ticks = alt.Axis(title=_title(axis), values=_ticks(rows["x"], axis), grid=False, labelFlush=True, labelOverlap=True)
    x = alt.X("x:Q", scale=scale, axis=ticks)
    y = alt.Y("value:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title=None, values=[0, 0.5, 1]))
    detail = ["encoder:N", "direction:N"]
    base = alt.Chart(inline(rows.drop(columns=["family", "imperceptible"])))
    tooltip = [
        alt.Tooltip("encoder:N"),
        alt.Tooltip("perturbation:N"),
        alt.Tooltip("value:Q", title="still nearest", format=".2f"),
        alt.Tooltip("low:Q", format=".2f"),
        alt.Tooltip("high:Q", format=".2f"),
    ]
    ribbon = base.mark_area(opacity=0.13).encode(
        x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour(results), detail=detail
    )
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colour(results), strokeDash=dash(results), detail=detail
    )
    shape = alt.Shape("direction:N", scale=_shapes(axis), legend=None)
    point = base.mark_point(filled=True, size=34, opacity=1).encode(
        x=x, y=y, color=colour(results), shape=shape, tooltip=tooltip
    )
    behind = alt.Chart(inline(sound.drop(columns=["family", "imperceptible"])))
    grey = behind.mark_line(strokeWidth=6, opacity=0.4, color=SOUND).encode(x=x, y=y, detail=detail, tooltip=tooltip)
    layers = [*_band(rows, domain, axis, x), *([grey] if len(sound) else []), ribbon, line, point]
    name = _NAMES.get(family, str(family).capitalize())
    return alt.layer(*layers).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT, title=text(name))


def _shapes(axis: _Axis) -> alt.Scale:
    if axis.directions is None:
        return alt.Scale(domain=[""], range=["circle"])
    return alt.Scale(domain=list(axis.directions), range=["triangle-down", "triangle-up"])


def _title(axis: _Axis) -> str:
    if axis.directions is None:
        return axis.title
    return f"{axis.title}, ▼ {axis.directions[0]} and ▲ {axis.directions[1]}"


def _domain(x: np.ndarray, axis: _Axis) -> tuple[float, float]:
    """From the mild end to the grave one, with a little room at both."""
    low, high = float(x.min()), float(x.max())
    if axis.logarithmic:
        room = (high / low) ** _ROOM if high > low else 1.5
        low, high = low / room, high * room
    else:
        room = (high - low) * _ROOM if high > low else 1.0
        low, high = low - room, high + room
    return (high, low) if axis.reverse else (low, high)


def _ticks(x: pd.Series, axis: _Axis) -> list[float]:
    """Some of the steps themselves, far enough from each other to be read."""
    steps = np.unique(x.to_numpy(float))
    place = np.log(steps) if axis.logarithmic else steps
    chosen = [0]
    for k in range(1, len(steps)):
        if place[k] - place[chosen[-1]] >= (place[-1] - place[0]) / 5.5:
            chosen.append(k)
    return [round(float(step), 2) for step in steps[chosen]]


def _band(rows: pd.DataFrame, domain: tuple[float, float], axis: _Axis, x: alt.X) -> list[Any]:
    """From the mild end of the axis to the gravest step that people hardly hear."""
    mild = rows[rows["imperceptible"].astype(bool)]["x"]
    if mild.empty:
        return []
    edge = mild.min() if axis.reverse else mild.max()
    # Half a room further, so that the step itself lies within.
    share = _ROOM / 2
    other = domain[1]
    reach = edge * (other / edge) ** share if axis.logarithmic else edge + (other - edge) * share
    band = alt.Chart(inline(pd.DataFrame({"x": [float(domain[0])], "end": [float(reach)]})))
    return [band.mark_rect(color=MILD, opacity=0.12).encode(x=x, x2="end:Q")]


def _moved(results: Sequence[Result]) -> pd.DataFrame:
    parts = []
    for result in results:
        table = result.table
        rows = table[(table["measure"] == "moved") & (table["distance"] == DISTANCE)]
        family = rows["family"].map(lambda name: _NAMES.get(name, str(name).capitalize()) if name else "All of them")
        parts.append(rows[["value", "low", "high", "n"]].assign(encoder=name_of(result), family=family.map(text)))
    return pd.concat(parts, ignore_index=True)


def _dots(results: Sequence[Result], rows: pd.DataFrame) -> Any:
    order = list(dict.fromkeys(rows["family"]))
    encoders = list(dict.fromkeys(rows["encoder"]))
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("family:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("encoder:N", sort=encoders),
        color=colour(results),
    )
    x = alt.X("value:Q", title="share of clips moved", axis=alt.Axis(format="%"), scale=alt.Scale(domainMin=0))
    tooltip = [
        alt.Tooltip("encoder:N"),
        alt.Tooltip("family:N", title="changes"),
        alt.Tooltip("value:Q", title="moved", format=".1%"),
        alt.Tooltip("low:Q", format=".1%"),
        alt.Tooltip("high:Q", format=".1%"),
    ]
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q")
    point = base.mark_point(filled=True, size=55, opacity=1).encode(x=x, tooltip=tooltip)
    height = len(order) * (12 * len(encoders) + 12)
    return alt.layer(interval, point).properties(width=420, height=height)


def _summary(results: Sequence[Result]) -> str:
    """The headline numbers, for the description."""
    said = []
    for result in results:
        table = result.table
        rows = table[(table["measure"] == "moved") & (table["distance"] == DISTANCE) & (table["family"] == "")]
        said += [f"{name_of(result)}: {value:.0%} moved by hardly audible changes" for value in rows["value"]]
    return "; ".join(said) + "." if said else ""
