"""How every picture looks, and how it is saved.

Colours are those of Okabe and Ito, which people with any colour vision tell apart, in an order that keeps 3:1 against
white as long as it can; controls are grey and dashed, so that they never pass for one more encoder. Text is dark on a
white card (contrast above 7:1); a dark page changes the `config`, which holds these colours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import altair as alt
import pandas as pd

from earwitness.errors import InputError

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C7A00")
GREYS = ("#5f5f5f", "#929292", "#767676", "#a8a8a8")
MILD = "#009E73"
INK, SOFT, LINE = "#1a1a1a", "#555555", "#e4e4e4"

FORMATS = (".png", ".svg", ".pdf", ".html", ".json")
PANEL_WIDTH, PANEL_HEIGHT = 215, 165
"""One panel of a row, in pixels: a phone shows one beside the axis, a page three or more."""


# Whole colours, where a pale ribbon would make pale symbols.
_LEGEND = alt.Legend(symbolOpacity=1, symbolType="circle", symbolSize=90)


class Result(Protocol):
    """What a chart needs to know of an audit's result."""

    @property
    def encoder(self) -> str:
        """Name of what was audited."""

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table."""

    @property
    def items(self) -> pd.DataFrame:
        """Per-clip scores."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Options, `role` among them."""


Kind = TypeVar("Kind", bound=Result)


@dataclass(frozen=True)
class Series:
    """One encoder in all pictures: its name, colour and dashes."""

    name: str
    colour: str
    dash: tuple[int, int]


def is_control(result: Result) -> bool:
    """Whether this is one of the encoders that know little."""
    return result.parameters.get("role") == "control"


def audited(results: Sequence[Kind]) -> list[Kind]:
    """The results that are not controls; where there are only controls, all of them."""
    return [result for result in results if not is_control(result)] or list(results)


def name_of(result: Result) -> str:
    """The encoder as legends call it."""
    return f"{result.encoder} (control)" if is_control(result) else result.encoder


def series(results: Sequence[Result]) -> list[Series]:
    """Audited encoders first, in colour; then the controls, grey and dashed."""
    found = []
    for k, name in enumerate(dict.fromkeys(name_of(r) for r in results if not is_control(r))):
        found.append(Series(name, OKABE_ITO[k % len(OKABE_ITO)], (1, 0)))
    for k, name in enumerate(dict.fromkeys(name_of(r) for r in results if is_control(r))):
        found.append(Series(name, GREYS[k % len(GREYS)], (5, 3) if k % 2 == 0 else (2, 2)))
    return found


def colour(results: Sequence[Result], *, legend: bool = True) -> alt.Color:
    """The colour channel of a column `encoder`."""
    all_series = series(results)
    scale = alt.Scale(domain=[one.name for one in all_series], range=[one.colour for one in all_series])
    return alt.Color("encoder:N", scale=scale, title=None, legend=_LEGEND if legend else None)


def dash(results: Sequence[Result]) -> alt.StrokeDash:
    """The dashes of a column `encoder`; they share the legend of `colour`."""
    all_series = series(results)
    scale = alt.Scale(domain=[one.name for one in all_series], range=[list(one.dash) for one in all_series])
    return alt.StrokeDash("encoder:N", scale=scale, title=None, legend=_LEGEND)


def in_order(results: Sequence[Kind]) -> list[Kind]:
    """Audited encoders first, then the controls."""
    return sorted(results, key=is_control)


def inline(rows: pd.DataFrame) -> alt.InlineData:
    """The data inside the chart: only the columns that are there, four significant digits, null for what is missing."""
    return alt.InlineData(values=[{str(k): _cell(v) for k, v in row.items()} for row in rows.to_dict("records")])


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def text(value: Any) -> str:
    """Any label as one line: a line break would tear an axis apart."""
    return " ".join(str(value).split())


def remark(said: str) -> alt.TitleParams:
    """A line above a chart, smaller than a title, that says how to read it."""
    return alt.TitleParams(said, fontSize=11, fontWeight="normal", color=SOFT)


def finished(chart: Any, description: str) -> Any:
    """The chart with the house's look, and a description that is read aloud to who cannot see it."""
    font = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
    return (
        chart.properties(description=description, background="#ffffff")
        .configure(font=font, padding=6)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT,
            titleColor=INK,
            gridColor=LINE,
            domainColor=SOFT,
            tickColor=SOFT,
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=160,
        )
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=12, orient="top", labelLimit=220, columns=4)
        .configure_title(color=INK, subtitleColor=SOFT, fontSize=13, subtitleFontSize=11, anchor="start", offset=8)
        .configure_concat(spacing=24)
    )


def save(chart: Any, path: str | Path) -> None:
    """Save a chart as the format that the file's name ends in.

    Parameters
    ----------
    chart
        Any Altair chart.
    path
        Ends in .png (twice the size on screen), .svg, .pdf, .html (interactive, one file, no network) or .json
        (Vega-Lite).

    Raises
    ------
    InputError
        If the name ends in something else.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"a chart cannot be saved as {Path(path).name!r}: let the name end in {', '.join(FORMATS)}")
    options: dict[str, Any] = {"inline": True} if suffix == ".html" else {}
    with alt.data_transformers.enable("default", max_rows=None):
        chart.save(str(path), format=suffix[1:], scale_factor=2 if suffix == ".png" else 1, **options)
