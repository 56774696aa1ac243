"""Pictures of linear maps: what each family explains of unseen clips, how many it finds, whether a change has a way."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import (
    SOFT,
    Result,
    audited,
    colour,
    finished,
    in_order,
    inline,
    name_of,
    text,
)

LOWEST = -1.0
"""An over-fitted map explains less than nothing, without limit; the axis ends here."""
WIDTH = 300
KEY = "points: unseen clips; ticks: the clips it was fitted to; crosses: shuffled pairs"


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title.

    Parameters
    ----------
    results
        Of the audit of linear maps, one an encoder, controls among them.
    """
    results = in_order(results)
    labels = _labels(results)
    said = _summary(results, labels)
    ways = f"Cosine between the way of a clip and the mean way of the others; crosses are shuffled pairs. {said}"
    return {
        "How much of a change a linear map explains": explained(results),
        "How many changed clips a linear map finds": found(results),
        "Whether all clips move the same way": finished(_ways(results), ways),
    }


def explained(results: Sequence[Result]) -> Any:
    """R2 of each map under each change."""
    return _panels(
        in_order(results),
        "R2",
        "Variance explained by linear maps of unseen clips (points, with 95 % intervals), of the clips they were "
        f"fitted to (ticks), and with shuffled pairs (crosses); an axis ends at {LOWEST:g}.",
    )


def found(results: Sequence[Result]) -> Any:
    """NN accuracy of each map under each change."""
    return _panels(
        in_order(results),
        "NN accuracy",
        "Share of the images whose nearest changed clip is the own one: of unseen clips (points, with 95 % "
        "intervals), of the clips the map was fitted to (ticks), with shuffled pairs (crosses).",
    )


def _panels(results: Sequence[Result], measure: str, about: str) -> Any:
    labels = _labels(results)
    panels = alt.concat(*(_maps(results, label, measure) for label in labels), columns=1)
    return finished(panels.resolve_scale(color="shared"), f"{about} {_summary(results, labels)}")


def _labels(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(label for result in results for label in result.parameters["perturbations"]))


def _summary(results: Sequence[Result], labels: Sequence[str]) -> str:
    said = []
    for result in audited(results):
        table = result.table[result.table["measure"] == "R2 of the best map"]
        found = [f"{value:.2f} under {text(of)}" for of, value in zip(table["of"], table["value"], strict=True)]
        said.append(f"{name_of(result)} at best {' and '.join(found)}")
    return f"{'; '.join(said)}." if labels else ""


def _rows(results: Sequence[Result], measure: str, **factors: str) -> pd.DataFrame:
    parts = []
    for result in results:
        rows = result.table[result.table["measure"] == measure]
        for name, value in factors.items():
            rows = rows[rows[name] == value]
        parts.append(rows[["map", "data", "perturbation", "value", "low", "high"]].assign(encoder=name_of(result)))
    return pd.concat(parts, ignore_index=True)


def _maps(results: Sequence[Result], label: str, measure: str) -> Any:
    rows = _rows(results, measure, perturbation=label)
    if measure == "NN accuracy":
        scale, title = alt.Scale(domain=[0, 1]), "share of changed clips that are found"
    else:
        scale, title = alt.Scale(domain=[LOWEST, 1], clamp=True), "variance explained, R²"
    panel = _dots(results, rows, "map", list(dict.fromkeys(rows["map"])), title, scale)
    return panel.properties(title=alt.TitleParams(text(label), subtitle=KEY))


def _ways(results: Sequence[Result]) -> Any:
    rows = _rows(results, "consistency of displacement")
    rows = rows[rows["perturbation"] != ""].replace({"data": {"clips": "held out"}})
    rows["perturbation"] = rows["perturbation"].map(text)
    order = list(dict.fromkeys(rows["perturbation"]))
    return _dots(results, rows, "perturbation", order, "cosine with the mean way", alt.Scale(domain=[-1, 1]))


def _dots(
    results: Sequence[Result], rows: pd.DataFrame, row: str, order: list[str], title: str, scale: alt.Scale
) -> Any:
    """A point with its interval for each encoder, row by row; ticks in training, crosses with shuffled pairs."""
    encoders = [name_of(result) for result in results]
    held, train, luck = (rows[rows["data"] == data] for data in ("held out", "train", "shuffled"))

    def base(part: pd.DataFrame) -> Any:
        return alt.Chart(inline(part)).encode(
            y=alt.Y(f"{row}:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.25)),
            yOffset=alt.YOffset("encoder:N", sort=encoders),
            color=colour(results),
            tooltip=[
                alt.Tooltip("encoder:N"),
                alt.Tooltip(f"{row}:N"),
                alt.Tooltip("data:N", title="of"),
                alt.Tooltip("value:Q", format=".3f"),
                alt.Tooltip("low:Q", format=".3f"),
                alt.Tooltip("high:Q", format=".3f"),
            ],
        )

    x = alt.X("value:Q", title=title, scale=scale)
    zero = alt.Chart(inline(pd.DataFrame({"value": [0.0]}))).mark_rule(strokeDash=[4, 3], color=SOFT).encode(x=x)
    layers = [
        zero,
        base(held).mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base(luck).mark_point(shape="cross", size=28, opacity=0.7).encode(x=x),
        base(train).mark_tick(thickness=2, size=9).encode(x=x),
        base(held).mark_point(filled=True, size=45, opacity=1).encode(x=x),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=len(order) * (8 * len(encoders) + 8))
