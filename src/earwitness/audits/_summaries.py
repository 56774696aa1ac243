"""One number an encoder, from its items: to rank encoders, and to compare them clip by clip with the controls.

Conventions: each family of perturbations counts the same, however many steps of it were tried.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits._controls import paired
from earwitness.audits._resamples import Resamples
from earwitness.audits._tables import Row, row
from earwitness.results import AuditResult

Floats = NDArray[np.float64]

SOUND_RANK, RHO = "sound_rank:", "rho:"
"""Prefixes of the columns of items that hold, by reference, the rank in sound and the rank correlation of a query."""

MEASURES = ("mean consistency", "mean agreement", "mean rank correlation")
"""Averages over all perturbations of C^W, C^B_acc and C^B_rho per query."""


def references(items: pd.DataFrame) -> list[str]:
    """The references in sound that the items know."""
    return [str(name).removeprefix(RHO) for name in items if str(name).startswith(RHO)]


def scores(items: pd.DataFrame) -> pd.DataFrame:
    """Of items of one distance: a row a clip and changed sound, a column a measure (and reference)."""
    kept = items["rank"].to_numpy() == 1
    columns: dict[tuple[str, str], Floats] = {("mean consistency", ""): kept.astype(float)}
    for name in references(items):
        sound = items[SOUND_RANK + name].to_numpy(float)
        columns["mean agreement", name] = np.where(np.isnan(sound), np.nan, (sound == 1) == kept)
        columns["mean rank correlation", name] = items[RHO + name].to_numpy(float)
    return pd.DataFrame(columns, index=items.index)


def by_clip(items: pd.DataFrame, found: pd.DataFrame) -> tuple[NDArray[np.object_], Floats]:
    """Clips, and (n, m) means of each column of `found`: over the steps of a family, then over families."""
    steps = found.groupby([items["clip"], items["family"]], sort=False).mean()
    means = steps.groupby(level=0, sort=False).mean()
    return means.index.to_numpy(), means.to_numpy(float)


def changed_only(items: pd.DataFrame) -> pd.DataFrame:
    """Without the identity, which is no change."""
    return items[items["family"] != "identity"]


def summaries(items: pd.DataFrame, distances: Sequence[str], clips: NDArray[np.object_], all_: Resamples) -> list[Row]:
    """The measures of each distance (and reference), with intervals over clips."""
    rows = []
    place = pd.Index(clips)
    for distance in distances:
        mine = changed_only(items[items["distance"] == distance])
        if mine.empty:
            continue
        found = scores(mine)
        names, values = by_clip(mine, found)
        some = all_.of(place.get_indexer(pd.Index(names)))
        rows += _rows(found, values, some, {"distance": distance})
    return rows


def _rows(found: pd.DataFrame, values: Floats, some: Resamples, factors: dict[str, str], of: str = "") -> list[Row]:
    there = ~np.isnan(values)
    draws = some.means(np.where(there, values, 0), there)
    rows = []
    columns: list[Any] = found.columns.tolist()
    for k, (measure, reference) in enumerate(columns):
        if there[:, k].any():
            estimate = some.estimate(float(values[there[:, k], k].mean()), draws[:, k])
            name, what = ("difference", measure) if of else (measure, "")
            rows.append(row(name, estimate, reference=reference, of=what, **factors))
    return rows


def differences(
    items: pd.DataFrame,
    controls: Sequence[AuditResult],
    distances: Sequence[str],
    group: str | None,
    n_resamples: int,
    seed: int,
) -> list[Row]:
    """By control and distance: what is had here less what the control has, on the same clips and changes."""
    rows = []
    for control in controls:
        for distance in distances:
            mine = changed_only(items[items["distance"] == distance])
            theirs = changed_only(control.items[control.items["distance"] == distance])
            if mine.empty or theirs.empty:
                continue
            ours, others = paired(mine, theirs, ["clip", "perturbation"])
            factors = {"distance": distance, "control": control.encoder}
            mild = ours["imperceptible"].astype(bool).to_numpy()
            moved = (ours["rank"] > 1).astype(float) - (others["rank"] > 1).astype(float)
            if mild.any():
                clips = moved[mild].groupby(ours["clip"][mild], sort=False).mean()
                some = _resamples(ours[mild], clips.index.to_numpy(), group, n_resamples, seed)
                value = clips.to_numpy(float)
                estimate = some.estimate(value.mean(), some.means(value[:, None])[:, 0])
                rows.append(row("difference", estimate, of="moved", **factors))
            shared = [name for name in references(ours) if name in references(others)]
            mine_now, theirs_now = scores(ours), scores(others)
            keep = [column for column in mine_now.columns.tolist() if column[1] in ("", *shared)]
            found = mine_now[keep] - theirs_now[keep]
            names, values = by_clip(ours, found)
            rows += _rows(found, values, _resamples(ours, names, group, n_resamples, seed), factors, of="difference")
    return rows


def _resamples(
    items: pd.DataFrame, clips: NDArray[np.object_], group: str | None, n_resamples: int, seed: int
) -> Resamples:
    if group is None:
        return Resamples.draw(len(clips), None, n_resamples, seed)
    of_clip = items.drop_duplicates("clip").set_index("clip")["group"]
    return Resamples.draw(len(clips), of_clip.reindex(pd.Index(clips)).to_numpy(), n_resamples, seed)
