"""How much each class's probe leans on the direction between domains, in the space as it is and in a kernel's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from earwitness.audits._crossed import learn, samples
from earwitness.audits._directions import contrast
from earwitness.audits._domains import Question
from earwitness.audits._geometry import Floats, Geometry
from earwitness.audits._shuffled import Cosines, CosineTest, Members, p_value
from earwitness.audits._tables import Row, exact, row
from earwitness.correction import chance_cosine, metric_cosine, participation_ratio
from earwitness.stats import Estimate

SCOPES = ("global", "class-wise")
SPACES = ("linear", "kernel")
LEVELS = 20
"""Shuffles that show the level of the probes' own cosines; tests have more, of least-squares probes."""

_NO_INTERVAL = "no interval: the test beside it shuffles the domains"


@dataclass(frozen=True)
class Leaning:
    """Cosines in one space.

    Attributes
    ----------
    space
        "linear" or "kernel".
    cosines, metric
        By scope, (domains, K): |cosine|, and that in the metric of the covariance within domains (None in a kernel).
    level
        By scope, (shuffles,) means over domains and classes where the domain means nothing.
    p
        By scope, of the mean over domains and classes.
    class_p
        By scope, (domains, K).
    spread
        By scope, participation ratio of the direction (for "class-wise" (K,)), or None in a kernel.
    """

    space: str
    cosines: dict[str, Floats]
    metric: dict[str, Floats] | None
    level: dict[str, Floats]
    p: dict[str, float]
    class_p: dict[str, Floats]
    spread: dict[str, Floats] | None


def leaning(
    question: Question, clips: Geometry, space: str, strengths: Sequence[float], shuffled: Members | None, seed: int
) -> Leaning:
    """The cosines of every domain's probes with the directions of all clips and of each class's.

    Parameters
    ----------
    question, clips
        n clips, standardised over all.
    space
        Its name.
    strengths
        C of each domain's probes.
    shuffled : (shuffles, n) array or None
        Domains to compare with.
    seed
        Of the samples.
    """
    test = CosineTest(question, clips)
    cosines, metric, spread = _measured(question, clips, test, question.member, strengths, seed)
    observed = test(question.member)
    others = [] if shuffled is None else [test(member) for member in shuffled]
    some: Iterable[Members] = [] if shuffled is None else shuffled[:LEVELS]
    levels = [_measured(question, clips, test, member, strengths, seed, bare=True)[0] for member in some]
    return Leaning(
        space=space,
        cosines={scope: _scope(cosines, scope) for scope in SCOPES},
        metric=metric,
        level={scope: np.array([np.nanmean(_scope(one, scope)) for one in levels]) for scope in SCOPES},
        p={scope: _p(float(np.nanmean(_scope(observed, scope))), others, scope) for scope in SCOPES},
        class_p={scope: _class_p(_scope(observed, scope), others, scope) for scope in SCOPES},
        spread=spread,
    )


def _scope(found: Cosines, scope: str) -> Floats:
    return found.everywhere if scope == "global" else found.classwise


def _p(observed: float, others: Sequence[Cosines], scope: str) -> float:
    if not others:
        return float("nan")
    return p_value(observed, np.array([np.nanmean(_scope(one, scope)) for one in others]))


def _class_p(observed: Floats, others: Sequence[Cosines], scope: str) -> Floats:
    if not others:
        return np.full(observed.shape, np.nan)
    stacked = np.stack([_scope(one, scope) for one in others])
    return np.array(
        [[p_value(observed[s, k], stacked[:, s, k]) for k in range(observed.shape[1])] for s in range(len(observed))]
    )


Measured = tuple[Cosines, dict[str, Floats] | None, dict[str, Floats] | None]


def _measured(
    question: Question,
    clips: Geometry,
    test: CosineTest,
    member: Members,
    strengths: Sequence[float],
    seed: int,
    bare: bool = False,
) -> Measured:
    """Cosines with the logistic probes if these were the domains; more than cosines unless `bare`."""
    asked = replace(question, member=member)
    everything = np.arange(len(question))
    some = samples(asked, everything, np.random.default_rng([seed, 1]))
    shape = (len(question.domains), len(question.classes))
    found = {scope: np.full(shape, np.nan) for scope in SCOPES}
    metric = {scope: np.full(shape, np.nan) for scope in SCOPES}
    spread = {scope: np.full(shape, np.nan) for scope in SCOPES}
    within = None if bare else _within(clips, member)
    for source, strength in enumerate(strengths):
        v = np.zeros((len(question), shape[1]))
        for k, (rows, one) in enumerate(learn(asked, clips, some, source, strength)):
            v[rows, k] = one.alpha
        whole = test.whole.directions(contrast(member, source)[:, None])
        directions = {"global": np.repeat(whole, shape[1], axis=1), "class-wise": test.own_directions(member, source)}
        for scope, w in directions.items():
            found[scope][source] = np.abs(clips.cosine(w, v))
            if within is not None and clips.features is not None:
                W, V = w.T @ clips.features, v.T @ clips.features
                metric[scope][source] = np.abs(metric_cosine(W, V, within))
                spread[scope][source] = participation_ratio(W) if W.any() else np.nan
    cosines = Cosines(found["global"], found["class-wise"])
    return (cosines, None, None) if within is None else (cosines, metric, spread)


def _within(clips: Geometry, member: Members) -> Floats | None:
    """The clips about the means of their domains; None in a kernel's space."""
    if clips.features is None:
        return None
    out = clips.features.copy()
    for domain in np.unique(member):
        out[member == domain] -= out[member == domain].mean(0)
    return out


def rows_of(question: Question, found: Leaning) -> list[Row]:
    """The table's rows of one space."""
    n, rows = len(question), []
    size = question.embeddings.size if found.space == "linear" else n - 1
    for scope in SCOPES:
        factors = {"scope": scope, "space": found.space}
        rows.append(row("cosine", _bare(np.nanmean(found.cosines[scope]), n), **factors))
        rows.append(row("shuffled cosine", _range(found.level[scope], n), **factors))
        rows.append(row("random cosine", exact(chance_cosine(size), n), **factors))
        if found.metric is not None:
            rows.append(row("metric cosine", _bare(np.nanmean(found.metric[scope]), n), **factors))
    for scope in SCOPES:
        factors = {"scope": scope, "space": found.space}
        for s, source in enumerate(question.domains):
            rows.append(row("cosine", _bare(np.nanmean(found.cosines[scope][s]), n), train=source, **factors))
            for k, name in enumerate(question.classes):
                here = {"train": source, "class": name, **factors}
                rows.append(row("cosine", _bare(found.cosines[scope][s, k], n), **here))
                rows.append(row("shuffle p", _bare(found.class_p[scope][s, k], n, ""), of="cosine", **here))
                if found.metric is not None:
                    rows.append(row("metric cosine", _bare(found.metric[scope][s, k], n), **here))
        rows += _spreads(question, found, scope)
    return rows


def _spreads(question: Question, found: Leaning, scope: str) -> list[Row]:
    if found.spread is None:
        return []
    values, factors = found.spread[scope], {"scope": scope, "space": found.space}
    if scope == "global":
        return [row("participation ratio", _bare(np.nanmean(values), len(question), ""), **factors)]
    rows = [row("participation ratio", _bare(np.nanmean(values), len(question), ""), **factors)]
    return rows + [
        row("participation ratio", _bare(np.nanmean(values[:, k]), len(question), ""), **factors, **{"class": name})
        for k, name in enumerate(question.classes)
    ]


def _bare(value: float | np.floating[Any], n: int, note: str = _NO_INTERVAL) -> Estimate:
    return Estimate(float(value), np.nan, np.nan, n, note or "exact")


def _range(levels: Floats, n: int) -> Estimate:
    if not len(levels):
        return Estimate(np.nan, np.nan, np.nan, n, "no clips of different domains are alike, so none can be shuffled")
    low, high = np.quantile(levels, [0.025, 0.975])
    return Estimate(float(levels.mean()), float(low), float(high), n, f"range of {len(levels)} shuffles")
