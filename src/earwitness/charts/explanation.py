"""Pictures of explanations: fidelity against complexity and mainstreaminess, the recommenders, worked examples."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import (
    OKABE_ITO,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    SOFT,
    Result,
    finished,
    inline,
    is_control,
    text,
)

_MOST_POINTS = 150
_BINS = 8  # of users, by mainstreaminess
_COLUMNS = 3


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the explanation audit, one a recommender; those without tags are controls.
    """
    explained = [result for result in results if not is_control(result)]
    made: dict[str, Any] = {}
    if explained:
        made["Fidelity against the number of tags"] = complexity(explained)
        if len(bins := _binned(explained)):
            made["Fidelity by the mainstreaminess of users"] = mainstreaminess(explained, bins)
    accurate = _accuracies(results)
    if len(accurate) > 1:
        made["How good the recommenders are"] = accuracy(accurate)
    shown = pd.DataFrame([row for result in explained[:1] for row in result.parameters.get("examples", [])])
    if len(shown):
        made[f"What is said of {text(explained[0].encoder)}"] = examples(shown)
    return made


def _panel(result: Result, several: bool) -> str:
    dataset = getattr(result, "dataset", "")
    return f"{text(result.encoder)}, {text(dataset)}" if several and dataset else text(result.encoder)


def _panels(results: Sequence[Result]) -> list[str]:
    several = len({getattr(result, "dataset", "") for result in results}) > 1
    return [_panel(result, several) for result in results]


def _colour(names: Sequence[str]) -> alt.Color:
    """Explainers in colour, the same in every picture whatever the order of the rows; random weights in grey."""
    others = sorted((name for name in set(names) if name != "random"), key=lambda name: (_place(name), name))
    domain = [*others, *(["random"] if "random" in names else [])]
    palette = [OKABE_ITO[k % len(OKABE_ITO)] for k in range(len(others))]
    scale = alt.Scale(domain=domain, range=[*palette, "#767676"])
    return alt.Color("explainer:N", title=None, scale=scale, legend=alt.Legend(symbolOpacity=1))


_ORDER = ("lime", "saliency", "pdp", "kernel-shap", "integrated-gradients", "saliency-own", "pdp-difference")


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def complexity(results: Sequence[Result]) -> Any:
    """Figure 5.3: fidelity with its interval over the number of tags, a panel a recommender."""
    rows = pd.concat(
        [
            r.table[r.table["measure"] == "fidelity"][["explainer", "omega", "value", "low", "high", "n"]].assign(
                panel=p
            )
            for r, p in zip(results, _panels(results), strict=True)
        ]
    )
    names = list(dict.fromkeys(rows["explainer"]))
    x = alt.X("omega:Q", title="tags in an explanation", scale=alt.Scale(type="log", base=2))
    y = alt.Y("value:Q", title="fidelity (rank correlation)")
    base = alt.Chart(inline(rows)).encode(x=x, color=_colour(names))
    layers = alt.layer(
        base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(point=True).encode(y=y, tooltip=["panel:N", "explainer:N", "omega:Q", "value:Q", "n:Q"]),
    ).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    best = rows.sort_values("value").groupby("panel").tail(1)
    said = "; ".join(f"{r.panel}: {r.explainer} {r.value:.2f} at {r.omega:.0f}" for r in best.itertuples())
    return finished(
        layers.facet(facet=alt.Facet("panel:N", title=None, sort=list(_panels(results))), columns=_COLUMNS),
        f"Fidelity of each explainer over the number of tags, with 95 % intervals over users. Best: {said}.",
    )


def pooled(results: Sequence[Result]) -> Any:
    """Figure 5.3 in the paper's layout: a row a data set, a column a recommender, its sizes pooled."""
    items = pd.concat([_with_kind(r) for r in results]).dropna(subset=["fidelity"])
    users = items.groupby(["dataset", "kind", "explainer", "omega", "user"], sort=False)["fidelity"].mean()
    grouped = users.groupby(level=["dataset", "kind", "explainer", "omega"], sort=False)
    rows = grouped.agg(value="mean", spread="sem", n="count").reset_index()
    rows = rows.assign(low=rows["value"] - 1.96 * rows["spread"], high=rows["value"] + 1.96 * rows["spread"])
    base = alt.Chart(inline(rows.drop(columns="spread"))).encode(
        x=alt.X("omega:Q", title="tags in an explanation", scale=alt.Scale(type="log", base=2)),
        color=_colour(list(rows["explainer"])),
    )
    layers = alt.layer(
        base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(point=True).encode(y=alt.Y("value:Q", title="fidelity")),
    ).properties(width=150, height=130)
    return finished(
        _grid(layers, rows),
        "Fidelity over the number of tags, sizes of a recommender pooled, with 95 % intervals over users.",
    )


def pooled_mainstreaminess(results: Sequence[Result]) -> Any:
    """Figure 5.4 in the paper's layout: a point a user, a line an explainer, sizes of a recommender pooled.

    At most `_MOST_POINTS` users of a panel are drawn, evenly over their mainstreaminess; the lines are of all of them.
    """
    items = pd.concat([_with_kind(r) for r in results]).dropna(subset=["fidelity", "mainstreaminess"])
    items = items[items["mainstreaminess"] > 0]
    by = ["dataset", "kind", "explainer"]
    users = items.groupby([*by, "user"], sort=False)[["fidelity", "mainstreaminess"]].mean().reset_index()
    shown, lines = [], []
    for key, rows in users.groupby(by, sort=False):
        rows = rows.sort_values("mainstreaminess", kind="stable")
        picked = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_POINTS)).astype(int))
        shown.append(rows.iloc[picked].round(4))
        m = rows["mainstreaminess"].to_numpy(float)
        if m[0] < m[-1]:
            slope, level = np.polyfit(np.log(m), rows["fidelity"].to_numpy(float), 1)
            ends = m[[0, -1]]
            named = dict(zip(by, key, strict=True))
            lines.append(pd.DataFrame({**named, "mainstreaminess": ends, "fidelity": level + slope * np.log(ends)}))
    if not lines:
        return None
    points, fits = (
        pd.concat(parts, ignore_index=True).assign(fit=fit) for parts, fit in ((shown, False), (lines, True))
    )
    base = alt.Chart(inline(pd.concat([points, fits], ignore_index=True))).encode(
        x=alt.X("mainstreaminess:Q", scale=alt.Scale(type="log", nice=False)),
        y=alt.Y("fidelity:Q"),
        color=_colour(list(points["explainer"])),
    )
    layers = alt.layer(
        base.transform_filter("!datum.fit").mark_point(filled=True, size=6, opacity=0.35),
        base.transform_filter("datum.fit").mark_line(strokeWidth=2),
    ).properties(width=150, height=130)
    return finished(
        _grid(layers, points).resolve_scale(x="independent"),
        "Fidelity over the mainstreaminess of users, a point a user over all numbers of tags, with a straight line in "
        "its logarithm for each explainer.",
    )


def _grid(layers: Any, rows: pd.DataFrame) -> Any:
    kinds = list(dict.fromkeys(rows["kind"]))
    return layers.facet(row=alt.Row("dataset:N", title=None), column=alt.Column("kind:N", title=None, sort=kinds))


def _with_kind(result: Result) -> pd.DataFrame:
    """The items with the data set and the recommender without its size."""
    name, _, size = result.encoder.rpartition("-")
    kind = name if size.isdigit() or size == "exact" else result.encoder
    return result.items.assign(dataset=text(getattr(result, "dataset", "")), kind=text(kind))


def _binned(results: Sequence[Result]) -> pd.DataFrame:
    """Mean fidelity in groups of users of like mainstreaminess, at the middle complexity."""
    parts = []
    for result, panel in zip(results, _panels(results), strict=True):
        items = result.items.dropna(subset=["fidelity", "mainstreaminess"])
        if len(items) < 2 * _BINS:
            continue
        omegas = sorted(items["omega"].unique())
        items = items[items["omega"] == omegas[len(omegas) // 2]]
        if items["mainstreaminess"].nunique() < _BINS:
            continue
        group = pd.qcut(items["mainstreaminess"], _BINS, labels=False, duplicates="drop")
        for (explainer, _), of in items.groupby(["explainer", group]):
            spread = 1.96 * of["fidelity"].std() / np.sqrt(len(of))
            mean = of["fidelity"].mean()
            low, high = mean - spread, mean + spread
            parts.append(
                (panel, explainer, of["mainstreaminess"].median(), mean, low, high, len(of), of["omega"].iloc[0])
            )
    return pd.DataFrame(
        parts, columns=["panel", "explainer", "mainstreaminess", "value", "low", "high", "n", "omega"]
    ).dropna()


def mainstreaminess(results: Sequence[Result], rows: pd.DataFrame) -> Any:
    """Figure 5.4: fidelity over the mainstreaminess of users, in groups of equal size."""
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("mainstreaminess:Q", scale=alt.Scale(type="log", nice=False)),
        color=_colour(list(dict.fromkeys(rows["explainer"]))),
    )
    layers = alt.layer(
        base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(point=True).encode(
            y=alt.Y("value:Q", title="fidelity (rank correlation)"),
            tooltip=["panel:N", "explainer:N", "mainstreaminess:Q", "value:Q", "n:Q"],
        ),
    ).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    return finished(
        layers.facet(facet=alt.Facet("panel:N", title=None, sort=_panels(results)), columns=_COLUMNS).resolve_scale(
            x="independent"
        ),
        f"Fidelity with {rows['omega'].iloc[0]:.0f} tags in {_BINS} groups of users of equal size, from those with "
        "a taste of their own to mainstream ones; bars are 95 % intervals of the means.",
    )


def _accuracies(results: Sequence[Result]) -> pd.DataFrame:
    """Recommender, nDCG with interval and diversity."""
    rows = []
    for result, panel in zip(results, _panels(results), strict=True):
        found = result.table[result.table["measure"].str.startswith("nDCG")]
        spread = result.table[result.table["measure"] == "diversity share"]
        if len(found) and len(spread):
            value, low, high = found.iloc[0][["value", "low", "high"]]
            kind = "knows no tags" if is_control(result) else "explained"
            rows.append((panel, value, low, high, spread["value"].iloc[0], kind))
    return pd.DataFrame(rows, columns=["recommender", "value", "low", "high", "diversity", "kind"])


def accuracy(rows: pd.DataFrame) -> Any:
    """Figure 5.2: accuracy and diversity of each recommender, the most accurate first."""
    rows = rows.sort_values("value", ascending=False)
    scale = alt.Scale(domain=["explained", "knows no tags"], range=[OKABE_ITO[0], "#767676"])
    y = alt.Y("recommender:N", sort=list(rows["recommender"]), title=None)
    base = alt.Chart(inline(rows)).encode(y=y, color=alt.Color("kind:N", title=None, scale=scale))
    left = alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("value:Q", title="nDCG")),
    ).properties(width=PANEL_WIDTH)
    right = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("diversity:Q", title="diversity, share of the largest possible", scale=alt.Scale(zero=False)),
        y=alt.Y("recommender:N", sort=list(rows["recommender"]), title=None, axis=None),
    )
    best = rows.iloc[0]
    return finished(
        alt.hconcat(left, right.properties(width=PANEL_WIDTH)),
        f"nDCG with 95 % intervals over users, and entropy diversity. Most accurate: {best['recommender']} "
        f"{best['value']:.2f}.",
    )


def examples(rows: pd.DataFrame) -> Any:
    """Explanations a person can read: the tags and weights given for a few recommended items."""
    rows = rows.assign(
        case=[f"{text(r['title'])} for user {text(r['user'])}, place {r['place']}" for r in rows.to_dict("records")],
        tag=rows["tag"].map(text),
    )
    # Explainers weigh on different scales; what a person compares is the order and the sign.
    largest = rows.groupby(["case", "explainer"])["weight"].transform(lambda w: w.abs().max())
    rows["weight"] = rows["weight"] / largest.where(largest > 0, 1.0)
    names = list(dict.fromkeys(rows["explainer"]))
    bars = (
        alt.Chart(inline(rows[["case", "explainer", "tag", "weight", "own"]]))
        .mark_bar()
        .encode(
            x=alt.X("weight:Q", title="weight, largest = 1"),
            y=alt.Y("tag:N", title=None, sort=None, axis=alt.Axis(labelColor=SOFT)),
            color=_colour(names),
            opacity=alt.Opacity(
                "own:N", title="tag that it has", scale=alt.Scale(domain=[True, False], range=[1, 0.35])
            ),
            tooltip=["tag:N", "weight:Q", "own:N"],
        )
        .properties(width=PANEL_WIDTH * 0.8)
    )
    faceted = bars.facet(
        row=alt.Row(
            "case:N", title=None, sort=None, header=alt.Header(labelAngle=0, labelAlign="left", labelOrient="top")
        ),
        column=alt.Column("explainer:N", title=None, sort=names),
    ).resolve_scale(y="independent")
    said = "; ".join(
        f"{case}: {', '.join(of['tag'].head(4))}"
        for case, of in rows[rows["explainer"] == names[0]].groupby("case", sort=False)
    )
    return finished(faceted, f"Tags and weights named for recommended items. By {names[0]}: {said}.")
