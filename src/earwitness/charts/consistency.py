"""The figures of Kim (2021), chapter 4, from the tables of the robustness audit: encoders beside each other.

Each function takes the results of several encoders, controls among them, and returns an Altair chart, or None where
the results do not hold what it draws. Horizontal axes are severities: 0 is no change, pitch down and slower tempo go
to the left.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

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

FAMILIES = ("pink noise", "environmental noise", "mp3", "tempo", "pitch")
_TITLES = {
    "pitch": "semitones",
    "tempo": "octaves of tempo",
    "pink noise": "noise over signal, amplitude",
    "environmental noise": "noise over signal, amplitude",
    "mp3": "octaves below 1411 kb/s",
}
_SOUND = "#8a8a8a"


def _rows(results: Sequence[Result], measure: str, distance: str = "", reference: str = "") -> pd.DataFrame:
    """A row an encoder and perturbation, with `strength`, the signed severity."""
    parts = []
    for result in reversed(in_order(results)):
        table = result.table
        keep = (table["measure"] == measure) & (table["severity"] > 0) & (table["distance"] == distance)
        if "reference" in table:
            keep &= table["reference"] == reference
        elif reference:
            keep &= False
        parts.append(table[keep].assign(encoder=name_of(result)))
    found = pd.concat(parts, ignore_index=True)
    magnitude = found["magnitude"].to_numpy(float)
    down = ((found["family"] == "pitch") & (magnitude < 0)) | ((found["family"] == "tempo") & (magnitude < 1))
    found["strength"] = np.where(down, -1, 1) * found["severity"].to_numpy(float)
    columns = ["encoder", "family", "perturbation", "strength", "value", "low", "high", "imperceptible"]
    return found[columns].sort_values("strength", kind="stable", ignore_index=True)


def _families(rows: pd.DataFrame) -> list[str]:
    there = list(dict.fromkeys(rows["family"]))
    return [name for name in FAMILIES if name in there] + [name for name in there if name not in FAMILIES]


def _curve(rows: pd.DataFrame, results: Sequence[Result], y: alt.Y, x: alt.X) -> list[Any]:
    base = alt.Chart(inline(rows)).encode(x=x, detail="encoder:N")
    tooltip = [
        alt.Tooltip("encoder:N"),
        alt.Tooltip("perturbation:N"),
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high")),
    ]
    return [
        base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q"), y2="high:Q", color=colour(results)),
        base.mark_line(strokeWidth=1.8).encode(y=y, color=colour(results), strokeDash=dash(results)),
        base.mark_point(filled=True, size=26, opacity=1).encode(y=y, color=colour(results), tooltip=tooltip),
    ]


def _panels(
    results: Sequence[Result],
    rows: pd.DataFrame,
    title: str,
    *,
    bound: pd.DataFrame | None = None,
    domain: tuple[float, float] | None = (0, 1),
    level: pd.DataFrame | None = None,
) -> list[Any]:
    """A panel a family; `bound` is drawn as a grey curve behind, `level` as a dotted line an encoder."""
    panels: list[Any] = []
    for family in _families(rows):
        mine = rows[rows["family"] == family]
        x = alt.X("strength:Q", title=_TITLES.get(family, "severity"), axis=alt.Axis(grid=False, tickCount=5))
        scale = alt.Undefined if domain is None else alt.Scale(domain=list(domain))
        y = alt.Y("value:Q", title=title if not panels else None, scale=scale, axis=alt.Axis(tickCount=4))
        layers = _band(mine)
        if bound is not None and len(bound):
            behind = alt.Chart(inline(bound[bound["family"] == family])).encode(x=x)
            layers.append(behind.mark_line(color=_SOUND, strokeWidth=5, opacity=0.45).encode(y=y))
        if level is not None and len(level):
            dotted = alt.Chart(inline(level)).mark_rule(strokeDash=[2, 3])
            layers.append(dotted.encode(y="value:Q", color=colour(results)))
        layers += _curve(mine, results, y, x)
        size = {"width": PANEL_WIDTH - 35, "height": PANEL_HEIGHT - 25}
        panels.append(alt.layer(*layers).properties(**size, title=text(str(family).replace("mp3", "MP3"))))
    return panels


def _band(rows: pd.DataFrame) -> list[Any]:
    """What people hardly hear, as a band on the axis."""
    mild = rows[rows["imperceptible"].astype(bool)]["strength"]
    if mild.empty:
        return []
    low = min(0.0, float(mild.min()))
    band = alt.Chart(inline(pd.DataFrame({"strength": [low], "end": [float(mild.max())]})))
    return [band.mark_rect(color=MILD, opacity=0.12).encode(x="strength:Q", x2="end:Q")]


def _row(panels: Sequence[Any], title: str = "") -> Any:
    made = alt.hconcat(*panels).resolve_scale(color="shared", strokeDash="shared", x="independent")
    return made.properties(title=text(title)) if title else made


def magnitudes(results: Sequence[Result]) -> Any:
    """Figure 4.3: the magnitudes of each family as dots, no change marked."""
    rows = _rows(results[:1], "consistency", "cosine")
    if rows.empty:
        return None
    panels = []
    for family in _families(rows):
        mine = alt.Chart(inline(rows[rows["family"] == family][["strength", "perturbation", "family"]]))
        zero = alt.Chart(inline(pd.DataFrame({"strength": [0.0]}))).mark_rule(strokeDash=[3, 3]).encode(x="strength:Q")
        x = alt.X("strength:Q", title=_TITLES.get(family, "severity"), axis=alt.Axis(grid=False))
        dots = mine.mark_point(filled=True, size=40, opacity=1, color="#1a1a1a").encode(x=x, tooltip="perturbation:N")
        panels.append(alt.layer(zero, dots).properties(width=460, height=22, title=text(family)))
    chart = alt.vconcat(*panels)
    return finished(chart, f"{len(rows)} magnitudes of {len(panels)} families; the dashed line is no change.")


def task_scores(results: Sequence[Result]) -> Any:
    """Figure 4.4: the task's score along each family, dotted where the sound is unchanged."""
    rows = _rows(results, "task score")
    if rows.empty:
        return None
    still = [
        result.table[(result.table["measure"] == "task score") & (result.table["perturbation"] == "")]
        .head(1)[["value"]]
        .assign(encoder=name_of(result))
        for result in results
    ]
    label = next((str(r.parameters["label"]) for r in results if r.parameters.get("label")), "task")
    panels = _panels(results, rows, f"score of {label}", domain=None, level=pd.concat(still))
    return finished(_row(panels), f"Score of {label} on changed clips, by a probe learnt from unchanged ones.")


def sound_consistency(results: Sequence[Result]) -> Any:
    """Figure 4.6: consistency in sound, a colour a reference."""
    names = _references(results)
    parts = [_rows(results[:1], "consistency in sound", "", name).assign(encoder=name) for name in names]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if rows.empty:
        return None
    references = [_Named(name, results[0]) for name in names]
    panels = _panels(references, rows, "consistency in sound")
    return finished(_row(panels), "Share of changed clips whose own original is the nearest in sound, by reference.")


class _Named:
    """A reference in the place of an encoder, so that it gets a colour."""

    def __init__(self, name: str, like: Result) -> None:
        self.encoder, self.table, self.items = name, like.table, like.items
        self.parameters: dict[str, Any] = {}


def _references(results: Sequence[Result]) -> list[str]:
    table = results[0].table
    if "reference" not in table:
        return []
    return list(dict.fromkeys(table[table["measure"] == "consistency in sound"]["reference"]))


def consistency(results: Sequence[Result], *, distance: str = "cosine") -> Any:
    """Figure 4.7: consistency in the embedding, with that in sound behind it in grey as a weak upper bound."""
    rows = _rows(results, "consistency", distance)
    if rows.empty:
        return None
    names = _references(results)
    bound = _rows(results[:1], "consistency in sound", "", names[0]) if names else None
    panels = _panels(results, rows, "consistency", bound=bound)
    grey = f" The broad grey curve is consistency in sound ({names[0]})." if names else ""
    return finished(_row(panels), f"Share of changed clips nearest to their own original ({distance} distance).{grey}")


def between(results: Sequence[Result], reference: str, *, distance: str = "cosine") -> Any:
    """Figure 4.10: agreement with sound, and rank correlation with it."""
    made = []
    for measure, domain in (("agreement", (0.0, 1.0)), ("rank correlation", (-0.25, 1.0))):
        rows = _rows(results, measure, distance, reference)
        if len(rows):
            made.append(_row(_panels(results, rows, measure, domain=domain)))
    if not made:
        return None
    chart = alt.vconcat(*made).resolve_scale(color="shared")
    return finished(
        chart, f"Agreement and rank correlation of {distance} distances with distances in sound, {reference}."
    )


def smallest(results: Sequence[Result], reference: str, *, distance: str = "cosine") -> Any:
    """Figure 4.12: the measures under the smallest changes, a row a change."""
    measures = {"consistency": "", "agreement": reference, "rank correlation": reference}
    parts = []
    for measure, name in measures.items():
        rows = _rows(results, measure, distance, name)
        parts.append(rows[rows["imperceptible"].astype(bool)].assign(measure=measure))
    rows = pd.concat(parts, ignore_index=True)
    return None if rows.empty else finished(_dots(results, rows, "perturbation"), "The smallest changes, by encoder.")


def originals(results: Sequence[Result], *, distance: str = "cosine") -> Any:
    """Figure 4.13: rank correlation of distances between originals, a row a reference."""
    parts = []
    for result in results:
        table = result.table
        keep = (table["measure"] == "rank correlation of originals") & (table["distance"] == distance)
        parts.append(table[keep].assign(encoder=name_of(result)))
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return None
    rows["measure"] = "rank correlation of originals"
    return finished(_dots(results, rows, "reference"), "Rank correlation of distances in sound and in the embedding.")


def rankings(table: pd.DataFrame, results: Sequence[Result], measure: str, *, distance: str = "cosine") -> Any:
    """The encoders under each reference, by an averaged measure.

    Parameters
    ----------
    table
        From `earwitness.audits.consistency.ranking`.
    results
        Of which it was made, for names and colours.
    measure
        "mean agreement" or "mean rank correlation".
    """
    names = {result.encoder: name_of(result) for result in results}
    rows = table[(table["measure"] == measure) & (table["distance"] == distance)]
    rows = rows.assign(encoder=rows["encoder"].map(names))
    return None if rows.empty else finished(_dots(results, rows, "reference"), f"{measure} by reference in sound.")


def _dots(results: Sequence[Result], rows: pd.DataFrame, category: str) -> Any:
    """Points with intervals: a panel a measure, a line a category and encoder."""
    panels = []
    order = [name_of(result) for result in in_order(results)]
    for measure in dict.fromkeys(rows["measure"]):
        mine = rows[rows["measure"] == measure][[category, "encoder", "value", "low", "high"]]
        base = alt.Chart(inline(mine)).encode(
            y=alt.Y(f"{category}:N", sort=None, title=None),
            yOffset=alt.YOffset("encoder:N", sort=order),
            color=colour(results),
        )
        point = base.mark_point(filled=True, size=45, opacity=1).encode(
            x=alt.X("value:Q", title=text(measure)),
            tooltip=[f"{category}:N", "encoder:N", "value:Q", "low:Q", "high:Q"],
        )
        layers = alt.layer(base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q"), point)
        panels.append(layers.properties(width=PANEL_WIDTH, height=alt.Step(9)))
    return alt.hconcat(*panels).resolve_scale(y="shared", color="shared")
