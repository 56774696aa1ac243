"""Embeddings after each correction, fold by fold, learnt from the clips that a fold does not test.

Conventions: vectors come in standardised over the training clips of all domains. A correction sees the training clips
of the domain that is tested without their labels; one by class sees their labels as well, which is said. What needs to
be aligned with a target is made for each domain as the target; everything else serves all targets.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.audits._crossed import Lesson
from earwitness.audits._domains import Question
from earwitness.audits._geometry import Floats
from earwitness.correction import METHODS, make_correction
from earwitness.errors import InputError

CLASSWISE = " by class"
"""End of the name of a correction that is fitted on the clips of the class alone."""

PER_STRATUM = ("mlda", "mklda")
KERNEL = ("k", "klda", "mklda")
TARGETED = ("coral",)
REPRESENTATIONS = ("none", "k")
"""What takes nothing out: the embedding as it is, and the kernel's features of it, another space for the probes."""

NOT_COMPARED = ("none", "random")
BY_CLASS = ("lda", "mean")


def acts_on(name: str) -> str:
    """What a correction is compared with: that without which it would be itself."""
    return "k" if name in KERNEL and name not in REPRESENTATIONS else "none"


@dataclass(frozen=True)
class Corrected:
    """One correction in one fold.

    Attributes
    ----------
    vectors
        By target domain, (n, d') vectors of all clips; one array for all where the target makes no difference.
    removed
        Dimensions taken away; None where clips are moved, not projected.
    variance
        Variance of the change over that of the vectors.
    """

    vectors: list[Floats]
    removed: int | None
    variance: float


def names_for(question: Question, methods: tuple[str, ...] | None, by_class: bool) -> list[str]:
    """The corrections to judge: those asked for, or all that the clips allow.

    Raises
    ------
    InputError
        If a name is unknown, or one needs strata and there are none.
    """
    stratified = bool((question.strata != "").any())
    if methods is None:
        chosen = [name for name in METHODS if name not in NOT_COMPARED]
        chosen = [name for name in chosen if stratified or name not in PER_STRATUM]
    else:
        for name in methods:
            make_correction(name)
            if name in PER_STRATUM and not stratified:
                raise InputError(
                    f"the correction {name!r} needs a column of strata (genre, say): name one, or leave it"
                )
        chosen = [name for name in methods if name not in NOT_COMPARED]
    if "k" not in chosen and any(acts_on(name) == "k" for name in chosen):
        chosen.insert(0, "k")
    if by_class:
        chosen += [name + CLASSWISE for name in chosen if name in BY_CLASS]
    return chosen


def correct(method: str, question: Question, lesson: Lesson, Z: Floats, base: Floats, seed: int) -> Corrected:
    """All clips after a correction that was learnt from the lesson's training clips.

    Parameters
    ----------
    method
        A name of `earwitness.correction.METHODS`.
    question, lesson
        What is asked, and in which fold.
    Z : (n, d) array
        Vectors as they are, standardised.
    base : (n, d') array
        What the change is measured against: Z, or the kernel's features of Z.
    seed
        Of kernels and random directions.
    """
    train = lesson.train
    domains = np.array(question.domains, dtype=object)[question.member]
    strata = question.strata if method in PER_STRATUM else None
    targets: tuple[str | None, ...] = tuple(question.domains) if method in TARGETED else (None,)
    vectors, removed = [], None
    for target in targets:
        options: dict[str, Any] = {} if target is None else {"target": target}
        made = make_correction(method, **options)
        if "random_state" in made.get_params():
            made.set_params(random_state=seed)
        learnt = None if strata is None else strata[train]
        made.fit(Z[train], sample_domain=domains[train], strata=learnt)
        vectors.append(np.asarray(made.transform(Z, sample_domain=domains), np.float64))
        removed = getattr(made, "n_removed_", None)
    return Corrected(vectors, removed, _change(vectors, base[train], train))


def correct_by_class(method: str, question: Question, lesson: Lesson, Z: Floats) -> list[Corrected]:
    """By class, all clips after a projection that was learnt from the training clips of the class alone."""
    domains = np.array(question.domains, dtype=object)[question.member]
    found = []
    for k in range(len(question.classes)):
        rows = lesson.train[question.truth[lesson.train, k] == 1]
        made = make_correction(method.removesuffix(CLASSWISE), standardize="none")
        if len(set(question.member[rows])) < len(question.domains):
            found.append(Corrected([Z], 0, 0.0))
            continue
        made.fit(Z[rows], sample_domain=domains[rows])
        vectors = [np.asarray(made.transform(Z), np.float64)]
        found.append(
            Corrected(vectors, getattr(made, "n_removed_", None), _change(vectors, Z[lesson.train], lesson.train))
        )
    return found


def _change(vectors: list[Floats], before: Floats, train: NDArray[np.intp]) -> float:
    """Variance of the difference over the variance before, mean over targets; NaN in another space."""
    if vectors[0].shape[1] != before.shape[1]:
        return float("nan")
    total = before.var(0).sum()
    return float(np.mean([(one[train] - before).var(0).sum() / total for one in vectors]))


def for_target(found: Corrected, target: int) -> Floats:
    """The vectors that serve a target domain."""
    return found.vectors[min(target, len(found.vectors) - 1)]


def without_domain(question: Question, lesson: Lesson, domain: int) -> Lesson:
    """The lesson without the training clips of one domain."""
    return replace(lesson, train=lesson.train[question.member[lesson.train] != domain])
