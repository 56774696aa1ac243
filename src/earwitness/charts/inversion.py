"""Pictures of inversion: how the loss fell, where the sounds lie among real clips, and what they look like."""

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.charts.theme import (
    GREYS,
    INK,
    OKABE_ITO,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    SOFT,
    Result,
    audited,
    finished,
    in_order,
    inline,
    name_of,
    text,
)

MOST_TICKS = 300
"""Real clips drawn in a row at most; of more, some from the nearest to the farthest."""

_STARTS, _OTHERS = OKABE_ITO[0], OKABE_ITO[1]
# Dark to bright, evenly in lightness: black, violet, red, orange, pale yellow.
_SHADES = ((0, 0, 4), (60, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))


class Inverted(Result, Protocol):
    """A result with loss curves and spectrograms."""

    @property
    def details(self) -> dict[str, Any]:
        """`curves`, `titles` and `spectrograms` by run."""


def charts(results: Sequence[Inverted]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the inversion audit, one an encoder.
    """
    made: dict[str, Any] = {}
    for result in audited(in_order(results)):
        name = text(name_of(result))
        made[f"Where the sounds made for {name} lie among real clips"] = _strip(result)
        made[f"How the loss fell in {name}"] = _curves(result)
        for run, record in result.details["spectrograms"].items():
            title = text(result.details["titles"][run])
            made[f"Spectrogram of the sound {title} ({name})"] = _spectrogram(record, title)
    return made


def _level(result: Inverted, measure: str, run: str) -> float:
    rows = result.table[(result.table["measure"] == measure) & (result.table["run"] == run)]
    return float(rows["value"].iloc[0])


def _panels(result: Inverted) -> dict[str, list[str]]:
    """Runs by the run that shares their target: starts and penalties lie in the panel of the first."""
    runs = list(result.details["curves"])
    first = runs[0]
    found: dict[str, list[str]] = {}
    for run in runs:
        mine = first if run == "regularised" or run.startswith(f"{first}-") else run
        found.setdefault(mine, []).append(run)
    return found


def _curves(result: Inverted) -> Any:
    """The loss over the steps, beside the losses of real clips as lines."""
    by_lead = _panels(result)
    penalised = any("regularised" in runs for runs in by_lead.values())
    panels = [_panel(result, lead, runs, penalised) for lead, runs in by_lead.items()]
    ends = "; ".join(
        f"{text(title)}: {_level(result, 'loss', run):.2g}" for run, title in result.details["titles"].items()
    )
    description = (
        f"The loss of the sounds made for {name_of(result)} at each step, with the loss of a random and of the nearest "
        f"real clip as lines. At the end, {ends}."
    )
    return finished(alt.concat(*panels, columns=2), description)


def _panel(result: Inverted, lead: str, runs: Sequence[str], legend: bool) -> Any:
    rows = pd.concat([pd.DataFrame(result.details["curves"][run]).assign(run=run) for run in runs], ignore_index=True)
    rows["kind"] = ["with penalties" if run == "regularised" else "made of noise" for run in rows["run"]]
    rows["loss"] = rows["loss"].clip(lower=1e-12)
    levels = pd.DataFrame(
        {
            "loss": [_level(result, "random clip's loss", lead), _level(result, "nearest clip's loss", lead)],
            "what": ["random real clip", "nearest real clip"],
        }
    )
    levels["step"] = float(rows["step"].max())
    scale = alt.Scale(type="log", nice=False)
    x = alt.X("step:Q", title="step", scale=scale, axis=alt.Axis(grid=False, tickCount=5, format="~s"))
    y = alt.Y("loss:Q", title="loss", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=4, format="~g"))
    # All panels say the same of the legend that they share.
    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=["made of noise", "with penalties"], range=[_STARTS, _OTHERS]),
        legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=2) if legend else None,
    )
    lines = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1.6)
        .encode(x=x, y=y, color=colour, detail="run:N", tooltip=["run:N", "step:Q", "loss:Q"])
    )
    marked = alt.Chart(inline(levels))
    rules = marked.mark_rule(strokeDash=[4, 3], color=SOFT).encode(y=y)
    place: dict[str, Any] = {"align": "right", "dy": -7, "fontSize": 10}
    halo = marked.mark_text(**place, stroke="#ffffff", strokeWidth=4).encode(x=x, y=y, text="what:N")
    names = marked.mark_text(**place, color=INK).encode(x=x, y=y, text="what:N")
    title = text(result.details["titles"][lead]).removeprefix("made for ")
    return alt.layer(rules, lines, halo, names).properties(
        width=PANEL_WIDTH + 40, height=PANEL_HEIGHT, title=alt.TitleParams(title, limit=PANEL_WIDTH + 60, fontSize=12)
    )


def _strip(result: Inverted) -> Any:
    """A row a sound: every real clip as a tick at its loss, the sound as a point."""
    parts, points = [], []
    of = str(result.parameters.get("class", ""))
    for run, rows in result.items.groupby("run", sort=False):
        title = text(rows["sound"].iloc[0]).removeprefix("made for ")
        real = rows[~rows["target"].astype(bool)]
        mean = float(real["loss"].mean())
        places = np.unique(np.linspace(0, len(real) - 1, min(len(real), MOST_TICKS)).round().astype(int))
        shown = real.sort_values("loss", kind="stable").iloc[places]
        kind = np.where((shown["label"] == of) & (of != ""), f"real clips of “{text(of)}”", "other real clips")
        parts.append(
            pd.DataFrame(
                {"row": title, "relative": shown["loss"] / mean, "clip": shown["clip"].map(text), "kind": kind}
            )
        )
        loss = float(rows["sound_loss"].iloc[0])
        share = float((real["loss"] < loss).mean() + 0.5 * (real["loss"] == loss).mean())
        points.append({"row": title, "relative": loss / mean, "nearer": share, "run": run})
    ticks, sounds = pd.concat(parts, ignore_index=True), pd.DataFrame(points)
    for frame in (ticks, sounds):
        frame["relative"] = frame["relative"].clip(lower=1e-6)
    order = list(dict.fromkeys(sounds["row"]))
    x = alt.X(
        "relative:Q",
        title="loss over that of a random real clip (left: nearer to the target)",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="~g", tickCount=6),
    )
    y = alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=260))
    kinds = [kind for kind in (f"real clips of “{text(of)}”", "other real clips") if kind in set(ticks["kind"])]
    names = ["the sound made of noise", *kinds]
    shades = {"the sound made of noise": OKABE_ITO[1], "other real clips": GREYS[1]}
    scale = alt.Scale(domain=names, range=[shades.get(name, OKABE_ITO[0]) for name in names])
    colour = alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(symbolType="circle", symbolOpacity=1))
    clip = alt.Tooltip("clip:N")
    drawn = (
        alt.Chart(inline(ticks))
        .mark_tick(thickness=1, size=16, opacity=0.55)
        .encode(x=x, y=y, color=colour, tooltip=[clip, alt.Tooltip("relative:Q", format=".3g")])
    )
    nearer = alt.Tooltip("nearer:Q", title="real clips nearer", format=".1%")
    point = (
        alt.Chart(inline(sounds.assign(kind="the sound made of noise")))
        .mark_point(filled=True, size=110, opacity=1, shape="diamond", stroke="#ffffff")
        .encode(x=x, y=y, color=colour, tooltip=["row:N", alt.Tooltip("relative:Q", format=".3g"), nearer])
    )
    said = "; ".join(f"{p['row']}: {p['nearer']:.0%} of real clips nearer" for p in points)
    description = f"Each sound's loss beside those of real clips, for {name_of(result)}. {said}."
    return finished(alt.layer(drawn, point).properties(width=420, height=34 * len(order)), description)


def _spectrogram(record: dict[str, Any], title: str) -> Any:
    """A picture of time and frequency, the louder the brighter."""
    frames, bins = int(record["frames"]), int(record["bins"])
    levels = np.frombuffer(zlib.decompress(base64.b64decode(record["levels"])), np.uint8).reshape(frames, bins)
    seconds, kilohertz = float(record["seconds"]), float(record["hertz"]) / 1000
    row = pd.DataFrame({"s": [seconds / 2], "kHz": [kilohertz / 2], "picture": [_png(levels.T[::-1])]})
    loudest = f"brightest: loudest; black: {record['range_db']:.0f} dB less, or more"
    chart = (
        alt.Chart(inline(row))
        .mark_image(width=alt.expr("width"), height=alt.expr("height"), aspect=False)
        .encode(
            x=alt.X(
                "s:Q",
                title="s",
                scale=alt.Scale(domain=[0, seconds], nice=False),
                axis=alt.Axis(grid=False, tickCount=6),
            ),
            y=alt.Y(
                "kHz:Q", title="kHz", scale=alt.Scale(domain=[0, kilohertz], nice=False), axis=alt.Axis(grid=False)
            ),
            url="picture:N",
        )
        .properties(width=420, height=200, title=alt.TitleParams(loudest, fontSize=11, fontWeight="normal"))
    )
    return finished(chart, f"Spectrogram of the sound {title}, {seconds:g} s up to {kilohertz:g} kHz.")


def _png(levels: NDArray[np.uint8]) -> str:
    """Rows of levels from 0 to 255 as a PNG with the house's shades, as a data URI."""
    height, width = levels.shape
    anchors = np.array(_SHADES, np.float64)
    places = np.linspace(0, len(anchors) - 1, 256)
    shades = np.stack([np.interp(places, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), levels], axis=1)  # each begins with its filter: none

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # eight bits, with a palette
    body = chunk(b"IHDR", header) + chunk(b"PLTE", shades.round().astype(np.uint8).tobytes())
    body += chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
