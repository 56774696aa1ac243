"""Every correction under the same probes: what they read within and across domains, and of the domain itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from earwitness.audits._corrected import (
    CLASSWISE,
    KERNEL,
    TARGETED,
    Corrected,
    correct,
    correct_by_class,
    for_target,
    without_domain,
)
from earwitness.audits._crossed import (
    KERNEL_STRENGTHS,
    STRENGTHS,
    Lesson,
    Probes,
    ask,
    best_strength,
    domain_scores,
    learn,
)
from earwitness.audits._directions import Shrunk, contrast
from earwitness.audits._domains import Question, coordinates
from earwitness.audits._geometry import Floats, Geometry
from earwitness.audits._logistic import fit_logistic

NOTHING = 1e-12
"""Squared distance of the domains' means, in squared distances of a clip from the mean, that is rounding."""


@dataclass(frozen=True)
class Ground:
    """What all corrections of one fold start from.

    Attributes
    ----------
    Z : (n, d) array
        Vectors, standardised over the training clips.
    features : (n, d') array
        The kernel's features of them.
    strengths
        C by "linear" and "kernel", then by domain: chosen without any correction.
    """

    lesson: Lesson
    Z: Floats
    features: Floats
    strengths: dict[str, list[float]]


@dataclass(frozen=True)
class Judged:
    """One correction over all folds.

    Attributes
    ----------
    name
        Of the correction.
    scores : (domains, n, K) array
        Held-out scores by the domain learnt from.
    pooled : (n, K) array or None
        Scores of each clip by probes and a correction that learnt from all domains but its own; None for two domains.
    domains
        (n, domains) scores of the domain by a linear and a non-linear probe; None where vectors differ by class.
    cosine
        Mean |cosine| of the domain direction and the probes, both learnt after the correction; NaN where the means of
        the training domains coincide, so that there is no direction.
    removed
        By fold, dimensions taken away; None where none are.
    variance
        Mean share of the variance.
    """

    name: str
    scores: Floats
    pooled: Floats | None
    domains: list[Floats] | None
    cosine: float
    removed: list[int] | None
    variance: float


def grounds(question: Question, taught: Sequence[Lesson], seed: int) -> list[Ground]:
    """The start of every fold."""
    found = []
    for lesson in taught:
        Z = coordinates(question, lesson.train)
        features = correct("k", question, lesson, Z, Z, seed).vectors[0]
        sources = range(len(question.domains))
        linear, kernel = Geometry.of(Z), Geometry.of(features)
        strengths = {
            "linear": [best_strength(question, linear, lesson, s, STRENGTHS) for s in sources],
            "kernel": [best_strength(question, kernel, lesson, s, KERNEL_STRENGTHS) for s in sources],
        }
        found.append(Ground(lesson, Z, features, strengths))
    return found


def judge(name: str, question: Question, starts: Sequence[Ground], seed: int) -> Judged:
    """One correction, learnt and asked in every fold."""
    if name.endswith(CLASSWISE):
        return _judge_by_class(name, question, starts)
    J, K, n = len(question.domains), len(question.classes), len(question)
    scores, cosines, removed, variance, vectors = np.full((J, n, K), np.nan), [], [], [], []
    for start in starts:
        lesson, strengths = start.lesson, start.strengths[space_of(name)]
        base = start.features if space_of(name) == "kernel" else start.Z
        found = Corrected([start.Z], 0, 0.0) if name == "none" else correct(name, question, lesson, start.Z, base, seed)
        spaces = [Geometry.of(one) for one in found.vectors]
        for source in range(J):
            for target, clips in enumerate(spaces):
                asked = lesson.test if len(spaces) == 1 else lesson.test[question.member[lesson.test] == target]
                probes = learn(question, clips, lesson.samples, source, strengths[source])
                scores[source][asked] = ask(clips, asked, probes)
                cosines.append(_cosine(question, clips, lesson, source, probes))
        removed.append(found.removed)
        variance.append(found.variance)
        vectors.append(found.vectors[0])
    lessons = [start.lesson for start in starts]
    return Judged(
        name=name,
        scores=scores,
        pooled=_left_out(name, question, starts, seed) if J > 2 else None,
        domains=[domain_scores(question, lessons, kernel=k, X=vectors) for k in (False, True)],
        cosine=_mean(cosines),
        removed=None if None in removed else [r for r in removed if r is not None],
        variance=float(np.mean(variance)),
    )


def space_of(name: str) -> str:
    """ "kernel" or "linear": where a correction acts."""
    return "kernel" if name in KERNEL else "linear"


def _cosine(question: Question, clips: Geometry, lesson: Lesson, source: int, probes: Probes) -> float:
    """Mean |cosine| of the direction of the training clips and the probes; NaN where their means coincide."""
    train = clips.part(lesson.train)
    apart = contrast(question.member[lesson.train], source)[:, None]
    each = np.eye(len(apart), 1) - 1 / len(apart)
    if train.inner(apart, apart)[0] < NOTHING * train.inner(each, each)[0]:
        return float("nan")
    w = Shrunk.of(train).directions(apart)
    v = np.zeros((len(lesson.train), len(probes)))
    for k, (rows, one) in enumerate(probes):
        v[np.searchsorted(lesson.train, rows), k] = one.alpha
    cosines = np.abs(train.cosine(np.repeat(w, len(probes), axis=1), v))
    return _mean(cosines)


def _mean(values: ArrayLike) -> float:
    """Of those that there are."""
    there = np.asarray(values, np.float64)
    there = there[~np.isnan(there)]
    return float(there.mean()) if len(there) else float("nan")


def _judge_by_class(name: str, question: Question, starts: Sequence[Ground]) -> Judged:
    J, K, n = len(question.domains), len(question.classes), len(question)
    scores, removed, variance = np.full((J, n, K), np.nan), [], []
    for start in starts:
        for k, found in enumerate(correct_by_class(name, question, start.lesson, start.Z)):
            clips, only = Geometry.of(found.vectors[0]), [start.lesson.samples[k]]
            one = replace(question, truth=question.truth[:, k : k + 1])
            for source in range(J):
                probes = learn(one, clips, only, source, start.strengths["linear"][source])
                scores[source][start.lesson.test, k] = ask(clips, start.lesson.test, probes)[:, 0]
            removed.append(found.removed or 0)
            variance.append(found.variance)
    return Judged(name, scores, None, None, float("nan"), removed, float(np.mean(variance)))


def _left_out(name: str, question: Question, starts: Sequence[Ground], seed: int) -> Floats | None:
    """Scores of each clip where neither correction nor probe has seen its domain; None where that cannot be."""
    if name in (*TARGETED, "zscore"):
        return None
    scores = np.full((len(question), len(question.classes)), np.nan)
    for start in starts:
        for domain in range(len(question.domains)):
            lesson = without_domain(question, start.lesson, domain)
            Z = coordinates(question, lesson.train)
            found = Corrected([Z], 0, 0.0) if name == "none" else correct(name, question, lesson, Z, Z, seed)
            clips = Geometry.of(for_target(found, 0))
            others = [d for d in range(len(question.domains)) if d != domain]
            strength = float(np.median([start.strengths[space_of(name)][d] for d in others]))
            asked = lesson.test[question.member[lesson.test] == domain]
            for k, by_domain in enumerate(lesson.samples):
                rows = np.sort(np.concatenate([by_domain[d] for d in others]))
                one = fit_logistic(clips.part(rows), question.truth[rows, k] == 1, strength)
                scores[asked, k] = clips.scores(asked, rows, one.alpha) + one.intercept
    return scores
