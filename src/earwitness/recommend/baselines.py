"""Recommenders to compare with: none of them knows tags."""

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError, MissingExtraError
from earwitness.recommend.protocol import Floats, Integers


class MostPopular:
    """The items with the most users, the same for everybody."""

    name = "most popular"

    def fit(self, data: Interactions) -> "MostPopular":
        """Count users."""
        self.popularity_ = np.asarray(data.presence().sum(0)).ravel()
        return self

    def scores(self, users: Integers) -> Floats:
        """(u, items) numbers of users."""
        return np.tile(self.popularity_, (len(users), 1))


class RandomScores:
    """Any item, by chance; the same chance for a user whoever else is asked for."""

    name = "random"

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, data: Interactions) -> "RandomScores":
        """Note the number of items."""
        self.n_items_ = data.n_items
        return self

    def scores(self, users: Integers) -> Floats:
        """(u, items) uniform numbers."""
        return np.stack([np.random.default_rng([self.seed, 11, int(user)]).random(self.n_items_) for user in users])


def factorize(
    confidence: sp.csr_matrix, size: int, *, regularization: float = 0.1, sweeps: int = 15, seed: int = 0
) -> tuple[Floats, Floats]:
    """Row and column factors of weighted matrix factorisation by alternating least squares, through `implicit`.

    Parameters
    ----------
    confidence : (rows, columns) CSR matrix
        Confidence c in what was observed, above 0; what was not observed has confidence 1 in a preference of 0.
    size, regularization, sweeps, seed
        Number of factors, lambda, passes, and the seed of the starting values.

    References
    ----------
    Hu, Koren and Volinsky (2008). Collaborative filtering for implicit feedback datasets.
    """
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise MissingExtraError("weighted matrix factorisation (WRMF)", "recommend") from error
    if not 0 < size <= min(confidence.shape):
        raise InputError(f"size {size}: a matrix of {confidence.shape[0]} x {confidence.shape[1]} has no such factors")
    # One thread: implicit runs its own, and a BLAS with more of them only gets in their way.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=size, regularization=regularization, alpha=1.0, iterations=sweeps, num_threads=1, random_state=seed
        )
        model.fit(confidence.astype(np.float32), show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


class WRMF:
    """Weighted regularised matrix factorisation: the strong recommender that knows no tags.

    Parameters
    ----------
    size
        Number of factors h.
    alpha, epsilon
        Confidence 1 + alpha log(1 + count / epsilon).
    regularization, sweeps, seed
        As in `factorize`.
    """

    def __init__(
        self,
        *,
        size: int = 32,
        alpha: float = 10.0,
        epsilon: float = 1.0,
        regularization: float = 0.1,
        sweeps: int = 15,
        seed: int = 0,
    ) -> None:
        self.size = size
        self.alpha = alpha
        self.epsilon = epsilon
        self.regularization = regularization
        self.sweeps = sweeps
        self.seed = seed
        self.name = f"WRMF-{size}"

    def fit(self, data: Interactions) -> "WRMF":
        """Factorise the training counts."""
        confidence = data.counts.astype(float)
        confidence.data = 1 + self.alpha * np.log1p(confidence.data / self.epsilon)
        self.user_factors_, self.item_factors_ = factorize(
            confidence, self.size, regularization=self.regularization, sweeps=self.sweeps, seed=self.seed
        )
        return self

    def scores(self, users: Integers) -> Floats:
        """(u, items) products of the factors."""
        return self.user_factors_[users] @ self.item_factors_.T
