"""Interactions: who consumed what, and what the items are tagged with; what a recommender is trained and explained on.

Conventions: `counts` is R, users x items, the strength of each interaction (plays, rating, 1); `item_tags` is T,
items x tags, N-hot unless weights were asked for. Both are scipy CSR matrices without stored zeros. Row and column
numbers are positions; the ids that a user knows stand in `users`, `items` and `tags`.
"""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import kendalltau

from earwitness.errors import InputError
from earwitness.store import content_hash

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def _nothing_skipped() -> pd.DataFrame:
    return pd.DataFrame({"file": pd.Series(dtype=object), "reason": pd.Series(dtype=object)})


class Split(NamedTuple):
    """Three parts of the same interactions; users, items and tags keep their positions in all of them."""

    train: "Interactions"
    validation: "Interactions"
    test: "Interactions"


@dataclass(frozen=True, eq=False)
class Interactions:
    """Users, items and tags.

    Attributes
    ----------
    name
        Of the data set.
    counts : (users, items) CSR matrix
        Strength of each interaction.
    item_tags : (items, tags) CSR matrix
        Relevance of each tag to each item; 1 where the tags are N-hot.
    users, items, tags : arrays of text
        Ids by position.
    titles : (items,) array of text
        Names that a person can read; the ids where there are none.
    skipped
        What was left out on the way here, and why: `file`, `reason`.
    """

    name: str
    counts: sp.csr_matrix
    item_tags: sp.csr_matrix
    users: NDArray[Any]
    items: NDArray[Any]
    tags: NDArray[Any]
    titles: NDArray[Any]
    skipped: pd.DataFrame = field(default_factory=_nothing_skipped)

    @property
    def n_users(self) -> int:
        return int(self.counts.shape[0])

    @property
    def n_items(self) -> int:
        return int(self.counts.shape[1])

    @property
    def n_tags(self) -> int:
        return int(self.item_tags.shape[1])

    def __repr__(self) -> str:
        return f"Interactions({self.name!r}: {self.n_users} users, {self.n_items} items, {self.n_tags} tags)"

    def presence(self) -> sp.csr_matrix:
        """Whether a user consumed an item: R with every count as 1."""
        binary = self.counts.copy()
        binary.data = np.ones_like(binary.data)
        return binary

    def own_tags(self, item: int) -> tuple[Integers, Floats]:
        """Positions and values of an item's tags."""
        row = slice(self.item_tags.indptr[item], self.item_tags.indptr[item + 1])
        return self.item_tags.indices[row].astype(np.int64), self.item_tags.data[row]

    def consumed(self, user: int) -> Integers:
        """Positions of the items a user consumed."""
        return self.counts.indices[self.counts.indptr[user] : self.counts.indptr[user + 1]].astype(np.int64)

    def user_tags(self) -> sp.csr_matrix:
        """The users' tag profiles R T, with R as presence (Kim 2021, equation 5.10)."""
        return sp.csr_matrix(self.presence() @ self.item_tags)

    def describe(self) -> dict[str, Any]:
        """One row of Table 5.1 of Kim (2021): users, items, tags, interactions and their density in per cent."""
        return {
            "data set": self.name,
            "users": self.n_users,
            "items": self.n_items,
            "tags": self.n_tags,
            "interactions": int(self.counts.nnz),
            "density (%)": 100 * self.counts.nnz / max(1, self.n_users * self.n_items),
            "tags an item": self.item_tags.nnz / max(1, self.n_items),
        }

    def key(self) -> str:
        """A hash of all that a recommender can learn from."""
        parts = [part for m in (self.counts, self.item_tags) for part in (m.indptr, m.indices, m.data.astype(float))]
        return content_hash(self.name, *(np.ascontiguousarray(part).tobytes() for part in parts))

    def filter(self, *, users_an_item: int = 1, items_a_user: int = 1, items_a_tag: int = 1) -> "Interactions":
        """Drop rare items, light users, rare tags and items without a tag, until nothing more falls out.

        Parameters
        ----------
        users_an_item, items_a_user, items_a_tag
            The fewest users an item, items a user, and items a tag may have.

        Returns
        -------
        Interactions
            With what was dropped counted in `skipped`.

        Raises
        ------
        InputError
            If nothing is left.
        """
        u, i, t = np.ones(self.n_users, bool), np.ones(self.n_items, bool), np.ones(self.n_tags, bool)
        R, T = self.presence(), self.item_tags.astype(bool).astype(float)
        while True:
            items = i & (R.T @ u >= max(1, users_an_item)) & (T @ t > 0)
            users = u & (R @ items >= max(1, items_a_user))
            tags = t & (T.T @ items >= max(1, items_a_tag))
            if (items.sum(), users.sum(), tags.sum()) == (i.sum(), u.sum(), t.sum()):
                break
            i, u, t = items, users, tags
        if not (u.any() and i.any() and t.any()):
            raise InputError(
                f"{self.name}: nothing is left with {users_an_item} users an item, {items_a_user} items a user and "
                f"{items_a_tag} items a tag or more; lower these limits"
            )
        return self._kept(u, i, t)

    def _kept(self, u: NDArray[np.bool_], i: NDArray[np.bool_], t: NDArray[np.bool_]) -> "Interactions":
        lost = [
            f"{int((~keep).sum())} of {len(keep)} {what} left out: too few {few}"
            for keep, what, few in ((u, "users", "items"), (i, "items", "users, or no tag"), (t, "tags", "items"))
            if not keep.all()
        ]
        rows = pd.DataFrame({"file": [self.name] * len(lost), "reason": lost})
        return replace(
            self,
            counts=self.counts[u][:, i],
            item_tags=self.item_tags[i][:, t],
            users=self.users[u],
            items=self.items[i],
            tags=self.tags[t],
            titles=self.titles[i],
            skipped=pd.concat([self.skipped, rows], ignore_index=True) if lost else self.skipped,
        )

    def split(self, *, train: float = 0.8, minimum: int = 4, seed: int = 0) -> Split:
        """Divide each user's interactions at random into training, validation and test.

        Parameters
        ----------
        train
            Share of a user's interactions to train on; the rest is halved between validation and test, the odd one
            going to test.
        minimum
            Users with fewer interactions go to training whole.
        seed
            Of the random order.
        """
        if not 0 < train < 1:
            raise InputError(f"train is {train}: give a share between 0 and 1, such as 0.8")
        R = self.counts.tocoo()
        key = np.random.default_rng([seed, 5]).random(R.nnz)
        order = np.lexsort((key, R.row))
        size = np.bincount(R.row, minlength=self.n_users)
        place = np.empty(R.nnz, np.int64)
        place[order] = np.arange(R.nnz) - np.repeat(np.cumsum(size) - size, size)
        n = size[R.row]
        held = np.where(n < minimum, 0, np.maximum(1, np.floor((1 - train) * n + 1e-9))).astype(int)
        part = np.where(place < n - held, 0, np.where(place < n - held + held // 2, 1, 2))
        return Split(*(self._with(R, part == number) for number in range(3)))

    def _with(self, R: sp.coo_matrix, keep: NDArray[np.bool_]) -> "Interactions":
        return replace(self, counts=sp.csr_matrix((R.data[keep], (R.row[keep], R.col[keep])), shape=R.shape))

    def mainstreaminess(self, form: Literal["kl", "tau"] = "kl") -> Floats:
        r"""How far each user's preferences follow the crowd's; higher is more mainstream.

        With :math:`p` the user's counts over their own items and :math:`q` the global counts of those items, each
        summing to 1, the form "kl" is

        .. math:: m_u = 1 - \tfrac12 [(1 - e^{-KL(p \| q)}) + (1 - e^{-KL(q \| p)})]

        in (0, 1]; the form "tau" is Kendall's tau-b between the two counts, in [-1, 1].

        Returns
        -------
        (users,) array
            NaN for users with fewer than three items, whose preferences are not a distribution to speak of.

        References
        ----------
        Schedl and Bauer (2018), who define eleven measures; Kim (2021), section 5.3.3, does not say which was used.
        """
        if form not in ("kl", "tau"):
            raise InputError(f"mainstreaminess {form!r} is unknown: choose 'kl' or 'tau'")
        world: Floats = np.asarray(self.counts.sum(0), dtype=float).ravel()
        values = np.full(self.n_users, np.nan)
        for user in np.flatnonzero(np.diff(self.counts.indptr) >= 3):
            row = slice(self.counts.indptr[user], self.counts.indptr[user + 1])
            own, all_of_us = self.counts.data[row].astype(float), world[self.counts.indices[row]]
            values[user] = _closeness(own, all_of_us) if form == "kl" else kendalltau(own, all_of_us).statistic
        return values


def _closeness(own: Floats, world: Floats) -> float:
    p, q = own / own.sum(), world / world.sum()
    ratio = np.log(p / q)
    return float((np.exp(-(p @ ratio)) + np.exp(q @ ratio)) / 2)


def from_tables(
    interactions: pd.DataFrame,
    tags: pd.DataFrame,
    *,
    name: str = "interactions",
    titles: pd.Series | None = None,
    tag_weights: bool = False,
    repeats: Literal["warn", "add"] = "warn",
) -> Interactions:
    """Matrices from two long tables.

    Parameters
    ----------
    interactions
        Columns `user`, `item` and optionally `weight` (plays or rating, above 0; 1 where missing).
    tags
        Columns `item`, `tag` and optionally `weight`.
    name
        Of the data set.
    titles
        Readable names, indexed by item id.
    tag_weights
        Keep the relevance of tags; else an item has a tag or has it not (N-hot).
    repeats
        What to do about rows of the same user and item: add their weights in silence, as for a log of events, or warn.

    Returns
    -------
    Interactions
        Of the items that are both consumed and tagged; what was left out stands in `skipped`.

    Raises
    ------
    InputError
        If no item is both consumed and tagged, or fewer than two tags are left.
    """
    R, skipped = _cleaned(interactions, "user", "item", name)
    T, skipped_tags = _cleaned(tags, "item", "tag", f"{name} (tags)")
    consumed = pd.Index(np.unique(R["item"]))
    known = T["item"].isin(consumed)
    if not known.any():
        raise InputError(
            f"{name}: no item of the tags occurs among the {len(consumed)} items that were consumed (the tags' first: "
            f"{T['item'].iloc[0] if len(T) else 'none'!r}); do both files use the same ids?"
        )
    skipped += skipped_tags
    if not known.all():
        strangers = T.loc[~known, "item"].nunique()
        skipped.append(f"{strangers} tagged items left out: nobody consumed them, so their ids are unknown")
    if repeats == "warn" and (again := int(R.duplicated(["user", "item"]).sum())):
        sentence = f"{again} rows repeat a user and an item; their weights were added"
        skipped.append(sentence)
        warnings.warn(f"{name}: {sentence}; drop the repeats if each is one event told twice", stacklevel=2)
    found = _assembled(name, R, T[known], titles, tag_weights)
    rows = pd.DataFrame({"file": [name] * len(skipped), "reason": skipped}, dtype=object)
    kept = replace(found, skipped=rows).filter()
    if kept.n_tags < 2:
        raise InputError(f"{name}: only one tag is left ({kept.tags[0]!r}); an explanation by tags needs two or more")
    return kept


def _cleaned(table: pd.DataFrame, row: str, column: str, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows with both ids and a weight above 0, ids as text, and a sentence on the others."""
    for needed in (row, column):
        if needed not in table:
            raise InputError(f"{name}: no column {needed!r} among {', '.join(map(str, table.columns))}; name it")
    weight = pd.to_numeric(table["weight"], errors="coerce") if "weight" in table else pd.Series(1.0, table.index)
    usable = table[row].notna() & table[column].notna() & (weight > 0) & np.isfinite(weight)
    kept = pd.DataFrame({row: table.loc[usable, row], column: table.loc[usable, column], "weight": weight[usable]})
    kept[row], kept[column] = _text(kept[row]), _text(kept[column])
    lost = int((~usable).sum())
    sentence = [f"{lost} of {len(table)} rows left out: no {row}, no {column}, or no weight above 0"] if lost else []
    if not len(kept):
        raise InputError(f"{name}: none of its {len(table)} rows has a {row}, a {column} and a weight above 0")
    return kept, sentence


def _text(ids: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(ids) and (ids % 1 == 0).all():
        ids = ids.astype(np.int64)  # a column with a gap was read as float: 7.0 is item 7
    return ids.astype(str).str.strip()


def _assembled(
    name: str, R: pd.DataFrame, T: pd.DataFrame, titles: pd.Series | None, tag_weights: bool
) -> Interactions:
    u, users = pd.factorize(R["user"], sort=True)
    i, items = pd.factorize(R["item"], sort=True)
    t, tags = pd.factorize(T["tag"], sort=True)
    place = pd.Index(items).get_indexer(T["item"])
    counts = sp.csr_matrix((R["weight"].to_numpy(float), (u, i)), shape=(len(users), len(items)))
    item_tags = sp.csr_matrix((T["weight"].to_numpy(float), (place, t)), shape=(len(items), len(tags)))
    for matrix in (counts, item_tags):
        matrix.sum_duplicates()
        matrix.sort_indices()
    if not tag_weights:
        item_tags.data[:] = 1.0
    names = pd.Series(items, items) if titles is None else titles.astype(str).reindex(items)
    readable = np.where(names.notna(), names.fillna(""), items)
    of_users, of_items, of_tags, readable_ = (np.asarray(ids, dtype=object) for ids in (users, items, tags, readable))
    return Interactions(name, counts, item_tags, of_users, of_items, of_tags, readable_)
