"""Pictures of the experiment on learning sources: Figures 2.7 to 2.15 of Kim (2021), in the thesis' layout.

Scores of runs lie in the `items` of the result, effects, shares and baselines in its `table`, the alias matrix of the
design in its `details`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.statistics import alias_matrix
from earwitness.charts.theme import GREYS, OKABE_ITO, SOFT, Result, finished, inline, remark, text

ORDER = ("ss-r", "ms-sr@fc", "ms-cr@6", "ms-cr@4", "ms-cr@2", "mss-cr")
"""Strategies from the smallest network to the largest."""

_SINGLE = ORDER[0]
_PANEL, _HEIGHT, _COLUMNS = 210, 170, 3
_BASELINES = 4  # lines in a panel at most
_HOLLOW = "hollow points: no interval could be given"


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title."""
    return {title: draw() for title, draw in drawings(results[0]).values()}


def drawings(result: Result) -> dict[str, tuple[str, Callable[[], Any]]]:
    """By the name of the thesis' figure: a title, and what draws it."""
    items, table = result.items, result.table
    made: dict[str, tuple[str, Callable[[], Any]]] = {
        "2.08": ("Networks of one source, source by source", lambda: single_sources(items, table)),
        "2.09": ("Every strategy on every target", lambda: strategies(items, table)),
        "2.10": ("Standardised score over the number of sources", lambda: against_number(items)),
        "2.11": ("What the strategy and each further source do", lambda: strategy_effects(table)),
        "2.12": ("What size and number of sources do", lambda: size_effects(table)),
        "2.13": ("With and without the best single source", lambda: without_best(items)),
        "2.14": ("Shares of variance against scores of single sources", lambda: shares_and_scores(items, table)),
        "2.15": ("Parameters over the number of sources", lambda: parameters(items)),
    }
    aliases = getattr(result, "details", {}).get("aliases")
    if aliases:
        first = {"2.07": ("What the design cannot tell apart", lambda: alias_matrix(pd.DataFrame(aliases)))}
        made = first | made
    return made


def _named(strategy: str) -> str:
    return strategy.upper()


def _present(items: pd.DataFrame) -> list[str]:
    return [_named(name) for name in ORDER if name in set(items["strategy"])]


def _colours(names: Sequence[str], **options: Any) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=[OKABE_ITO[k % len(OKABE_ITO)] for k in range(len(names))])
    return alt.Color("strategy:N", scale=scale, title=None, **options)


def _baseline_lines(table: pd.DataFrame, target: str) -> Any:
    """A dashed rule for each baseline of one network, and the range of the untrained ones."""
    rows = table[(table["measure"] == "baseline") & (table["target"] == target)]
    rows = rows[~rows["baseline"].str.contains(" x ")].head(_BASELINES)
    names = list(dict.fromkeys(rows["baseline"]))
    scale = alt.Scale(domain=names, range=list(GREYS[: len(names)]))
    dashes = alt.Scale(domain=names, range=[[6, 3], [2, 2], [8, 2, 2, 2], [1, 3]][: len(names)])
    # A symbol as long as two dashes, so that the patterns are told apart.
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2, symbolSize=1200)
    return (
        alt.Chart(inline(rows[["baseline", "value", "low", "high"]]))
        .mark_rule(strokeWidth=2)
        .encode(
            y="value:Q",
            stroke=alt.Stroke("baseline:N", scale=scale, legend=legend, title=None),
            strokeDash=alt.StrokeDash("baseline:N", scale=dashes, legend=legend, title=None),
            tooltip=["baseline:N", alt.Tooltip("value:Q", format=".3f")],
        )
    )


def _counts(numbers: pd.Series, title: str = "sources") -> alt.X:
    """An axis of numbers of sources with room at both ends, so that no point lies on its frame."""
    low, high = int(numbers.min()), int(numbers.max())
    axis = alt.Axis(values=list(range(low, high + 1)), format="d", labelFlush=False)
    return alt.X("n:Q", title=title, axis=axis, scale=alt.Scale(domain=[low - 0.3, high + 0.3], nice=False))


def _by_target(items: pd.DataFrame, panel: Callable[[str, pd.DataFrame], Any], description: str) -> Any:
    targets = list(dict.fromkeys(items["target"]))
    panels = [
        panel(target, items[items["target"] == target]).properties(
            width=_PANEL, height=_HEIGHT, title=alt.TitleParams(text(target), frame="group")
        )
        for target in targets
    ]
    # Flush: panels stand in line however wide the numbers on their axes are.
    grid = alt.concat(*panels, columns=_COLUMNS, bounds="flush", spacing={"row": 110, "column": 64})
    return finished(grid, description)


def single_sources(items: pd.DataFrame, table: pd.DataFrame) -> Any:
    """Figure 2.8: each network of one source as a point, target by target, baselines as lines."""
    alone = items[items["strategy"] == _SINGLE]
    order = list(dict.fromkeys(alone["sources"]))

    def panel(target: str, rows: pd.DataFrame) -> Any:
        scale = alt.Scale(zero=False, nice=True)
        points = (
            alt.Chart(inline(rows[["sources", "score", "low", "high"]]))
            .mark_point(filled=True, size=50, opacity=0.8, color=OKABE_ITO[0])
            .encode(
                x=alt.X("sources:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45)),
                y=alt.Y("score:Q", title=str(rows["measure"].iloc[0]), scale=scale),
                tooltip=["sources:N", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("score", "low", "high"))],
            )
        )
        return alt.layer(_baseline_lines(table, target), points)

    said = alone.groupby("sources", sort=False)["y"].mean()
    best = "; ".join(f"{name} {value:+.2f}" for name, value in said.items())
    return _by_target(alone, panel, f"Scores of networks of one source. Mean standardised scores: {best}.")


def strategies(items: pd.DataFrame, table: pd.DataFrame) -> Any:
    """Figure 2.9: box plots of the runs of each strategy, target by target, baselines as lines."""
    order = _present(items)

    def panel(target: str, rows: pd.DataFrame) -> Any:
        shown = rows.assign(strategy=rows["strategy"].map(_named))[["strategy", "score", "n"]]
        boxes = (
            alt.Chart(inline(shown))
            .mark_boxplot(size=18, extent="min-max")
            .encode(
                x=alt.X("strategy:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45)),
                y=alt.Y("score:Q", title=str(rows["measure"].iloc[0]), scale=alt.Scale(zero=False, nice=True)),
                color=_colours(order, legend=None),
            )
        )
        return alt.layer(_baseline_lines(table, target), boxes)

    said = items.groupby("strategy")["y"].mean().sort_values()
    means = "; ".join(f"{_named(str(name))} {value:+.2f}" for name, value in said.items())
    return _by_target(
        items, panel, f"Scores of runs by strategy; boxes are quartiles. Mean standardised scores: {means}."
    )


def against_number(items: pd.DataFrame) -> Any:
    """Figure 2.10: standardised scores over the number of sources, a line for each strategy; one source as a rule."""
    order = [name for name in _present(items) if name != _named(_SINGLE)]
    level = items[items["strategy"] == _SINGLE]["y"].mean()
    several = items[items["strategy"] != _SINGLE]
    panels = []
    for name in order:
        rows = several[several["strategy"].map(_named) == name]
        base = alt.Chart(inline(rows[["n", "y", "target", "sources"]])).encode(
            x=_counts(several["n"]),
            y=alt.Y("y:Q", title="standardised score"),
        )
        points = base.mark_point(filled=True, size=22, opacity=0.35, color=OKABE_ITO[0]).encode(
            tooltip=["sources:N", "target:N", alt.Tooltip("y:Q", format=".2f")]
        )
        fit = base.transform_regression("n", "y").mark_line(strokeWidth=2.5, color=OKABE_ITO[1])
        rule = alt.Chart(inline(pd.DataFrame({"y": [level]}))).mark_rule(strokeDash=[5, 3], color=SOFT).encode(y="y:Q")
        layers = [rule, points, fit] if len(set(rows["n"])) > 1 else [rule, points]
        panels.append(alt.layer(*layers).properties(width=_PANEL, height=_HEIGHT, title=name))
    grid = alt.concat(*panels, columns=_COLUMNS).resolve_scale(y="shared", x="shared")
    return finished(grid, "Standardised scores over the number of sources; the dashed line is the mean of one source.")


def strategy_effects(table: pd.DataFrame) -> Any:
    """Figure 2.11: intercepts and slopes of the first model, with intervals."""
    panels = []
    there = set(table[table["measure"] == "intercept"]["strategy"])
    order = [_named(name) for name in ORDER if name in there]
    for measure, title in (("intercept", "standardised score, simplest case"), ("slope", "change a further source")):
        rows = table[table["measure"] == measure]
        rows = rows.assign(strategy=rows["strategy"].map(_named))[["strategy", "value", "low", "high"]]
        panels.append(_interval_points(rows, "strategy", order, title))
    return finished(
        alt.hconcat(*panels), f"Fixed effects of the first model with 95 % intervals; {_HOLLOW}. {_said(table)}"
    )


def _said(table: pd.DataFrame) -> str:
    rows = table[table["measure"] == "intercept"]
    return "; ".join(f"{_named(str(s))} {v:+.2f}" for s, v in zip(rows["strategy"], rows["value"], strict=True)) + "."


def _interval_points(rows: pd.DataFrame, label: str, order: Sequence[str], title: str) -> Any:
    # Every name has its row in all panels; a point that has no interval is hollow, lest it pass for a sure one.
    rows = rows.assign(inside=np.where(rows["low"].notna(), OKABE_ITO[0], "#ffffff"))
    y = alt.Y(f"{label}:N", scale=alt.Scale(domain=list(order)), title=None)
    base = alt.Chart(inline(rows)).encode(y=y)
    zero = alt.Chart(inline(pd.DataFrame({"zero": [0.0]}))).mark_rule(strokeDash=[3, 3], color=SOFT)
    tips = [f"{label}:N", *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("value", "low", "high"))]
    heading = {"title": remark(_HOLLOW)} if rows["low"].isna().any() else {}
    return alt.layer(
        zero.encode(x="zero:Q"),
        base.mark_rule(strokeWidth=2, color=OKABE_ITO[0]).encode(
            x=alt.X("low:Q", title=title, scale=alt.Scale(padding=8)), x2="high:Q"
        ),
        base.mark_point(size=70, opacity=1, stroke=OKABE_ITO[0], strokeWidth=2).encode(
            x="value:Q", fill=alt.Fill("inside:N", scale=None), tooltip=tips
        ),
    ).properties(width=280, height=160, **heading)


def size_effects(table: pd.DataFrame) -> Any:
    """Figure 2.12: the effects of the second model, with intervals."""
    rows = table[table["measure"] == "effect"]
    order = list(dict.fromkeys(rows["term"]))
    drawn = _interval_points(rows[["term", "value", "low", "high"]], "term", order, "standardised score")
    said = "; ".join(f"{term} {value:+.2f}" for term, value in zip(rows["term"], rows["value"], strict=True))
    return finished(drawn, f"Effects of the second model with 95 % intervals; {_HOLLOW}. {said}.")


def without_best(items: pd.DataFrame) -> Any:
    """Figure 2.13: scores over the number of sources, with and without the best single source of each target."""
    means = items[items["strategy"] == _SINGLE].groupby(["target", "sources"], sort=False)["y"].mean()
    names = ["with it", "without it"]
    scale = alt.Scale(domain=names, range=[OKABE_ITO[0], OKABE_ITO[1]])

    def panel(target: str, rows: pd.DataFrame) -> Any:
        best = str(means[target].idxmax())
        has = [names[best not in str(sources).split("+")] for sources in rows["sources"]]
        shown = rows.assign(has=has)[["n", "y", "has", "sources"]]
        jitter = shown.assign(n=shown["n"] + np.where(shown["has"] == names[0], -0.1, 0.1))
        x = _counts(items["n"], f"sources (best: {text(best)})")
        points = (
            alt.Chart(inline(jitter))
            .mark_point(filled=True, size=28, opacity=0.5)
            .encode(
                x=x,
                y=alt.Y("y:Q", title="standardised score"),
                color=alt.Color("has:N", scale=scale, title=None, legend=alt.Legend(symbolOpacity=1)),
                tooltip=["sources:N", alt.Tooltip("y:Q", format=".2f")],
            )
        )
        means_by = shown.groupby(["n", "has"])["y"].mean().reset_index()
        line = (
            alt.Chart(inline(means_by))
            .mark_line(strokeWidth=2)
            .encode(x=x, y="y:Q", color=alt.Color("has:N", scale=scale, title=None))
        )
        return alt.layer(points, line)

    return _by_target(
        items, panel, "Standardised scores of runs with and without the best single source, and their means."
    )


def shares_and_scores(items: pd.DataFrame, table: pd.DataFrame) -> Any:
    """Figure 2.14: a source's share of variance over the mean score of its own networks."""
    alone = items[items["strategy"] == _SINGLE].groupby(["sources", "target"])["y"].mean().rename("alone").reset_index()
    shares = table[table["measure"] == "share"][["source", "target", "value"]]
    rows = shares.merge(alone, left_on=["source", "target"], right_on=["sources", "target"])
    rows = rows[["source", "target", "value", "alone"]]
    names = list(dict.fromkeys(rows["source"]))
    scale = alt.Scale(domain=names, range=[OKABE_ITO[k % len(OKABE_ITO)] for k in range(len(names))])
    points = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=80, opacity=0.85)
        .encode(
            x=alt.X("alone:Q", title="mean standardised score of the source alone"),
            y=alt.Y("value:Q", title="share of variance in runs of several sources, %"),
            color=alt.Color("source:N", scale=scale, title=None, legend=alt.Legend(symbolOpacity=1)),
            shape=alt.Shape("target:N", title=None),
            tooltip=[
                "source:N",
                "target:N",
                alt.Tooltip("value:Q", format=".0f"),
                alt.Tooltip("alone:Q", format=".2f"),
            ],
        )
        .properties(width=420, height=280)
    )
    found = table[table["measure"] == "correlation of share and score"].iloc[0]
    return finished(points, f"Shares of variance over scores of single sources; correlation {found['value']:.2f}.")


def parameters(items: pd.DataFrame) -> Any:
    """Figure 2.15: the size of networks over the number of sources, by strategy."""
    rows = items.drop_duplicates("run").groupby(["strategy", "n"])["parameters"].mean().reset_index()
    order = _present(items)
    rows["strategy"] = rows["strategy"].map(_named)
    drawn = (
        alt.Chart(inline(rows))
        .mark_line(point=alt.OverlayMarkDef(size=45, filled=True), strokeWidth=2)
        .encode(
            x=_counts(rows["n"]),
            y=alt.Y("parameters:Q", title="parameters, heads included", axis=alt.Axis(format="~s")),
            color=_colours(order),
            tooltip=["strategy:N", "n:Q", alt.Tooltip("parameters:Q", format=",.0f")],
        )
        .properties(width=420, height=260)
    )
    return finished(drawn, "Parameters of the networks over the number of sources, by strategy.")
