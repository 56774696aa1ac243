"""What the numbers of bias come to where the domain means nothing: domains shuffled among clips that should be alike.

Conventions: a shuffle gives the domains of clips (or whole groups) of the same labels (see `Question.alike`), stratum
and fold to each other at random; everything is learnt anew from every shuffle. The probes in it are least-squares
ones, with the penalty that Ledoit and Wolf's shrinkage of all clips amounts to, since some ten thousand are needed:
shuffled and unshuffled clips are compared by the same numbers, so that the test holds exactly whatever the probe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from earwitness.audits._crossed import Lesson, auc_of
from earwitness.audits._directions import Shrunk, centred, contrast
from earwitness.audits._domains import UNKNOWN, Question
from earwitness.audits._geometry import Floats, Geometry

Members = NDArray[np.int64]


def shuffles(question: Question, fold: NDArray[np.int64], count: int, seed: int) -> Members | None:
    """(count, n) domains after each shuffle; None where no clips of different domains are alike.

    Parameters
    ----------
    question
        n clips.
    fold : (n,) array
        In which each clip is tested. Clips are shuffled within folds: these are drawn evenly over domains and classes,
        and shuffled domains must be as even, or probes on them would suffer from it.
    count, seed
        How many, and of what.
    """
    # A group may lie in two domains: what keeps together is a group in a domain.
    keys = question.units * len(question.domains) + question.member
    _, first, unit = np.unique(keys, return_index=True, return_inverse=True)
    domain, cell = question.member[first], (question.cells * (fold.max() + 1) + fold)[first]
    alike = [np.flatnonzero(cell == c) for c in np.unique(cell)]
    alike = [units for units in alike if len(np.unique(domain[units])) > 1]
    if not alike:
        return None
    rng = np.random.default_rng([seed, 7])
    shuffled = np.tile(domain, (count, 1))
    for units in alike:
        shuffled[:, units] = rng.permuted(shuffled[:, units], axis=1)
    return shuffled[:, unit]


@dataclass(frozen=True)
class Cosines:
    """|cosines| of domain and class directions.

    Attributes
    ----------
    everywhere : (domains, K) array
        With the direction of all clips.
    classwise : (domains, K) array
        With the direction of the clips of the class alone.
    """

    everywhere: Floats
    classwise: Floats


class CosineTest:
    """Cosines with least-squares probes, for any assignment of domains.

    Parameters
    ----------
    question
        n clips.
    clips
        Their geometry.
    """

    def __init__(self, question: Question, clips: Geometry) -> None:
        self.clips, self.domains = clips, len(question.domains)
        self.truth = question.truth
        self.whole = Shrunk.of(clips)
        self.positive = [np.flatnonzero(has == 1) for has in question.truth.T]
        self.classes = [Shrunk.of(clips.part(rows)) for rows in self.positive]

    def __call__(self, member: Members) -> Cosines:
        """The cosines if these were the domains."""
        K = len(self.positive)
        everywhere, classwise = np.full((self.domains, K), np.nan), np.full((self.domains, K), np.nan)
        for source in range(self.domains):
            v = self._probes(member == source)
            w = self.whole.directions(contrast(member, source)[:, None])
            everywhere[source] = np.abs(self.clips.cosine(np.repeat(w, K, axis=1), v))
            own = self.own_directions(member, source)
            classwise[source] = np.abs(self.clips.cosine(own, v))
        return Cosines(everywhere, classwise)

    def own_directions(self, member: Members, source: int) -> Floats:
        """(n, K) weights of the directions of each class's clips; 0 where a side is missing."""
        found = np.zeros(self.truth.shape)
        for k, (rows, shrunk) in enumerate(zip(self.positive, self.classes, strict=True)):
            mine = member[rows]
            if (mine == source).any() and (mine != source).any():
                found[rows, k] = shrunk.directions(contrast(mine, source)[:, None])[:, 0]
        return found

    def _probes(self, mine: NDArray[np.bool_]) -> Floats:
        """(n, K) weights of least-squares probes of every class, learnt from these clips."""
        rows = np.flatnonzero(mine)
        found = np.zeros(self.truth.shape)
        gram = self.clips.products(rows, rows)
        found[rows] = _least_squares(gram, _targets(self.truth[rows]), self.whole.relative_ridge)
        return found


class DropTest:
    """ROC-AUC that is lost across domains, with least-squares probes, for any assignment of domains.

    Parameters
    ----------
    question
        n clips.
    clips
        Their geometry.
    taught
        Folds.
    """

    def __init__(self, question: Question, clips: Geometry, taught: Sequence[Lesson]) -> None:
        self.clips, self.taught, self.domains = clips, taught, len(question.domains)
        self.truth = question.truth
        self.gram = clips.products(np.arange(len(question)), np.arange(len(question)))
        self.ridge = Shrunk.of(clips).relative_ridge
        self.all_known = not (self.truth == UNKNOWN).any()

    def __call__(self, member: Members) -> float:
        """Mean over classes and pairs of domains: trained and tested in one, less trained in the other."""
        J = self.domains
        scores = np.zeros((J, *self.truth.shape))
        for lesson in self.taught:
            for source in range(J):
                rows = lesson.train[member[lesson.train] == source]
                scores[source][lesson.test] = self._asked(rows, lesson.test)
        lost = []
        for target in range(J):
            here = member == target
            auc = np.stack([self._auc(self.truth[here], scores[source][here]) for source in range(J)])
            lost += [auc[target] - auc[source] for source in range(J) if source != target]
        return float(np.nanmean(lost))

    def _asked(self, rows: NDArray[np.intp], test: NDArray[np.intp]) -> Floats:
        gram, targets = self.gram[np.ix_(rows, rows)], _targets(self.truth[rows])
        alpha = _least_squares(gram, targets, self.ridge)
        share = (self.truth[rows] == 1).mean(0)
        return np.asarray(self.gram[np.ix_(test, rows)] @ alpha - gram.mean(0) @ alpha + share)

    def _auc(self, truth: NDArray[np.int8], scores: Floats) -> Floats:
        if self.all_known:
            return auc_of(truth == 1, scores)
        there = [np.flatnonzero(has != UNKNOWN) for has in truth.T]
        return np.array(
            [auc_of(truth[rows, k : k + 1] == 1, scores[rows, k : k + 1])[0] for k, rows in enumerate(there)]
        )


def domain_test(clips: Geometry, taught: Sequence[Lesson], members: Members, domains: int) -> Floats:
    """(shuffles,) mean ROC-AUC of each domain against the others, by least-squares probes on held-out clips.

    Parameters
    ----------
    clips
        n clips.
    taught
        Folds.
    members : (shuffles, n) array
        Domains.
    domains
        How many there are.
    """
    ridge = Shrunk.of(clips).relative_ridge
    kinds = range(1 if domains == 2 else domains)
    found = []
    for j in kinds:
        y = (members == j).T.astype(np.float64)  # (n, shuffles)
        scores = np.zeros(y.shape)
        for lesson in taught:
            gram = clips.products(lesson.train, lesson.train)
            alpha = _least_squares(gram, y[lesson.train] - y[lesson.train].mean(0), ridge)
            level = y[lesson.train].mean(0) - gram.mean(0) @ alpha
            scores[lesson.test] = clips.products(lesson.test, lesson.train) @ alpha + level
        found.append([auc_of(y[:, b : b + 1] == 1, scores[:, b : b + 1])[0] for b in range(y.shape[1])])
    return np.mean(found, axis=0)


def p_value(observed: float, shuffled: Floats) -> float:
    """Share of shuffles that reach what was observed, itself among them.

    References
    ----------
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1).
    """
    if np.isnan(observed):
        return float("nan")
    return float((1 + (shuffled >= observed - 1e-12).sum()) / (1 + len(shuffled)))


def _least_squares(gram: Floats, targets: Floats, ridge: float) -> Floats:
    """(n, m) weights of ridge regressions with an intercept on centred targets (n, m)."""
    matrix = centred(gram)
    matrix.flat[:: len(matrix) + 1] += max(ridge * len(matrix), 1e-10)
    solved = cho_solve(cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False), targets)
    return np.asarray(solved - solved.mean(0))


def _targets(truth: NDArray[np.int8]) -> Floats:
    """Classes as centred numbers; what is unknown lies in the middle."""
    there = truth != UNKNOWN
    mean = np.where(there, truth, 0).sum(0) / np.maximum(there.sum(0), 1)
    return np.asarray(np.where(there, truth - mean, 0.0))
