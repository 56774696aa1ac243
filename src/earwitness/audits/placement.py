"""Where do groups that a map has not seen come to lie, and are they groups of their own?

Conventions: the space is that of the structure audit, of known and new clips together: standardised dimensions on the
principal axes that explain 95 % (50 at most). Centres are means of the clips of a label. Everything is measured in that
space and not on the picture, on which distances between far groups mean nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.audits._clustering import all_silhouettes, distances
from earwitness.audits._controls import Role, check_controls, check_role, paired
from earwitness.audits._labels import read_groups, read_texts
from earwitness.audits._map import Projection, check_projection, map_2d
from earwitness.audits._placement_verdicts import verdicts
from earwitness.audits._provenance import provenance
from earwitness.audits._resamples import Resamples
from earwitness.audits._space import principal_space
from earwitness.audits._tables import Row, exact, row, table
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

NEIGHBOURS = 10
SHUFFLES = 199
_AT_A_TIME = 10
_TEXTS = ("of", "to", "data", "control")


def placement(
    embeddings: Embeddings,
    *,
    label: str,
    new: Sequence[str],
    between: Sequence[tuple[str, str, str]] = (),
    group: str | None = None,
    projection: Projection = "t-SNE",
    controls: Sequence[AuditResult] = (),
    role: Role = "audited",
    seed: int = 0,
    n_resamples: int = 1000,
) -> AuditResult:
    """How new groups of clips lie among known ones.

    Parameters
    ----------
    embeddings
        Of known and new clips; `Embeddings.joined_with` puts two tables together.
    label
        Column that says what each clip is; clips without a label are left out.
    new
        Labels that are new. The others are known: two or more, of four clips or more.
    between
        Triples (C, A, B): does C lie between A and B? Each new label is also asked about the two labels nearest to it.
    group
        Column of what is drawn together in resamples (artist, album).
    projection
        What draws the map of all clips: "t-SNE" or "UMAP" (the extra `maps`).
    controls
        Results of this audit for encoders that know little.
    role
        "control" marks the result as one of a control.
    seed
        Of resamples, shuffles and the map.
    n_resamples
        Bootstrap resamples.

    Returns
    -------
    AuditResult
        Table: by label (`of`), with data "known" where it is, `own neighbours`, the share of a clip's ten nearest clips
        (of as many as its label has others, where these are fewer) that have its label, with its chance, and
        `silhouette` among all labels, with that of shuffled labels; `centre distance` of each new label to every other
        (`to`), and `nearest in resamples`, the share of resamples in which that known label is the nearest;
        `betweenness`, where the centre of C falls along the line from A (0) to B (1), and `off-line distance`, how far
        off that line it lies in lengths of it, each with that of random clips; `difference` of own neighbours to each
        control; `trustworthiness` of the map.
        Items: label, whether it is `new`, the share of own neighbours, silhouette, the known label whose centre is
        nearest, and the place on the map.

    Notes
    -----
    A new group is one of its own where the interval of own neighbours lies above chance and the silhouette above 95 %
    of those with shuffled labels. The first verdict *holds* where all are, and is open otherwise. The second *holds*
    where each new label has the same nearest known one in 95 % of the resamples. A triple that was asked for *holds*
    where the interval of betweenness lies within 0 and 1 and the off-line distance surely below that of random clips,
    *breaks* where that of betweenness lies outside, and is open otherwise.

    Raises
    ------
    InputError
        If a label is not there, one that is new or asked about has one clip, or fewer than two labels are known.

    References
    ----------
    Arputharaj and Kalaivanan (2022), Latent Space Shenanigans, section 3.3 and Figure 5.
    """
    started = perf_counter()
    check_role(role)
    check_controls(controls, "placement", label=label, new=list(new))
    check_projection(projection)
    clips = embeddings.take(np.flatnonzero(read_texts(embeddings, label) != ""))
    labels = read_texts(clips, label).astype(str)
    is_new = _checked(labels, label, new, between)
    groups = read_groups(clips, group)
    # One thread: sums in another order would move the last digits from run to run.
    with threadpool_limits(1):
        space = principal_space(clips.vectors, clips.encoder)
        points = space.points
        where = _Placed(points, labels, is_new, Resamples.draw(len(clips), groups, n_resamples, seed))
        rows, columns = where.company(seed)
        rows += where.centre_rows()
        rows += [made for triple in _triples(where, new, between) for made in where.between_rows(triple, seed)]
        place, trust = map_2d(points, seed, projection)
    items = pd.DataFrame(
        {
            "clip": clips.column("clip"),
            **({} if groups is None else {"group": groups}),
            "label": labels,
            "new": is_new,
            **columns,
            "nearest_label": where.nearest_known(),
            "x": place[:, 0].round(3),
            "y": place[:, 1].round(3),
        }
    )
    rows.append(row("trustworthiness", exact(trust, len(clips))))
    for control in controls:
        rows += _differences(items, control, n_resamples, seed)
    result = AuditResult(
        audit="placement",
        encoder=embeddings.encoder,
        dataset=embeddings.dataset,
        table=table(rows, _TEXTS),
        parameters={
            "role": role,
            "label": label,
            "new": list(new),
            "between": [list(triple) for triple in between],
            "group": group,
            "clips": len(clips),
            "axes": points.shape[1],
            "explained": round(space.explained, 4),
            "neighbours": NEIGHBOURS,
            "shuffles": SHUFFLES,
            "map": projection,
            "n_resamples": n_resamples,
        },
        provenance=provenance([embeddings], columns=[label, group], seed=seed, started=started),
        items=items,
        skipped=embeddings.skipped,
    )
    return replace(result, verdicts=verdicts(result, controls))


def _checked(
    labels: NDArray[Any], column: str, new: Sequence[str], between: Sequence[tuple[str, str, str]]
) -> NDArray[np.bool_]:
    """Which clips are new, once all that is asked for is there."""
    names, counts = np.unique(labels, return_counts=True)
    size = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if not new:
        raise InputError(f"placement needs the labels that are new: name some of those in column {column!r}")
    for name in [*new, *(name for triple in between for name in triple)]:
        if name not in size:
            raise InputError(f"no clip has {name!r} in column {column!r}; there are {', '.join(names[:30])}")
        if size[name] < 2:
            raise InputError(f"only one clip has {name!r} in column {column!r}: a group needs two or more")
    for c, a, b in between:
        if len({c, a, b}) < 3:
            raise InputError(f"{c}:{a}:{b} names a label twice: between needs three")
    is_new = np.isin(labels, list(new))
    if len(set(labels[~is_new])) < 2 or (~is_new).sum() < 4:
        raise InputError(
            f"new groups are placed among known ones, and {len(set(labels[~is_new]))} labels of "
            f"{(~is_new).sum()} clips are known: give two labels and four clips or more"
        )
    return is_new


@dataclass(frozen=True)
class _Placed:
    """Clips in the space of all.

    Attributes
    ----------
    points : (n, p) array
    labels : (n,) array
    is_new : (n,) bool array
    resamples
        Of all clips.
    """

    points: Floats
    labels: NDArray[np.str_]
    is_new: NDArray[np.bool_]
    resamples: Resamples

    @property
    def names(self) -> list[str]:
        """All labels."""
        return [str(name) for name in np.unique(self.labels)]

    def is_new_label(self, name: str) -> bool:
        """Whether a label is new."""
        return bool(self.is_new[self.labels == name].any())

    def centre(self, name: str) -> Floats:
        """(p,)"""
        found: Floats = self.points[self.labels == name].mean(0)
        return found

    def centres_drawn(self, name: str) -> Floats:
        """(n_resamples, p) centres of a label in the resamples; NaN where none of its clips was drawn."""
        mine = self.labels == name
        return self.resamples.of(mine).means(self.points[mine])

    def company(self, seed: int) -> tuple[list[Row], dict[str, Any]]:
        """Own neighbours and silhouettes by label, and by clip."""
        D = distances(self.points)
        n, member = len(self.labels), np.unique(self.labels, return_inverse=True)[1]
        others = np.bincount(member)[member] - 1
        own = _own_neighbours(D, member, others)
        width = all_silhouettes(D, [self.labels])[0].values
        luck = _shuffled_widths(D, member, seed)  # (shuffles, labels)
        rows = []
        for k, name in enumerate(self.names):
            mine = member == k
            some = self.resamples.of(mine)
            data, size = "" if self.is_new_label(name) else "known", int(mine.sum())
            draws = some.means(np.column_stack([own[mine], width[mine]]))
            if size > 1:
                estimate = some.share(float(own[mine].mean()), draws[:, 0], size)
                rows.append(row("own neighbours", estimate, of=name, data=data))
                rows.append(row("own neighbours by chance", exact((size - 1) / (n - 1), size), of=name, data=data))
            estimate = some.estimate(float(width[mine].mean()), draws[:, 1], size)
            rows.append(row("silhouette", estimate, of=name, data=data))
            rows.append(row("silhouette by chance", _band(luck[:, k], "shuffled labels"), of=name, data=data))
        rows.sort(key=lambda each: each["data"])
        return rows, {"own_neighbours": own.round(4), "silhouette": width.round(4)}

    def centre_rows(self) -> list[Row]:
        """How far each new label is from every other, and which known one is nearest."""
        drawn = {name: self.centres_drawn(name) for name in self.names}
        known = [name for name in self.names if not self.is_new_label(name)]
        rows = []
        for name in filter(self.is_new_label, self.names):
            away = {other: np.linalg.norm(drawn[other] - drawn[name], axis=1) for other in self.names if other != name}
            far = np.stack([np.nan_to_num(away[other], nan=np.inf) for other in known], 1)
            first = far.argmin(1)
            plain = {other: float(np.linalg.norm(self.centre(other) - self.centre(name))) for other in away}
            for k in np.argsort([plain[other] for other in known], kind="stable"):
                share = exact(float((first == k).mean()), len(first))
                rows.append(row("nearest in resamples", share, of=name, to=known[int(k)]))
            size = int((self.labels == name).sum())
            for other in sorted(away, key=lambda other: plain[other]):
                estimate = self.resamples.estimate(plain[other], _about(plain[other], away[other]), size)
                rows.append(row("centre distance", estimate, of=name, to=other))
        return rows

    def nearest_known(self) -> list[str]:
        """The known label whose centre is nearest to each clip."""
        known = [name for name in self.names if not self.is_new_label(name)]
        centres = np.stack([self.centre(name) for name in known])
        away = np.square(self.points[:, None] - centres).sum(2)  # (n, labels)
        return [known[k] for k in away.argmin(1)]

    def between_rows(self, triple: tuple[str, str, str], seed: int) -> list[Row]:
        """Where C falls on the line from A to B, beside random clips of other labels (of all, where there are none)."""
        c, a, b = triple
        plain = on_line(*(self.centre(name)[None] for name in triple))
        drawn = on_line(*(self.centres_drawn(name) for name in triple))
        others, size = ~np.isin(self.labels, triple), int((self.labels == c).sum())
        rest = self.points[others if others.any() else slice(None)]
        rng = np.random.default_rng([seed, 3])
        random = np.stack([rest[rng.permutation(len(rest))[:size]].mean(0) for _ in range(SHUFFLES)])
        luck = on_line(random, self.centre(a), self.centre(b))
        factors = {"of": c, "to": f"{a} – {b}"}
        rows = []
        for name, value, draws, chance in zip(("betweenness", "off-line distance"), plain, drawn, luck, strict=True):
            around = draws if name == "betweenness" else _about(float(value[0]), draws)
            rows.append(row(name, self.resamples.estimate(float(value[0]), around, size), **factors))
            rows.append(row(f"{name} by chance", _band(chance, "as many random clips"), **factors))
        return rows


def on_line(c: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    r"""Where points fall along the line from a to b, and how far off it they lie.

    .. math:: t = \langle c - a, b - a \rangle / \|b - a\|^2, \quad \|c - a - t (b - a)\| / \|b - a\|

    Parameters
    ----------
    c, a, b : (m, p) arrays

    Returns
    -------
    (m,) arrays
        t is 0 at a and 1 at b; the distance is in lengths of the line.
    """
    line = b - a
    square = np.square(line).sum(-1)
    t = ((c - a) * line).sum(-1) / square
    return t, np.sqrt(np.square(c - a - t[..., None] * line).sum(-1) / square)


def _triples(where: _Placed, new: Sequence[str], between: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those asked for, then each new label between the two labels nearest to it."""
    asked = [(c, a, b) for c, a, b in between]
    for name in new:
        away = {o: float(np.linalg.norm(where.centre(o) - where.centre(name))) for o in where.names if o != name}
        a, b = sorted(sorted(away, key=lambda other: away[other])[:2])
        if (name, a, b) not in asked and (name, b, a) not in asked:
            asked.append((name, a, b))
    return asked


def _own_neighbours(D: Floats, member: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
    """(n,) share of the ten nearest clips, or of as many as the label has others, with the same label."""
    far = D + np.where(np.eye(len(D), dtype=bool), np.inf, 0)
    near = np.argsort(far, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(D) - 1)]
    same = member[near] == member[:, None]
    counted = np.arange(near.shape[1]) < np.minimum(others, NEIGHBOURS)[:, None]
    share: Floats = (same & counted).sum(1) / np.maximum(counted.sum(1), 1)
    return share


def _shuffled_widths(D: Floats, member: NDArray[np.int64], seed: int) -> Floats:
    """(shuffles, labels) mean silhouettes of each label with shuffled labels."""
    rng = np.random.default_rng([seed, 4])
    size = np.bincount(member)
    rows: list[Floats] = []
    for _ in range(0, SHUFFLES, _AT_A_TIME):
        shuffled = [rng.permutation(member) for _ in range(_AT_A_TIME)]
        found = all_silhouettes(D, shuffled)
        rows += [np.bincount(m, w.values) / size for m, w in zip(shuffled, found, strict=True)]
    return np.stack(rows[:SHUFFLES])


def _about(value: float, draws: Floats) -> Floats:
    """Resampled lengths moved onto the measured one: centres of resamples scatter, which only ever adds length."""
    return np.maximum(draws + value - np.nanmean(draws), 0)


def _band(values: Floats, note: str) -> Estimate:
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high), len(values), note)


def _differences(items: pd.DataFrame, control: AuditResult, n_resamples: int, seed: int) -> list[Row]:
    """Own neighbours of each new label, here less the control's, on the clips that both have."""
    ours, theirs = paired(items[items["new"]], control.items, ["clip"])
    rows = []
    for name in dict.fromkeys(ours["label"]):
        mine = (ours["label"] == name).to_numpy()
        values = (ours["own_neighbours"] - theirs["own_neighbours"]).to_numpy(float)[mine]
        of = ours["group"].to_numpy()[mine] if "group" in ours else None
        resamples = Resamples.draw(len(values), of, n_resamples, seed)
        estimate = resamples.estimate(values.mean(), resamples.means(values[:, None])[:, 0])
        rows.append(row("difference", estimate, of=name, control=control.encoder))
    return rows
