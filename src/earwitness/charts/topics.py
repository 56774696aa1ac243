"""A map of clips with the strongest topics of each source beside every point (Figure 2.16 of Kim 2021)."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from earwitness.charts.theme import OKABE_ITO, SOFT, Result, finished, in_order, inline, text

TOPIC, STRONGEST, NUMBER = "topics:", "strongest:", "number:"
MOST_POINTS, MOST_COLOURS, MOST_WORDS = 3000, 8, 10
_WIDTH, _HEIGHT, _MARGIN = 560, 430, 0.04
_LETTER, _LINE, _ABOVE = 7.2, 16.0, 8.0  # pixels: a letter's width, a line's height, a word's foot above its point
OTHER = "(other)"


def charts(results: Sequence[Result]) -> dict[str, Any]:
    """Charts by title: a map for each source of every learned encoder, and how well heads do."""
    made: dict[str, Any] = {}
    for result in in_order(results):
        name = text(result.encoder)
        made |= {f"What {name} hears, by “{text(source)}”": topic_map(result, source) for source in sources_of(result)}
        made[f"How well the heads of {name} do"] = heads(result)
    return made


def sources_of(result: Result) -> list[str]:
    """The sources that have topics."""
    return [str(column).removeprefix(TOPIC) for column in result.items if str(column).startswith(TOPIC)]


def topic_map(result: Result, source: str) -> Any:
    """Every clip as a point, coloured by its strongest output of one source; all sources on hover.

    The commonest outputs are written near the middle of their clips, where there is room.
    """
    items = result.items
    if len(items) > MOST_POINTS:
        items = items.iloc[np.sort(np.random.default_rng(0).permutation(len(items))[:MOST_POINTS])]
    strongest = items[f"{STRONGEST}{source}"].map(text)
    common = strongest.value_counts().index.tolist()
    kept = common if len(common) <= MOST_COLOURS else common[: MOST_COLOURS - 1]
    shown = strongest.where(strongest.isin(kept), OTHER)
    rows = items[["x", "y"]].assign(clip=items["clip"].map(text), shown=shown)
    tips = [alt.Tooltip("clip:N")]
    if "label" in items:
        rows["label"] = items["label"].map(text)
        tips.append(alt.Tooltip("label:N"))
    for k, column in enumerate(c for c in items if str(c).startswith((TOPIC, NUMBER))):
        rows[f"said{k}"] = items[column].map(text)
        tips.append(alt.Tooltip(f"said{k}:N", title=text(str(column).partition(":")[2])))
    names = [*kept, OTHER] if (shown == OTHER).any() else kept
    colours = [*OKABE_ITO[: len(kept)], *(["#b5b5b5"] if OTHER in names else [])]
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    chosen = alt.selection_point(fields=["shown"], bind="legend")
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("x:Q", axis=none, title=None, scale=alt.Scale(domain=_ends(rows["x"]), nice=False)),
        y=alt.Y("y:Q", axis=none, title=None, scale=alt.Scale(domain=_ends(rows["y"]), nice=False)),
    )
    legend = alt.Legend(columns=2, labelLimit=230, symbolOpacity=1)
    points = (
        base.mark_point(filled=True, size=55, stroke="#444444", strokeWidth=0.5)
        .encode(
            color=alt.Color("shown:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend),
            opacity=alt.when(chosen).then(alt.value(0.85)).otherwise(alt.value(0.06)),
            tooltip=tips,
        )
        .add_params(chosen)
    )
    table = result.table
    trust = float(table[table["measure"] == "trustworthiness"]["value"].iloc[0])
    drawn = text(result.parameters.get("map", "t-SNE"))
    caption = [f"{drawn}, trustworthiness {trust:.2f}; distances between far groups mean nothing"]
    if not _learnt(table, source):
        caption.append("The head could not be shown to beat the mean target: do not read much into these words")
    title = alt.TitleParams(f"Strongest output of “{text(source)}” in each clip", subtitle=caption)
    said = ", ".join(f"{name} ({(shown == name).sum()})" for name in names)
    return finished(
        alt.layer(points, _words(rows, kept)).properties(width=_WIDTH, height=_HEIGHT, title=title),
        f"{drawn} of {len(rows)} clips by the strongest output of “{text(source)}”: {said}.",
    )


def _learnt(table: pd.DataFrame, source: str) -> bool:
    """Whether the head is surely nearer to the targets than their mean is."""
    own = table[(table["measure"] == "difference") & (table["source"].map(text) == text(source))]
    return bool((own["high"] < 0).any())


def _ends(values: pd.Series) -> list[float]:
    room = _MARGIN * float(np.ptp(values)) or 1.0
    return [float(values.min()) - room, float(values.max()) + room]


def _words(rows: pd.DataFrame, kept: Sequence[str]) -> Any:
    """The commonest outputs, each above one of its clips; intervals of numbers are left to the legend."""
    words = {name: name.partition(" [")[0] for name in kept[:MOST_WORDS]}
    placed = [
        {"x": float(rows["x"].iloc[at]), "y": float(rows["y"].iloc[at]), "word": words[name]}
        for name, at in word_places(rows, words).items()
    ]
    data = inline(pd.DataFrame(placed, columns=["x", "y", "word"]))
    base = alt.Chart(data).encode(x="x:Q", y="y:Q", text="word:N")
    look: dict[str, Any] = {"fontSize": 12, "fontWeight": "bold", "baseline": "bottom", "dy": -_ABOVE, "limit": 200}
    halo = base.mark_text(stroke="#ffffff", strokeWidth=4, opacity=0.9, **look)
    return alt.layer(halo, base.mark_text(color="#1a1a1a", **look))


def word_places(rows: pd.DataFrame, words: Mapping[str, str]) -> dict[str, int]:
    """The row above which each word is written: of the third of its clips nearest their middle.

    No two words overlap, and each covers as few points as it can; a word for which there is no room is left out, as is
    one of fewer than three clips.

    Parameters
    ----------
    rows
        `x`, `y`, `shown`: every clip and its output.
    words
        By output, the commonest first: what is to be written.
    """
    # (n, 2) pixels from the top left.
    left, right, low, high = *_ends(rows["x"]), *_ends(rows["y"])
    across = (rows["x"].to_numpy(float) - left) / (right - left) * _WIDTH
    down = (high - rows["y"].to_numpy(float)) / (high - low) * _HEIGHT
    taken: list[tuple[float, float, float, float]] = []
    found: dict[str, int] = {}
    for name, word in words.items():
        own = np.flatnonzero(rows["shown"].to_numpy() == name)
        if len(own) < 3:
            continue
        away = np.hypot(across[own] - np.median(across[own]), down[own] - np.median(down[own]))
        half = min(len(word) * _LETTER, 200) / 2
        best: tuple[int, int, tuple[float, float, float, float]] | None = None
        for at in own[np.argsort(away, kind="stable")][: max(3, len(own) // 3)]:
            box = (across[at] - half, across[at] + half, down[at] - _ABOVE - _LINE, down[at] - _ABOVE)
            if box[0] < 0 or box[1] > _WIDTH or box[2] < 0 or any(_overlap(box, other) for other in taken):
                continue
            inside = (across > box[0]) & (across < box[1]) & (down > box[2]) & (down < box[3])
            if best is None or inside.sum() < best[0]:
                best = int(inside.sum()), int(at), box
        if best is not None:
            taken.append(best[2])
            found[name] = best[1]
    return found


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def heads(result: Result) -> Any:
    """The divergence of each head on validation clips with its interval, and of the mean target, in grey."""
    table = result.table
    own = table[table["measure"] == "divergence"]
    order = [text(source) for source in own["source"]]
    mine = own[["value", "low", "high"]].assign(source=order)
    control = table[table["measure"] == "divergence of the mean target"]
    grey = control[["value"]].assign(source=control["source"].map(text))
    y = alt.Y("source:N", sort=order, title=None)
    x = alt.X("value:Q", title="divergence from the targets of validation clips, nat", scale=alt.Scale(zero=True))
    layers = [
        alt.Chart(inline(mine)).mark_rule(strokeWidth=2, color=OKABE_ITO[0]).encode(y=y, x="low:Q", x2="high:Q"),
        alt.Chart(inline(mine)).mark_point(filled=True, size=70, opacity=1, color=OKABE_ITO[0]).encode(y=y, x=x),
        alt.Chart(inline(grey)).mark_tick(thickness=3, size=18, color=SOFT).encode(y=y, x=x),
    ]
    said = "; ".join(f"{s} {v:.2f}" for s, v in zip(order, mine["value"], strict=True))
    return finished(
        alt.layer(*layers).properties(width=420, height=max(60, 32 * len(order))),
        f"Divergence of each head on validation clips; the grey tick is the mean target. {said}.",
    )
