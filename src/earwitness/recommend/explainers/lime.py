"""LIME: a sparse linear model fitted around one item, for all users at once (Kim 2021, equations 5.19 and 5.20).

The sample of tag vectors and their weights depend on the item alone, so one Gram matrix serves every user: what is left
a user is a matrix product and systems of at most omega unknowns. The settings are those of the reference package
(lime 0.2, its text variant), and on the same sample the weights are the same.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.recommend.explainers.base import Explainer, Explanation, keep_largest
from earwitness.recommend.protocol import Floats, Integers, TagModel

Selection = Literal["auto", "forward", "largest", "lars"]
FORWARD_UP_TO = 6  # tags: the reference package's limit between forward selection and largest weights
SELECTION_RIDGE = 0.01
FIT_RIDGE = 1.0


class Sample(NamedTuple):
    """Which of an item's own tags are left on (samples, k), and the weight of each row (samples,)."""

    on: Floats
    weights: Floats


class Moments(NamedTuple):
    """What the fits need: weighted and centred products of tags with tags (k, k) and with the scores (users, k)."""

    G: Floats
    B: Floats


class LIME(Explainer):
    """Weights of a linear model of the score, fitted to tag vectors near the item's own.

    Parameters
    ----------
    samples
        Tag vectors M, the item's own first; in the others a random number of its tags is switched off, never one on.
    kernel_width
        Of the weights sqrt(exp(-d^2 / width^2)), d being 100 (1 - cosine) to the item's own tags.
    selection
        How at most omega tags are chosen: "forward" selection, the "largest" weights of a ridge fit, the "lars" path,
        or "auto": forward up to 6 tags and largest above, as in the reference package.
    seed
        Of the sample; the same for an item whoever is explained.

    References
    ----------
    Ribeiro, Singh and Guestrin (2016). "Why should I trust you?" Explaining the predictions of any classifier.
    """

    name = "lime"

    def __init__(
        self, *, samples: int = 5000, kernel_width: float = 25.0, selection: Selection = "auto", seed: int = 0
    ) -> None:
        if samples < 2:
            raise InputError(f"LIME with {samples} samples: give 2 or more, usually hundreds")
        if selection not in ("auto", "forward", "largest", "lars"):
            raise InputError(f"selection {selection!r} is unknown: choose 'auto', 'forward', 'largest' or 'lars'")
        self.samples = samples
        self.kernel_width = kernel_width
        self.selection = selection
        self.seed = seed

    def sample(self, item: int, k: int) -> Sample:
        """The tag vectors around an item with k tags."""
        rng = np.random.default_rng([self.seed, 17, item])
        sizes = rng.integers(1, k + 1, self.samples - 1)
        order = rng.random((self.samples - 1, k)).argsort(1).argsort(1)
        on = np.concatenate([np.ones((1, k)), (order >= sizes[:, None]).astype(float)])
        return Sample(on, self.proximity(on))

    def proximity(self, on: Floats) -> Floats:
        """(samples,) weights: how near each row is to the first, in cosine."""
        distance = 100 * (1 - np.sqrt(on.sum(1) / on.shape[1]))
        return np.sqrt(np.exp(-(distance**2) / self.kernel_width**2))

    def explain(self, model: TagModel, users: Integers, item: int, omegas: Sequence[int]) -> list[Explanation]:
        """As in `Explainer`; the weights in the order in which the tags were chosen."""
        columns, values = model.data_.own_tags(item)
        if not len(columns):
            nothing = Explanation(np.full((len(users), 1), -1), np.zeros((len(users), 1)))
            return [nothing for _ in omegas]
        sample = self.sample(item, len(columns))
        scores = np.asarray(model.scored(users, item, sample.on * values, columns), dtype=float)
        return [
            Explanation(np.where(kept < 0, -1, columns[kept]), weights / values[kept])
            for kept, weights in self.fit(sample, scores, omegas)
        ]

    def fit(self, sample: Sample, scores: Floats, omegas: Sequence[int]) -> list[tuple[Integers, Floats]]:
        """Columns kept and their weights, (users, at most omega) each, for scores (users, samples)."""
        moments = weighted_moments(sample, scores)
        k = len(moments.G)
        kept = self._kept(moments, sample, tuple(min(omega, k) for omega in omegas))
        whole = np.linalg.solve(moments.G + FIT_RIDGE * np.eye(k), moments.B.T).T  # (users, k)
        fits: list[tuple[Integers, Floats]] = []
        for columns in kept:
            if columns.shape[1] == k:
                fits.append((np.tile(np.arange(k), (len(whole), 1)), whole))
            else:
                fits.append((columns, _fit_kept(moments.G, moments.B, columns, FIT_RIDGE)))
        return fits

    def _kept(self, moments: Moments, sample: Sample, omegas: Sequence[int]) -> list[NDArray[np.int64]]:
        k = len(moments.G)
        ways = [self._way(omega) for omega in omegas]
        few = [omega for omega, way in zip(omegas, ways, strict=True) if way == "forward" and omega < k]
        path = _forward(moments.G, moments.B, max(few)) if few else None
        ridge = None
        kept = []
        for omega, way in zip(omegas, ways, strict=True):
            if omega == k:
                kept.append(np.tile(np.arange(k), (len(moments.B), 1)))
            elif way == "forward" and path is not None:
                kept.append(path[:, :omega])
            elif way == "lars":
                kept.append(_lars(moments, len(sample.on), omega))
            else:
                if ridge is None:
                    ridge = np.linalg.solve(moments.G + SELECTION_RIDGE * np.eye(k), moments.B.T).T
                kept.append(keep_largest(ridge, np.arange(k), omega).tags)
        return kept

    def _way(self, omega: int) -> str:
        if self.selection != "auto":
            return self.selection
        return "forward" if omega <= FORWARD_UP_TO else "largest"


def weighted_moments(sample: Sample, scores: Floats) -> Moments:
    """Centred by weighted means, which is what fitting an intercept does."""
    total = sample.weights.sum()
    centred = sample.on - (sample.weights @ sample.on) / total
    weighted = centred * sample.weights[:, None]
    level = (scores @ sample.weights) / total
    return Moments(weighted.T @ centred, (scores - level[:, None]) @ weighted)


def _lars(moments: Moments, n: int, omega: int) -> NDArray[np.int64]:
    """The tags of the last point of each user's lasso path that has at most omega of them."""
    from sklearn.linear_model import lars_path_gram

    kept = np.full((len(moments.B), omega), -1)
    for row, b in enumerate(moments.B):
        _, _, path = lars_path_gram(Xy=b, Gram=moments.G, n_samples=n, method="lasso", max_iter=4 * len(b))
        sizes = (path != 0).sum(0)
        chosen = np.flatnonzero(path[:, np.flatnonzero(sizes <= omega)[-1]])
        kept[row, : len(chosen)] = chosen
    return kept


@njit(cache=True)
def _forward(G: NDArray[np.float64], B: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """(users, count) columns in the order in which each most reduces the residual: a pivoted Cholesky factorisation."""
    users, k = B.shape
    kept = np.empty((users, count), np.int64)
    L = np.empty((count, k))
    for u in range(users):
        left = np.diag(G).copy()
        b = B[u].copy()
        free = np.ones(k, np.bool_)
        for s in range(count):
            best, gain = -1, -1.0
            for j in range(k):
                if free[j]:
                    now = b[j] * b[j] / left[j] if left[j] > 1e-12 * G[j, j] else 0.0
                    if now > gain:
                        best, gain = j, now
            kept[u, s] = best
            free[best] = False
            pivot = np.sqrt(max(left[best], 1e-300))
            step = b[best] / pivot
            for j in range(k):
                if free[j]:
                    value = G[best, j]
                    for r in range(s):
                        value -= L[r, best] * L[r, j]
                    L[s, j] = value / pivot
                    left[j] -= L[s, j] * L[s, j]
                    b[j] -= L[s, j] * step
            # Rows of L are read at kept columns only through `best` above, before they are kept.
    return kept


@njit(cache=True)
def _fit_kept(
    G: NDArray[np.float64], B: NDArray[np.float64], kept: NDArray[np.int64], ridge: float
) -> NDArray[np.float64]:
    """(users, s) ridge weights on each user's own columns, by Cholesky; 0 where a column is -1."""
    users, width = kept.shape
    weights = np.zeros((users, width))
    L = np.empty((width, width))
    x = np.empty(width)
    for u in range(users):
        n = 0
        while n < width and kept[u, n] >= 0:
            n += 1
        for i in range(n):
            for j in range(i + 1):
                value = G[kept[u, i], kept[u, j]] + (ridge if i == j else 0.0)
                for r in range(j):
                    value -= L[i, r] * L[j, r]
                L[i, j] = np.sqrt(value) if i == j else value / L[j, j]
        for i in range(n):
            value = B[u, kept[u, i]]
            for r in range(i):
                value -= L[i, r] * x[r]
            x[i] = value / L[i, i]
        for i in range(n - 1, -1, -1):
            value = x[i]
            for r in range(i + 1, n):
                value -= L[r, i] * weights[u, r]
            weights[u, i] = value / L[i, i]
    return weights
