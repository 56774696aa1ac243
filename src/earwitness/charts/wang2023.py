"""Figures 1 to 3 of Wang, Richard and McFee (2023), of any scores in the layout of the published ones."""

from typing import Any

import altair as alt
import pandas as pd

from earwitness.charts.theme import OKABE_ITO, PANEL_HEIGHT, PANEL_WIDTH, finished, inline, text

_NAMES = {"irmas": "IRMAS", "openmic": "OpenMIC"}
_ROWS = {
    "global": "direction of all clips",
    "classwise": "of the class's clips",
    "classwise_kernel": "of the class's clips, kernel",
}


def within_and_across(scores: pd.DataFrame) -> Any:
    """Figure 1: ROC-AUC of each instrument by the embeddings as they are, a panel a pair of data sets.

    Parameters
    ----------
    scores
        `embedding`, `method`, `instrument`, `train_set`, `test_set`, `roc_auc`; other columns are averaged over.
    """
    keys = ["embedding", "instrument", "train_set", "test_set"]
    found = scores[scores["method"] == "original"].groupby(keys, sort=False)["roc_auc"].mean().reset_index()
    panels = [
        _bars(rows, "roc_auc", [0.4, 1.0], [f"learnt from {_named(train)}", f"tested on {_named(test)}"])
        for (train, test), rows in found.groupby(["train_set", "test_set"], sort=False)
    ]
    return finished(
        alt.concat(*panels, columns=2).resolve_scale(color="shared"),
        "ROC-AUC of each instrument within and across data sets: "
        + _means(found, "roc_auc", ["train_set", "test_set"]),
    )


def genres(counts: pd.DataFrame) -> Any:
    """Figure 2: training positives of each instrument by genre, a panel a data set.

    Parameters
    ----------
    counts
        `dataset`, `instrument`, `genre`, `clips`.
    """
    highest = float(counts["clips"].max())
    panels = [
        _bars(rows.rename(columns={"genre": "embedding"}), "clips", [0, highest * 1.05], [_named(name)])
        for name, rows in counts.groupby("dataset", sort=False)
    ]
    said = ", ".join(f"{_named(name)} {rows['clips'].sum()}" for name, rows in counts.groupby("dataset", sort=False))
    return finished(
        alt.concat(*panels, columns=2).resolve_scale(color="shared"),
        f"Training clips with each instrument by genre, after both data sets were made equal: {said} in all.",
    )


def cosines(found: pd.DataFrame) -> Any:
    """Figure 3: |cosine| of domain direction and instrument probe; rows by direction, columns by data set learnt from.

    Parameters
    ----------
    found
        `scope`, `embedding`, `instrument`, `train_set`, `cosine`; other columns are averaged over.
    """
    keys = ["scope", "embedding", "instrument", "train_set"]
    found = found[found["scope"].isin(_ROWS)].groupby(keys, sort=False)["cosine"].mean().reset_index()
    highest = float(found["cosine"].max())
    panels = []
    for scope, words in _ROWS.items():
        for train in dict.fromkeys(found["train_set"]):
            rows = found[(found["scope"] == scope) & (found["train_set"] == train)]
            means = rows.groupby("embedding", sort=False)["cosine"].mean()
            said = ", ".join(f"{text(name)} {value:.3f}" for name, value in means.items())
            panels.append(_bars(rows, "cosine", [0, highest * 1.05], [words, f"learnt from {_named(train)}", said]))
    return finished(
        alt.concat(*panels, columns=2).resolve_scale(color="shared"),
        "Absolute cosine of the direction between data sets and each instrument's probe: "
        + _means(found, "cosine", ["scope", "train_set"]),
    )


def _bars(rows: pd.DataFrame, value: str, domain: list[float], title: list[str]) -> Any:
    names = list(dict.fromkeys(rows["embedding"]))
    colours = [OKABE_ITO[k % len(OKABE_ITO)] for k in range(len(names))]
    return (
        alt.Chart(inline(rows[["instrument", "embedding", value]]))
        .mark_bar(clip=True)
        .encode(
            x=alt.X("instrument:N", title=None, sort=None, axis=alt.Axis(labelAngle=-60)),
            xOffset=alt.XOffset("embedding:N", sort=names),
            y=alt.Y(f"{value}:Q", title=None, scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(tickCount=4)),
            color=alt.Color("embedding:N", title=None, scale=alt.Scale(domain=names, range=colours)),
            tooltip=["instrument:N", "embedding:N", alt.Tooltip(f"{value}:Q", format=".3f")],
        )
        .properties(
            width=PANEL_WIDTH + 40,
            height=PANEL_HEIGHT - 45,
            title=alt.TitleParams(title, fontSize=11, fontWeight="normal"),
        )
    )


def _named(name: Any) -> str:
    return _NAMES.get(str(name), text(name))


def _means(found: pd.DataFrame, value: str, by: list[str]) -> str:
    means = found.groupby(["embedding", *by], sort=False)[value].mean().reset_index()
    names = [" ".join(text(cell) for cell in row) for row in means[["embedding", *by]].to_numpy()]
    return "; ".join(f"{name} {mean:.3f}" for name, mean in zip(names, means[value], strict=True)) + "."
