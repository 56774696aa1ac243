r"""Weighted matrix factorisation that explains the factors of tracks by their content, by alternating least squares.

.. math::
    J = \tfrac12 \sum_{ui} c_{ui} (p_{ui} - u_u \cdot v_i)^2 + \tfrac{\lambda_V}{2} \sum_i |v_i - W^T x_i|^2
        + \tfrac{\lambda_U}{2} |U|^2 + \tfrac{\lambda_W}{2} |W|^2

with :math:`p = [r > 0]` and :math:`c = 1 + \alpha r`, r the plays. Each of the blocks U, V, W has a closed-form minimum
given the others; one iteration updates them in this order. With the thesis' penalties W is a ridge regression of V on
the content with a ridge of 10,000, and V is hardly tied to the content.

References
----------
Kim (2021), doctoral thesis, equations 2.7 to 2.9, with the squares that the printed norms lack. Hu, Koren and Volinsky
(2008) for the update of U. Liang, Zhan and Ellis (2015) for the content.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from earwitness.errors import InputError

Floats = NDArray[np.float64]
Variant = Literal["exact", "eq_2_7_literal_weights", "public_code"]

VARIANTS: tuple[Variant, ...] = ("exact", "eq_2_7_literal_weights", "public_code")
_ROWS = 512  # systems solved at a time, which bounds memory


@dataclass(frozen=True)
class Penalties:
    """What is minimised, and from where.

    Attributes
    ----------
    factors
        Length of the vectors of users and tracks, r.
    iterations
        Rounds of U, V, W.
    alpha
        How much a play adds to the confidence, which is 1 without any.
    user, item, content
        Penalties of U, of V away from X W, and of W.
    variant
        "exact" minimises J. "eq_2_7_literal_weights" counts the data term twice, as equation 2.7 prints it.
        "public_code" has the penalty of W where that of V belongs in the update of V, as the published program does;
        J can then rise.
    """

    factors: int = 50
    iterations: int = 15
    alpha: float = 0.1
    user: float = 1e-5
    item: float = 1e-5
    content: float = 0.1
    variant: Variant = "exact"

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(f"there is no variant {self.variant!r} of the factorisation: choose {', '.join(VARIANTS)}")
        if min(self.factors, self.iterations) < 1:
            raise InputError("a factorisation needs one factor and one iteration or more")
        if min(self.alpha, self.user, self.item, self.content) <= 0:
            raise InputError("alpha and the penalties of a factorisation must be above 0")

    @property
    def data_weight(self) -> float:
        """Weight of the squared errors in J."""
        return 1.0 if self.variant == "eq_2_7_literal_weights" else 0.5


@dataclass(frozen=True)
class ContentFactors:
    """A factorisation: `users` U (users, r), `items` V (items, r), `content` W (D, r), and `trace`, J after each round.

    The first of `trace` is J at the start.
    """

    users: Floats
    items: Floats
    content: Floats
    trace: tuple[float, ...] = ()

    def scores(self, X: Floats) -> Floats:
        """U (X W)^T: (users, n) scores of n tracks by their content alone, (n, D)."""
        return self.users @ (X @ self.content).T


def drawn_start(users: int, items: int, width: int, factors: int, rng: np.random.Generator) -> ContentFactors:
    """Normal starting values with a deviation of 0.01."""
    U, V, W = (rng.normal(0, 0.01, (n, factors)) for n in (users, items, width))
    return ContentFactors(U, V, W)


def factorize(
    counts: sp.csr_matrix, X: Floats, penalties: Penalties = Penalties(), *, start: ContentFactors
) -> ContentFactors:
    """Minimise J by alternating least squares.

    Parameters
    ----------
    counts : (users, items) sparse matrix
        Plays, R; above 0 where there are any.
    X : (items, D) array
        Content of each track, standardised by column.
    penalties
        What is minimised.
    start
        Starting values; see `drawn_start`.

    Returns
    -------
    ContentFactors
        A user without plays has a vector of zeros.

    Raises
    ------
    InputError
        If the content has not one row a track, or is not finite.
    """
    R = sp.csr_matrix(counts, dtype=float)
    X = np.asarray(X, float)
    if X.shape[:1] != R.shape[1:] or not np.isfinite(X).all():
        raise InputError(f"content of shape {X.shape} for {R.shape[1]} tracks: give one row of finite numbers for each")
    by_item, half = sp.csr_matrix(R.T), 0.5 / penalties.data_weight
    solve_content = _content_solver(X, penalties)
    U, V, W = start.users, start.items, start.content
    trace = [objective(R, X, start, penalties)]
    # The penalty of W in place of that of V is the published program's, see `Penalties`.
    pull = penalties.content if penalties.variant == "public_code" else penalties.item
    for _ in range(penalties.iterations):
        U = _weighted_least_squares(R, V, penalties.alpha, half * penalties.user, None)
        V = _weighted_least_squares(by_item, U, penalties.alpha, half * penalties.item, half * pull * (X @ W))
        W = solve_content(V)
        trace.append(objective(R, X, ContentFactors(U, V, W), penalties))
    return ContentFactors(U, V, W, tuple(trace))


def objective(counts: sp.csr_matrix, X: Floats, factors: ContentFactors, penalties: Penalties = Penalties()) -> float:
    """J, without a dense users x items matrix: that of all zeros, corrected at the plays."""
    R = sp.csr_matrix(counts, dtype=float).tocoo()
    U, V, W = factors.users, factors.items, factors.content
    at = np.einsum("nr,nr->n", U[R.row], V[R.col])
    errors = np.sum((U.T @ U) * (V.T @ V)) + np.sum((1 + penalties.alpha * R.data) * (1 - at) ** 2 - at**2)
    ridges = (
        penalties.user * np.sum(U**2) + penalties.item * np.sum((V - X @ W) ** 2) + penalties.content * np.sum(W**2)
    )
    return float(penalties.data_weight * errors + ridges / 2)


def _weighted_least_squares(R: sp.csr_matrix, V: Floats, alpha: float, ridge: float, pull: Floats | None) -> Floats:
    """Each row's minimum: (V'CV + ridge I) u = V'Cp + pull, C and p from the row of R."""
    base = V.T @ V + ridge * np.eye(V.shape[1])
    found = np.zeros((R.shape[0], V.shape[1]))
    for first in range(0, R.shape[0], _ROWS):
        rows = range(first, min(first + _ROWS, R.shape[0]))
        systems, rights = np.tile(base, (len(rows), 1, 1)), np.zeros((len(rows), V.shape[1]))
        for place, row in enumerate(rows):
            here = slice(R.indptr[row], R.indptr[row + 1])
            near, extra = V[R.indices[here]], alpha * R.data[here]
            systems[place] += (near.T * extra) @ near
            rights[place] = (1 + extra) @ near
        if pull is not None:
            rights += pull[first : rows.stop]
        found[first : rows.stop] = np.linalg.solve(systems, rights[..., None])[..., 0]
    return found


def _content_solver(X: Floats, penalties: Penalties) -> Callable[[Floats], Floats]:
    """V to W: (l_V X'X + l_W I) W = l_V X'V, factorised once, on the shorter side of X."""
    wide = X.shape[1] > X.shape[0]
    gram = X @ X.T if wide else X.T @ X
    factor = cho_factor(penalties.item * gram + penalties.content * np.eye(len(gram)), lower=True)

    def solve(V: Floats) -> Floats:
        if wide:
            return np.asarray(X.T @ cho_solve(factor, penalties.item * V))
        return np.asarray(cho_solve(factor, penalties.item * (X.T @ V)))

    return solve
