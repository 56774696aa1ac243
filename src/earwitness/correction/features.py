r"""Explicit maps to features whose inner products approximate a Gaussian kernel.

.. math:: \langle f(x), f(y) \rangle \approx \exp(-\|x - y\|^2 / (2 \sigma^2))

Conventions: rows are clips, sigma is in the units of the rows, and `n_features` counts what comes out. A map is a
frozen value: what was drawn or chosen once, ready for rows as they come.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.spatial.distance import pdist

from earwitness.correction._rows import Floats, Positions
from earwitness.errors import InputError

Kernel = Literal["rff", "fastfood", "nystroem"]
MOST_ROWS = 4096
"""The median distance is over all pairs of up to this many rows, and above it over those of as many drawn at random."""


class FeatureMap(Protocol):
    """From rows (n, d) to features (n, m)."""

    def __call__(self, X: Floats) -> Floats: ...

    @property
    def n_features(self) -> int: ...


@dataclass(frozen=True)
class FourierMap:
    r"""Random Fourier features: cosines and sines of random frequencies.

    .. math:: f(x) = m^{-1/2} [\cos(Z x), \sin(Z x)], \quad Z_{ij} \sim N(0, \sigma^{-2})

    so that every \|f(x)\| = 1. Rahimi and Recht (2007).

    Attributes
    ----------
    frequencies : (m, d) array
        Z, in radians per unit of the rows.
    """

    frequencies: Floats

    @classmethod
    def draw(cls, size: int, sigma: float, n_features: int, rng: np.random.Generator) -> "FourierMap":
        """Frequencies for rows of this size; `n_features` is even."""
        return cls(rng.normal(size=(_half(n_features), size)) / sigma)

    def __call__(self, X: Floats) -> Floats:
        return _waves(X @ self.frequencies.T)

    @property
    def n_features(self) -> int:
        return 2 * len(self.frequencies)


@dataclass(frozen=True)
class FastfoodMap:
    r"""Random Fourier features whose frequencies are a product of diagonal and Hadamard matrices.

    .. math:: Z = \sigma^{-1} d^{-1/2} S H G \Pi H B

    for each of b blocks; rows are padded with zeros to d, the next power of two. Le, Sarlós and Smola (2013).

    Attributes
    ----------
    signs : (b, d) array
        B: -1 or 1.
    order : (b, d) integer array
        The permutation.
    gains : (b, d) array
        G: normal.
    lengths : (b, d) array
        S with 1/(sigma sqrt(d)): it gives each row of Z the length of a row of normal numbers.
    """

    signs: Floats
    order: Positions
    gains: Floats
    lengths: Floats

    @classmethod
    def draw(cls, size: int, sigma: float, n_features: int, rng: np.random.Generator) -> "FastfoodMap":
        """As many blocks as make `n_features` or more."""
        d = 1 << max(size - 1, 0).bit_length()
        shape = (-(-_half(n_features) // d), d)
        gains = rng.normal(size=shape)
        chi = np.sqrt(rng.chisquare(d, size=shape))
        order = np.stack([rng.permutation(d) for _ in range(shape[0])])
        lengths = chi / np.linalg.norm(gains, axis=1, keepdims=True) / (sigma * np.sqrt(d))
        return cls(rng.choice([-1.0, 1.0], size=shape), order, gains, lengths)

    def __call__(self, X: Floats) -> Floats:
        padded = np.zeros((len(X), self.signs.shape[1]))
        padded[:, : X.shape[1]] = X
        phases = [
            lengths * _hadamard(gains * _hadamard(signs * padded)[:, order])
            for signs, order, gains, lengths in zip(self.signs, self.order, self.gains, self.lengths, strict=True)
        ]
        return _waves(np.concatenate(phases, axis=1))

    @property
    def n_features(self) -> int:
        return 2 * self.signs.size


@dataclass(frozen=True)
class NystroemMap:
    r"""Kernel values to some training rows, whitened: exact between those rows.

    .. math:: f(x) = K(x, C) K(C, C)^{-1/2}

    Williams and Seeger (2001), as scikit-learn's `Nystroem`.

    Attributes
    ----------
    landmarks : (m, d) array
        C.
    whitening : (m, m) array
    sigma
    """

    landmarks: Floats
    whitening: Floats
    sigma: float

    @classmethod
    def fit(cls, X: Floats, sigma: float, n_features: int, rng: np.random.Generator) -> "NystroemMap":
        """Landmarks drawn from X, at most all of it."""
        from sklearn.kernel_approximation import Nystroem

        count = min(n_features, len(X))
        seed = int(rng.integers(2**31))
        found = Nystroem(kernel="rbf", gamma=0.5 / sigma**2, n_components=count, random_state=seed).fit(X)
        return cls(found.components_, found.normalization_, sigma)

    def __call__(self, X: Floats) -> Floats:
        from sklearn.metrics.pairwise import rbf_kernel

        return np.asarray(rbf_kernel(X, self.landmarks, gamma=0.5 / self.sigma**2) @ self.whitening.T)

    @property
    def n_features(self) -> int:
        return len(self.landmarks)


KERNELS: dict[str, type[FourierMap] | type[FastfoodMap] | type[NystroemMap]] = {
    "rff": FourierMap,
    "fastfood": FastfoodMap,
    "nystroem": NystroemMap,
}


def feature_map(
    X: Floats, kernel: Kernel, *, sigma: float | None = None, n_features: int | None = None, rng: np.random.Generator
) -> FourierMap | FastfoodMap | NystroemMap:
    """A map for rows like these.

    Parameters
    ----------
    X : (n, d) array
        Training rows, standardised already.
    kernel
        "rff", "fastfood" (rows padded to a power of two, and as many features as fill its blocks) or "nystroem" (at
        most as many features as rows).
    sigma
        Of the kernel; by default `median_distance(X)`.
    n_features
        That come out; by default 8 d: cosine and sine of 4 d frequencies.
    rng
        Draws the frequencies or the landmarks.

    Raises
    ------
    InputError
        If there is no such kernel, sigma is not positive, or an odd number of cosines and sines is asked for.
    """
    if kernel not in KERNELS:
        raise InputError(f"kernel is {kernel!r}: choose one of {', '.join(KERNELS)}, or None")
    width = median_distance(X, rng=rng) if sigma is None else float(sigma)
    if not (np.isfinite(width) and width > 0):
        raise InputError(f"the width sigma of the kernel is {width:g}: it must be positive; are most clips the same?")
    count = 8 * X.shape[1] if n_features is None else n_features
    if count < 1:
        raise InputError(f"n_features is {count}: it must be at least 1")
    if kernel == "nystroem":
        return NystroemMap.fit(X, width, count, rng)
    made = FourierMap if kernel == "rff" else FastfoodMap
    return made.draw(X.shape[1], width, count, rng)


def median_distance(X: Floats, *, rng: np.random.Generator) -> float:
    """Median over the full matrix of Euclidean distances between rows, its zero diagonal included, as was published.

    Above `MOST_ROWS` rows it is that of as many drawn without replacement.
    """
    if len(X) > MOST_ROWS:
        X = X[np.sort(rng.choice(len(X), MOST_ROWS, replace=False))]
    distances = pdist(X)
    n = len(X)
    # The full matrix, sorted: n zeros, then every distance twice.
    middle = [((n * n - 1) // 2 - n) // 2, (n * n // 2 - n) // 2]
    if n < 3:
        return float(distances[0] / 2) if n == 2 else 0.0
    return float(np.partition(distances, middle)[middle].mean())


def _waves(phases: Floats) -> Floats:
    n, m = phases.shape
    out = np.empty((n, 2 * m))
    np.cos(phases, out=out[:, :m])
    np.sin(phases, out=out[:, m:])
    out /= np.sqrt(m)
    return out


def _half(n_features: int) -> int:
    if n_features % 2:
        raise InputError(f"n_features is {n_features}: cosines and sines come in pairs, so choose an even number")
    return n_features // 2


def _hadamard(X: Floats) -> Floats:
    """Each row times the Hadamard matrix (entries -1 and 1) of its width, a power of two, in n d log2(d) steps."""
    n, d = X.shape
    width = 1
    while width < d:
        pairs = X.reshape(n, -1, 2, width)
        X = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
        width *= 2
    return X.reshape(n, d)
