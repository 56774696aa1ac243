"""Pictures of statistical results: effects with intervals, marginal means, smooths with bands, alias matrices.

Tables in, charts out: each function takes a plain table with the columns it names and returns an Altair chart.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import OKABE_ITO, SOFT, finished

# Whole colours, where a pale band would make pale symbols.
_WHOLE = alt.Legend(symbolOpacity=1)


def effects(
    table: pd.DataFrame, *, label: str = "term", value: str = "estimate", title: str = "effect"
) -> alt.TopLevelMixin:
    """Each effect as a point with its interval, on a common axis with zero marked.

    Parameters
    ----------
    table
        One effect a row: `label`, `value`, low, high.
    label
        Column that names the effects; rows keep the table's order.
    value
        Column of estimates.
    title
        What the axis measures, with its unit.
    """
    y = alt.Y(f"{_safe(label)}:N", sort=None, title=None)
    points = alt.Chart(table).encode(y=y)
    chart = alt.layer(
        alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[3, 3], color=SOFT).encode(x="zero:Q"),
        points.mark_rule(strokeWidth=2, color=OKABE_ITO[0]).encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        points.mark_point(filled=True, size=60, opacity=1, color=OKABE_ITO[0]).encode(
            x=f"{_safe(value)}:Q", tooltip=_tooltip(table, [label, value, "low", "high", "p", "n"])
        ),
    )
    return finished(chart, f"{len(table)} effects with their intervals; the dashed line is no effect.")


def marginal_means(
    table: pd.DataFrame, factors: Sequence[str], *, value: str = "estimate", title: str = "marginal mean"
) -> alt.TopLevelMixin:
    """Marginal means with intervals: the first factor along the axis, the second in colours side by side.

    Parameters
    ----------
    table
        One cell a row: the factors, `value`, low, high.
    factors
        One or two columns; the first may be numeric, and then its means are joined by lines.
    value, title
        As in `effects`.
    """
    first, *rest = factors
    numeric = pd.api.types.is_numeric_dtype(table[first].dtype)
    channels: dict[str, Any] = {"x": alt.X(f"{_safe(first)}:{'Q' if numeric else 'N'}", sort=None, title=first)}
    if rest:
        channels["color"] = _colour(rest[0])
        if not numeric:
            channels["xOffset"] = alt.XOffset(f"{_safe(rest[0])}:N", sort=None)
    base = alt.Chart(table).encode(**channels)
    layers = [
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=False)), y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            y=f"{_safe(value)}:Q", tooltip=_tooltip(table, [*factors, value, "low", "high", "n"])
        ),
    ]
    lines = [base.mark_line().encode(y=f"{_safe(value)}:Q")] if numeric else []
    return finished(alt.layer(*layers, *lines), f"Marginal means by {' and '.join(factors)}, with their intervals.")


def smooths(
    table: pd.DataFrame, covariate: str, by: Sequence[str] = (), *, value: str = "estimate", title: str = "response"
) -> alt.TopLevelMixin:
    """Curves with bands: the last factor in panels (each with its own axis), the one before it in colours.

    Parameters
    ----------
    table
        One point of one curve a row: `covariate`, the factors, `value`, low, high.
    covariate
        Column along the axis.
    by
        Up to three factors: columns of panels last, rows of panels first of three.
    value, title
        As in `effects`.
    """
    channels: dict[str, Any] = {"x": alt.X(f"{_safe(covariate)}:Q", title=covariate)}
    rows, colour, panel = (*(None,) * (3 - len(by)), *by) if len(by) != 1 else (None, by[0], None)
    if colour:
        channels["color"] = _colour(colour)
    base = alt.Chart().encode(**channels)
    chart = alt.layer(
        base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line().encode(y=f"{_safe(value)}:Q"),
        data=table,
    ).properties(width=180, height=140)
    description = f"Curves over {covariate}{' by ' + ', '.join(by) if by else ''}, with bands."
    if panel is None:
        return finished(chart, description)
    facets: dict[str, Any] = {"column": alt.Column(f"{_safe(panel)}:N", sort=None, title=panel)}
    if rows:
        facets["row"] = alt.Row(f"{_safe(rows)}:N", sort=None, title=rows)
    return finished(chart.facet(**facets).resolve_scale(x="independent"), description)


def alias_matrix(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Coefficients of an alias matrix as coloured squares, blue negative and orange positive.

    Parameters
    ----------
    table
        Long form: effect, alias, coefficient.
    """
    extent = max(float(table["coefficient"].abs().max()), 1e-9)
    base = alt.Chart(table).encode(
        x=alt.X("alias:N", sort=None, title="left out of the model"),
        y=alt.Y("effect:N", sort=None, title="in the model"),
    )
    colour = alt.Color("coefficient:Q", scale=alt.Scale(scheme="blueorange", domain=[-extent, extent]))
    chart = alt.layer(
        base.mark_rect().encode(color=colour, tooltip=["effect", "alias", alt.Tooltip("coefficient:Q", format=".3f")]),
        base.transform_filter("abs(datum.coefficient) >= 0.005")
        .mark_text(fontSize=9)
        .encode(text=alt.Text("coefficient:Q", format=".2f")),
    ).properties(width=alt.Step(30))  # wide enough for the numbers
    return finished(chart, f"Alias matrix; the largest coefficient is {extent:.2f} in size.")


def _colour(name: str) -> alt.Color:
    return alt.Color(f"{_safe(name)}:N", sort=None, title=name, legend=_WHOLE, scale=alt.Scale(range=list(OKABE_ITO)))


def _safe(name: str) -> str:
    """A column name in Vega-Lite's field syntax, where dots, brackets and colons have meanings of their own."""
    return "".join(f"\\{character}" if character in ".[]:" else character for character in name)


def _tooltip(table: pd.DataFrame, names: Sequence[str]) -> list[alt.Tooltip]:
    kinds = {name: "Q" if pd.api.types.is_numeric_dtype(table[name].dtype) else "N" for name in names if name in table}
    options: dict[str, dict[str, Any]] = {"Q": {"format": ".3f"}, "N": {}}
    return [alt.Tooltip(f"{_safe(name)}:{kind}", title=name, **options[kind]) for name, kind in kinds.items()]
