"""Probes trained on each domain and asked about every domain, on clips and groups that no probe has seen.

Conventions: in each fold, vectors are standardised over the clips of all domains that are learnt from; a probe of one
class learns from one domain, whose sample is as large and as mixed as that of the other domains; the penalty is chosen
once a domain and fold, by folds within what is learnt from. Scores are log odds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from earwitness.audits._domains import UNKNOWN, Question, coordinates
from earwitness.audits._folds import Folds, stratified_folds
from earwitness.audits._geometry import Floats, Geometry, gaussian
from earwitness.audits._logistic import Fitted, fit_logistic
from earwitness.audits._sampling import Rows, equal_sample
from earwitness.errors import InputError

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties C, for standardised features."""

KERNEL_STRENGTHS = (1e-1, 1.0, 1e1, 1e2, 1e3)
"""The same in the space of a kernel, in which clips have length one."""

INNER_FOLDS = 3


@dataclass(frozen=True)
class Lesson:
    """What a fold's probes learn from and are asked.

    Attributes
    ----------
    train, test
        Rows of all domains.
    samples
        Rows by class, then by domain.
    inner
        By domain, folds among its training rows; the last are among those of all domains.
    """

    train: Rows
    test: Rows
    samples: list[list[Rows]]
    inner: list[list[tuple[Rows, Rows]]]


def lessons(question: Question, folds: Folds, seed: int) -> list[Lesson]:
    """One lesson a fold."""
    return [
        lesson(question, train, test, np.random.default_rng([seed, fold]), seed)
        for fold, (train, test) in enumerate(folds)
    ]


def lesson(question: Question, train: Rows, test: Rows, rng: np.random.Generator, seed: int) -> Lesson:
    """What is learnt from some rows and asked of others."""
    parts = [train[question.member[train] == domain] for domain in range(len(question.domains))]
    inner = [list(inner_folds(question, rows, seed)) for rows in (*parts, train)]
    return Lesson(train, test, samples(question, train, rng), inner)


def samples(question: Question, rows: Rows, rng: np.random.Generator) -> list[list[Rows]]:
    """Equal samples among these rows, by class, then by domain."""
    member, strata = question.member[rows], question.strata[rows]
    found = []
    for k in range(len(question.classes)):
        some = equal_sample(question.truth[rows, k], member, strata, rng)
        found.append([rows[part] for part in some])
    return found


def crossed(question: Question, taught: Sequence[Lesson]) -> tuple[Floats, list[list[float]]]:
    """(domains, n, K) scores of every clip by the probes of each domain; the strengths, by fold and domain."""
    J, K = len(question.domains), len(question.classes)
    scores, chosen = np.full((J, len(question), K), np.nan), []
    for lesson in taught:
        clips = Geometry.of(coordinates(question, lesson.train))
        chosen.append([best_strength(question, clips, lesson, source, STRENGTHS) for source in range(J)])
        for source, strength in enumerate(chosen[-1]):
            probes = learn(question, clips, lesson.samples, source, strength)
            scores[source][lesson.test] = ask(clips, lesson.test, probes)
    return scores, chosen


Probes = list[tuple[Rows, Fitted]]
"""By class: the rows learnt from, and what was learnt."""


def learn(
    question: Question,
    clips: Geometry,
    some: Sequence[Sequence[Rows]],
    source: int,
    strength: float,
) -> Probes:
    """A probe of each class, learnt from one domain's samples."""
    found: Probes = []
    for k, by_domain in enumerate(some):
        rows = by_domain[source]
        if not found or not np.array_equal(rows, found[-1][0]):  # classes mostly share their rows
            part = clips.part(rows)
        one = fit_logistic(part, question.truth[rows, k] == 1, strength)
        found.append((rows, one))
    return found


def ask(clips: Geometry, rows: Rows, probes: Probes) -> Floats:
    """(len(rows), K) scores."""
    return np.stack([clips.scores(rows, learnt, one.alpha) + one.intercept for learnt, one in probes], axis=1)


def best_strength(
    question: Question, clips: Geometry, lesson: Lesson, source: int, strengths: Sequence[float]
) -> float:
    """The C with the largest mean ROC-AUC over the classes, on clips of the same domain that were held out."""
    total = np.zeros(len(strengths))
    for train, test in lesson.inner[source]:
        for k, by_domain in enumerate(lesson.samples):
            rows = np.intersect1d(by_domain[source], train)
            asked = test[question.truth[test, k] != UNKNOWN]
            truth = question.truth[asked, k] == 1
            if truth.all() or not truth.any():
                continue
            part, between, one = clips.part(rows), clips.products(asked, rows), None
            for place, strength in enumerate(strengths):
                one = fit_logistic(part, question.truth[rows, k] == 1, strength, one)
                total[place] += auc_of(truth[:, None], (between @ one.alpha)[:, None])[0]
    # On a plateau the strongest penalty: scores of separable clips do not change any more.
    return strengths[int((total > total.max() - 1e-9).argmax())]


def inner_folds(question: Question, rows: Rows, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Folds among some rows; none where they are too few."""
    try:
        units = question.units[rows] if question.grouped else None
        made = stratified_folds(question.spread[rows], units, INNER_FOLDS, seed)
    except InputError:
        return
    for train, test in made:
        yield rows[train], rows[test]


def auc_of(truth: NDArray[np.bool_], scores: Floats) -> Floats:
    """ROC-AUC of each column; ties count half, NaN where one side is missing."""
    rank = rankdata(scores, axis=0)
    positive = truth.sum(0)
    negative = len(truth) - positive
    pairs = positive * negative
    above = (rank * truth).sum(0) - positive * (positive + 1) / 2
    return np.asarray(np.divide(above, pairs, out=np.full(scores.shape[1], np.nan), where=pairs > 0))


def domain_scores(
    question: Question, taught: Sequence[Lesson], *, kernel: bool, X: Sequence[Floats] | None = None
) -> Floats:
    """(n, domains) scores of each domain against the others, by probes that have not seen the clip or its group.

    Parameters
    ----------
    question, taught
        What is asked.
    kernel
        Logistic regression with a Gaussian kernel, whose width is the median distance, in place of a linear one.
    X
        Vectors by fold, where not those of the question in standard coordinates.
    """
    J = len(question.domains)
    scores = np.full((len(question), J), np.nan)
    is_of = question.member[:, None] == np.arange(J)
    for fold, lesson in enumerate(taught):
        here = coordinates(question, lesson.train) if X is None else X[fold]
        clips = gaussian(here, lesson.train) if kernel else Geometry.of(here)
        strength = _best_for_domains(clips, lesson, is_of, kernel)
        for j in range(1 if J == 2 else J):
            one = fit_logistic(clips.part(lesson.train), is_of[lesson.train, j], strength)
            scores[lesson.test, j] = clips.scores(lesson.test, lesson.train, one.alpha) + one.intercept
    if J == 2:
        scores[:, 1] = -scores[:, 0]
    return scores


def _best_for_domains(clips: Geometry, lesson: Lesson, is_of: NDArray[Any], kernel: bool) -> float:
    strengths = KERNEL_STRENGTHS if kernel else STRENGTHS
    total = np.zeros(len(strengths))
    for learnt, asked in lesson.inner[-1][:1]:  # many clips: one look is enough
        part, between = clips.part(learnt), clips.products(asked, learnt)
        for j in range(1 if is_of.shape[1] == 2 else is_of.shape[1]):
            one = None
            for place, strength in enumerate(strengths):
                one = fit_logistic(part, is_of[learnt, j], strength, one)
                total[place] += np.nan_to_num(auc_of(is_of[asked, j : j + 1], (between @ one.alpha)[:, None])[0])
    return strengths[int((total > total.max() - 1e-9).argmax())]
