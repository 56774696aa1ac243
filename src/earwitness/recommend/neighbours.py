"""Neighbourhood recommenders over tags, both linear in the tags of an item that the user does not have yet.

Item neighbourhood: P = R S with S the cosine of the items' tags. User neighbourhood: P = S R with S the cosine of the
users' tag profiles R T. Truncated, S is approximated by h factors of a singular value decomposition.
"""

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError
from earwitness.recommend.protocol import Floats, Integers, TagModel, like

Factors = Literal["cosine", "literal"]


def tag_projection(matrix: sp.csr_matrix, size: int | None, factors: Factors) -> Floats:
    """W, tags x h, such that the rows of `matrix @ W`, each divided by its norm, are the factors of equation 5.5.

    Truncated at h, `matrix` = U Sigma V'. "cosine" takes W = V, so that the factors are the rows of U Sigma and their
    products approximate the cosines; "literal" takes W = V / Sigma, so that they are the rows of U as printed.
    `size=None` is exact: W is the identity.
    """
    if factors not in ("cosine", "literal"):
        raise InputError(f"factors {factors!r} are unknown: choose 'cosine' or 'literal'")
    if size is None:
        return np.eye(matrix.shape[1])
    limit = min(matrix.shape) - 1
    if not 0 < size <= limit:
        raise InputError(
            f"size {size}: a {matrix.shape[0]} x {matrix.shape[1]} matrix has 1 to {limit} factors to keep"
        )
    _, sigma, Vt = svds(matrix.astype(float), k=size, rng=np.random.default_rng(0))
    return Vt.T if factors == "cosine" else Vt.T / sigma


def unit_rows(X: Floats) -> tuple[Floats, Floats]:
    """Rows divided by their norms, and the norms; a row of zeros stays."""
    norms = np.linalg.norm(X, axis=1)
    norms[norms == 0] = 1.0
    return X / norms[:, None], norms


class ItemNeighbours(TagModel):
    """Items whose tags are like those of the user's items (Kim 2021, equations 5.3 to 5.8).

    f(u, i, t) = Q_u . (t W) / c_i with Q = R A and c_i = |t_i W| held at the unperturbed item: linear in t.

    Parameters
    ----------
    size
        Number of factors h, or None for the exact cosine.
    factors
        "cosine": the rows of U Sigma, whose products approximate the cosine; "literal": the rows of U as printed.
    """

    def __init__(self, *, size: int | None = 32, factors: Factors = "cosine") -> None:
        self.size = size
        self.factors = factors
        self.name = f"iNN-{size or 'exact'}"

    def fit(self, data: Interactions) -> "ItemNeighbours":
        """Learn from the training interactions."""
        self.data_ = data
        self.W_ = tag_projection(data.item_tags, self.size, self.factors)  # (tags, h)
        self.A_, self.c_ = unit_rows(data.item_tags @ self.W_)  # (items, h), (items,)
        self.Q_ = data.presence() @ self.A_  # (users, h)
        return self

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`."""
        same = like(tags)
        return same(self.Q_[users]) @ (tags @ same(self.W_[columns])).T / self.c_[item]

    def scores(self, users: Integers) -> Floats:
        """As in `TagModel`."""
        return self.Q_[users] @ self.A_.T

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """As in `TagModel`; the same at every tag vector."""
        del tags, columns
        return self.Q_[users] @ self.W_[wanted].T / self.c_[item]

    def switched(self, users: Integers, item: int) -> Floats:
        """As in `TagModel`."""
        every = np.arange(self.data_.n_tags)
        columns, values = self.data_.own_tags(item)
        return self._as_it_is(users, item) + self.gradient(users, item, values, columns, every) * steps(
            self.data_, item
        )

    def folded_in(self, tags: Floats) -> Floats:
        """(m, h) factors of new items with these tag vectors (m, tags), mended from equation 5.8."""
        return unit_rows(np.asarray(tags) @ self.W_)[0]


def steps(data: Interactions, item: int) -> Floats:
    """How far each tag moves when it is switched: minus its value where the item has it, else +1."""
    change = np.ones(data.n_tags)
    columns, values = data.own_tags(item)
    change[columns] = -values
    return change


class UserNeighbours(TagModel):
    """Items of the users whose tag profiles are like one's own (Kim 2021, equations 5.9 to 5.11).

    Tags enter through the profiles R T. `explain="item"`: t takes the place of the item's row of T, the profiles'
    norms being held. For an item outside the user's history

        f(u, i, t) = P_ui + k_i (t - t_i) . (W b_u),   k_i = sum over v of R_vi^2 / c_v

    is linear in t; inside the history two more terms join, one of them quadratic.

    Parameters
    ----------
    size, factors
        As in `ItemNeighbours`, of the users' profiles.
    """

    def __init__(self, *, size: int | None = 32, factors: Factors = "cosine") -> None:
        self.size = size
        self.factors = factors
        self.name = f"uNN-{size or 'exact'}"

    def fit(self, data: Interactions) -> "UserNeighbours":
        """Learn from the training interactions."""
        self.data_ = data
        R = data.presence()
        profiles = data.user_tags()
        self.W_ = tag_projection(profiles, self.size, self.factors)  # (tags, h)
        self.B_, self.c_ = unit_rows(profiles @ self.W_)  # (users, h), (users,)
        self.Y_ = R.T @ self.B_  # (items, h)
        self.k_ = R.T @ (1 / self.c_)  # (items,): R is binary, so R^2 is R
        self.R_ = R
        return self

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`."""
        same = like(tags)
        own, values = self.data_.own_tags(item)
        d = tags @ same(self.W_[columns]) - same(values @ self.W_[own])[None, :]  # (m, h): (t - t_i) W
        b, y, k = same(self.B_[users]), same(self.Y_[item]), self.k_[item]
        inside = same((self._inside(users, item) / self.c_[users])[:, None])
        return (b @ y)[:, None] + k * (b @ d.T) + inside * (d @ y + k * (d**2).sum(1))[None, :]

    def _inside(self, users: Integers, item: int) -> Floats:
        """(u,): 1 for the users who have the item."""
        return np.asarray(self.R_[users, item].todense(), dtype=float).ravel()

    def scores(self, users: Integers) -> Floats:
        """As in `TagModel`."""
        return self.B_[users] @ self.Y_.T

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """As in `TagModel`."""
        own, values = self.data_.own_tags(item)
        d = tags @ self.W_[columns] - values @ self.W_[own]
        k, W = self.k_[item], self.W_[wanted]
        inside = (self._inside(users, item) / self.c_[users])[:, None]
        return k * self.B_[users] @ W.T + inside * ((self.Y_[item] + 2 * k * d) @ W.T)[None, :]

    def switched(self, users: Integers, item: int) -> Floats:
        """As in `TagModel`; the quadratic term of a single tag is its squared step."""
        every, change = np.arange(self.data_.n_tags), steps(self.data_, item)
        columns, values = self.data_.own_tags(item)
        inside = (self._inside(users, item) / self.c_[users])[:, None]
        squares = self.k_[item] * (self.W_**2).sum(1) * change**2
        moved = self.gradient(users, item, values, columns, every) * change
        return self._as_it_is(users, item) + moved + inside * squares[None, :]


class UserNeighboursByProfile(UserNeighbours):
    """User neighbourhood as above, whose explanations weigh the tags of the user's profile in place of the item's.

    The scores are those of `UserNeighbours`; `swapped_` is the function of tags that is explained.
    """

    def __init__(self, *, size: int | None = 32, factors: Factors = "cosine") -> None:
        super().__init__(size=size, factors=factors)
        self.name = f"uNN-profile-{size or 'exact'}"

    def fit(self, data: Interactions) -> "UserNeighboursByProfile":
        """Learn from the training interactions."""
        super().fit(data)
        self.swapped_ = ProfileNeighbours(self)
        return self


class ProfileNeighbours(TagModel):
    """User neighbourhood explained by the user's own tags: f(u, i, t) = (t W / c_u) . Y_i, t the user's tag profile.

    The roles are swapped, so that the same explainers serve: what is varied is a user's profile, and what is scored
    for it are items. "Users" of its methods are items, and "items" are users; see `swapped`.
    """

    def __init__(self, of: UserNeighbours) -> None:
        data = of.data_
        self.of = of
        self.name = of.name
        self.data_ = swapped(data)

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`, with items in the place of users and a user in that of the item."""
        same = like(tags)
        return same(self.of.Y_[users]) @ (tags @ same(self.of.W_[columns])).T / self.of.c_[item]

    def scores(self, users: Integers) -> Floats:
        """As in `TagModel`: (items, users)."""
        return self.of.Y_[users] @ self.of.B_.T

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """As in `TagModel`; the same at every profile."""
        del tags, columns
        return self.of.Y_[users] @ self.of.W_[wanted].T / self.of.c_[item]


def swapped(data: Interactions) -> Interactions:
    """Users and items exchanged: what is tagged are users, with their profiles R T."""
    return Interactions(
        data.name,
        sp.csr_matrix(data.counts.T),
        data.user_tags(),
        data.items,
        data.users,
        data.tags,
        data.users,
        data.skipped,
    )
