"""The work behind the explanation audit: one explainer on one recommender gives a fidelity a user and complexity."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.datasets.interactions import Interactions
from earwitness.errors import InputError
from earwitness.recommend.explainers.base import Explainer
from earwitness.recommend.fidelity import Measure, estimates, ranking_fidelity, share_tied
from earwitness.recommend.protocol import Integers, TagModel
from earwitness.store import cache_dir, content_hash, whole_file

Floats = NDArray[np.float64]
BLOCK = 250  # users at once: 250 x 134,000 items x 8 complexities in float64 are 2 GB


@dataclass(frozen=True)
class Question:
    """Who and what is explained: user and item positions, complexities, which items are ranked, the user feature."""

    users: Integers
    items: Integers
    omegas: tuple[int, ...]
    unseen: bool
    measure: Measure = "tau_ap"
    feature: Literal["kl", "tau"] = "kl"


def drawn(count: int | None, of: NDArray[np.bool_] | int, seed: int, what: str) -> Integers:
    """At most `count` positions drawn uniformly, in ascending order; all of them where `count` is None."""
    from_ = np.arange(of) if isinstance(of, int) else np.flatnonzero(of)
    if not len(from_):
        raise InputError(f"there are no {what} to explain")
    if count is None or count >= len(from_):
        return from_
    if count < 2:
        raise InputError(f"{count} {what}: give 2 or more")
    return np.sort(np.random.default_rng([seed, 23]).choice(from_, count, replace=False))


def checked_scores(model: TagModel, question: Question) -> Floats:
    """(users, items) scores f of the items as they are.

    Raises
    ------
    InputError
        If a score is NaN or infinite, or no user's scores differ from item to item.
    """
    scores = np.asarray(model.scores(question.users), dtype=float)[:, question.items]
    bad = ~np.isfinite(scores)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        user, item = model.data_.users[question.users[row]], model.data_.items[question.items[column]]
        raise InputError(
            f"{model.name} gives {int(bad.sum())} scores that are NaN or infinite (the first: user {user!r}, item "
            f"{item!r}); mend the recommender, or leave these users and items out"
        )
    if (np.ptp(scores, axis=1) == 0).all():
        raise InputError(f"{model.name} gives every item the same score: there is no ranking to explain")
    return scores


def candidates(data: Interactions, question: Question) -> NDArray[np.bool_]:
    """(users, items) items that are ranked for a user: all, or those that the user does not have."""
    if not question.unseen:
        return np.ones((len(question.users), len(question.items)), bool)
    have = data.counts[question.users][:, question.items].astype(bool).toarray()
    return ~have


def fidelities(model: TagModel, explainer: Explainer, question: Question) -> Floats:
    """(users, omegas) fidelity of the explainer's rankings; NaN where a user has fewer than two candidates."""
    scores, ranked = checked_scores(model, question), candidates(model.data_, question)
    values = np.full((len(question.users), len(question.omegas)), np.nan)
    for start in range(0, len(question.users), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(question.users)))
        users = question.users[rows]
        g = estimates(model, explainer, users, question.items, question.omegas)
        if not np.isfinite(g).all():
            raise InputError(f"{explainer.name} on {model.name} gives NaN weights: does its score stay finite?")
        for row in rows:
            keep = ranked[row]
            if keep.sum() >= 2:
                values[row] = ranking_fidelity(scores[row, keep], g[:, row - start, keep], question.measure)
    return values


def tied_shares(model: TagModel, question: Question) -> Floats:
    """(users,) share of the ranked items whose score another one has too."""
    scores, ranked = checked_scores(model, question), candidates(model.data_, question)
    return np.array([share_tied(scores[row, keep]) if keep.any() else np.nan for row, keep in enumerate(ranked)])


def kept(parts: Sequence[str], compute: Callable[[], dict[str, NDArray[np.float64]]]) -> dict[str, Floats]:
    """Arrays computed once: read from the cache where they are, else computed and written whole.

    Parameters
    ----------
    parts
        Texts that name everything the arrays depend on.
    compute
        Makes them.
    """
    file = _folder() / f"{content_hash(*parts)}.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    made = compute()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **made)
    with whole_file(file) as draft:
        draft.write_bytes(buffer.getvalue())
    return made


def _folder() -> Path:
    return cache_dir() / "explanations"
