"""Target tasks: what frozen vectors are asked for, over any clips: a class, a number, or which new tracks users play.

Conventions: every score is higher for better vectors: accuracy, R2, nDCG@500. A target is evaluated five times: by
folds that spread the classes evenly and never part a group, or, where the clips came with a split, by that split with
as many probe seeds, in which case the repeats show the variation of the probe only. A score is the mean over repeats.
Its interval resamples the tested clips (or their groups, or the users), not the trained network.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.cold_start import ColdStart, cold_start_ndcg
from earwitness.learning.content_factorization import Penalties
from earwitness.learning.plays import plays_matrix
from earwitness.learning.probes import Probe, predicted
from earwitness.stats import Estimate

Floats = NDArray[np.float64]
Kind = Literal["classification", "regression", "recommendation"]

REPEATS = 5
_FEWEST = 10
_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Target:
    """A task over the rows of a table of clips.

    Attributes
    ----------
    name, kind
        What it is called, and what is asked for.
    truth : (n,) array
        Classes as text, or numbers; of a recommendation unused.
    train, test : (repeats, n) bool arrays
        Rows to learn from and rows to ask about, repeat by repeat. Rows without a truth are in neither.
    units : (n,) or (users,) int array
        What intervals resample: the group of each clip, or each user.
    note
        What the repeats are.
    plays : (users, n) sparse matrix, optional
        Of a recommendation.
    """

    name: str
    kind: Kind
    truth: NDArray[Any]
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    units: NDArray[np.int64]
    note: str
    plays: sp.csr_matrix | None = None
    penalties: Penalties = field(default_factory=Penalties)
    cold: ColdStart = field(default_factory=ColdStart)

    @property
    def measure(self) -> str:
        """Name of the score."""
        if self.kind == "recommendation":
            return f"nDCG@{self.cold.k}"
        return "accuracy" if self.kind == "classification" else "R2"


@dataclass(frozen=True, eq=False)
class TargetScore:
    """How well vectors do on a target: the mean over repeats with its interval, and each repeat's own score."""

    target: str
    measure: str
    estimate: Estimate
    repeats: tuple[float, ...]


def column_target(
    table: pd.DataFrame,
    column: str,
    *,
    kind: Kind | None = None,
    group: str | None = None,
    split: str | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Target:
    """A target from a column of the clips.

    Parameters
    ----------
    table
        One row a clip.
    column
        Its values: classes or numbers. A blank cell is no label.
    kind
        "classification" or "regression"; None: numbers of which more than 20, or more than half, differ are numbers.
    group
        Column of what must not be on both sides, such as the artist.
    split
        Column of a given split: "test" is asked about, everything else is learnt from. Such a split is repeated with
        other probe seeds.
    repeats, seed
        How often, and of the folds.

    Raises
    ------
    InputError
        If a column is missing, there are fewer than two classes or ten labels, or the folds or the split are not
        possible.
    """
    for name in filter(None, (column, group, split)):
        if name not in table:
            raise InputError(
                f"target {column!r}: the clips have no column {name!r}; they have {', '.join(map(str, table))}"
            )
    chosen = kind or _kind_of(table[column])
    truth, present = _numbers(table[column], column) if chosen == "regression" else _classes(table[column])
    if present.sum() < _FEWEST:
        raise InputError(f"target {column!r}: only {present.sum()} clips have a value; {_FEWEST} are needed")
    if len(np.unique(truth[present])) < 2:
        raise InputError(
            f"target {column!r}: every clip has the same value, {str(truth[present][0])!r}; two are needed"
        )
    groups = None if group is None else _groups(table[group])
    if split is None:
        strata = truth[present] if chosen == "classification" else _quintiles(truth[present])
        test = np.zeros((repeats, len(table)), bool)
        test[:, present] = _folds(strata, None if groups is None else groups[present], repeats, seed, column)
        note = f"{len(test)} folds"
    else:
        test = np.tile(_given(table[split], groups, present, split), (repeats, 1))
        note = f"the given split with {repeats} probe seeds: variation of the probe only"
    train = present & ~test
    units = np.arange(len(table)) if groups is None else groups
    return Target(column, chosen, truth, train, test, units, note)


def listening_target(
    table: pd.DataFrame,
    plays: pd.DataFrame,
    *,
    name: str = "listening",
    penalties: Penalties = Penalties(),
    cold: ColdStart = ColdStart(),
    repeats: int = REPEATS,
    fewest: int = 5,
) -> Target:
    """A recommendation target: which users play clips that the recommender has never seen.

    Parameters
    ----------
    table
        One row a clip, with `clip` (id) and `path`.
    plays
        Columns `user`, `path` (a clip's id, or the end of its path) and `count`; one where there is no count.
    name
        Of the target.
    penalties, cold
        Of the factorisation and of the evaluation.
    repeats
        Random hold-outs.
    fewest
        Users with fewer clips, and clips with fewer users, are left out, until nothing more falls out.

    Raises
    ------
    InputError
        If a column is missing, or nothing is left.
    """
    matrix = plays_matrix(table, plays)
    users, clips = np.ones(matrix.shape[0], bool), np.ones(matrix.shape[1], bool)
    binary = (matrix > 0).astype(int)
    while True:
        fewer_users = users & (binary @ clips >= fewest)
        fewer_clips = clips & (binary.T @ fewer_users >= fewest)
        if (fewer_users == users).all() and (fewer_clips == clips).all():
            break
        users, clips = fewer_users, fewer_clips
    if not users.any():
        raise InputError(
            f"target {name!r}: no user has {fewest} clips that {fewest} users played, so nothing can be recommended; "
            "give more plays"
        )
    kept = sp.csr_matrix(matrix.multiply(clips[None, :]))[users]
    kept.eliminate_zeros()
    nothing = np.zeros((repeats, len(table)), bool)
    note = f"{repeats} random hold-outs of {cold.share:.0%} of {int(clips.sum())} clips; {int(users.sum())} users"
    units = np.arange(int(users.sum()))
    return Target(name, "recommendation", clips, nothing, nothing, units, note, kept, penalties, cold)


def target_score(target: Target, vectors: NDArray[Any], probe: Probe = Probe(), *, seed: int = 0) -> TargetScore:
    """Learn the target from vectors, and score what is said of the clips that were not learnt from.

    Parameters
    ----------
    target
        From `column_target` or `listening_target`, over the same clips in the same order.
    vectors : (n, d) array
        Frozen.
    probe
        The network that reads classes and numbers.
    seed
        Of the probes, or of the hold-outs.
    """
    X = np.asarray(vectors, float)
    if len(X) != target.test.shape[1]:
        raise InputError(f"target {target.name!r} has {target.test.shape[1]} clips, and there are {len(X)} vectors")
    outcomes = _recommended(target, X, seed) if target.kind == "recommendation" else _probed(target, X, probe, seed)
    repeats = outcomes.scores(np.ones((1, outcomes.width)))[:, 0]
    return TargetScore(target.name, target.measure, _interval(outcomes, target.units, seed), tuple(map(float, repeats)))


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """What each repeat says of each clip (or user); a score is 1 - loss / scale, summed over what was tested."""

    gain: Floats  # (repeats, n): right or not, squared error, nDCG
    tested: NDArray[np.bool_]  # (repeats, n)
    truth: Floats | None = None  # (n,) of a regression

    @property
    def width(self) -> int:
        return self.gain.shape[1]

    def scores(self, weights: Floats) -> Floats:
        """(repeats, resamples) scores with clips weighted by (resamples, n)."""
        gain = np.where(self.tested, self.gain, 0)
        count, total = self.tested @ weights.T, gain @ weights.T
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.truth is None:
                return np.asarray(total / count)
            first = (self.tested * self.truth) @ weights.T
            second = (self.tested * self.truth**2) @ weights.T
            return np.asarray(1 - total / (second - first**2 / count))


def _probed(target: Target, X: Floats, probe: Probe, seed: int) -> _Outcomes:
    number = target.kind == "regression"
    said = [
        predicted(X, target.truth, train, probe, number=number, seed=seed + repeat)
        for repeat, train in enumerate(target.train)
    ]
    if not number:
        return _Outcomes(np.array([guess == target.truth for guess in said], float), target.test)
    known = np.where(np.isfinite(target.truth), target.truth, 0)
    centred = known - known[target.test.any(0)].mean()  # so that sums of squares lose no digits
    return _Outcomes(np.array([(guess - known) ** 2 for guess in said]), target.test, centred)


def _recommended(target: Target, X: Floats, seed: int) -> _Outcomes:
    assert target.plays is not None
    clips = np.asarray(target.truth, bool)  # those that enough users played
    counts, repeats = target.plays[:, clips], len(target.test)
    found = cold_start_ndcg(counts, X[clips], target.penalties, target.cold, repeats=repeats, seed=seed)
    return _Outcomes(np.nan_to_num(found), ~np.isnan(found))


def _interval(outcomes: _Outcomes, units: NDArray[np.int64], seed: int) -> Estimate:
    """The mean over repeats with a 95 % interval over the clips (or groups, or users) that were tested."""
    rng = np.random.default_rng([seed, 1])
    asked = outcomes.tested.any(0)
    _, member = np.unique(units[asked], return_inverse=True)
    count = int(member.max()) + 1
    value = float(outcomes.scores(np.ones((1, outcomes.width)))[:, 0].mean())
    if count < 2:
        return Estimate(value, np.nan, np.nan, count, "one clip, group or user only")
    draws = []
    for _ in range(_RESAMPLES // 100):  # a hundred at a time, which bounds memory
        weights = np.zeros((100, outcomes.width))
        weights[:, asked] = rng.multinomial(count, np.full(count, 1 / count), size=100)[:, member]
        draws.append(np.nanmean(outcomes.scores(weights), axis=0))
    found = np.concatenate(draws)
    low, high = np.nanquantile(found[np.isfinite(found)], [0.025, 0.975], method="weibull")
    return Estimate(value, float(low), float(high), count)


def _kind_of(values: pd.Series) -> Kind:
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    known = values.dropna()
    return "regression" if number and known.nunique() > min(20, len(known) / 2) else "classification"


def _classes(values: pd.Series) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    text = values.astype(object).where(values.notna(), "").map(lambda value: str(value).strip())
    return text.to_numpy(dtype=str), (text != "").to_numpy(bool)


def _numbers(values: pd.Series, column: str) -> tuple[Floats, NDArray[np.bool_]]:
    found = pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)
    wrong = np.isnan(found) & (_classes(values)[0] != "")
    if wrong.any():
        raise InputError(f"target {column!r}: {values.iloc[int(wrong.argmax())]!r} is no number; mend the cell")
    return found, np.isfinite(found)


def _groups(values: pd.Series) -> NDArray[np.int64]:
    """The group of each clip by number; a clip without one is a group of its own."""
    text, present = _classes(values)
    codes = pd.factorize(text)[0].astype(np.int64)
    codes[~present] = len(codes) + np.arange((~present).sum())
    return codes


def _quintiles(truth: Floats) -> NDArray[Any]:
    ranks = pd.Series(truth).rank(method="first").to_numpy()
    return (ranks - 1) * 5 // len(ranks)


def _folds(
    strata: NDArray[Any], groups: NDArray[np.int64] | None, folds: int, seed: int, column: str
) -> NDArray[np.bool_]:
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    units = len(strata) if groups is None else len(np.unique(groups))
    commonest = int(np.unique(strata, return_counts=True)[1].max())
    if min(units, commonest) < folds:
        what = "clips of its commonest class" if commonest < folds else "groups"
        raise InputError(f"target {column!r}: {min(units, commonest)} {what} cannot be spread over {folds} folds")
    made = StratifiedKFold if groups is None else StratifiedGroupKFold
    test = np.zeros((folds, len(strata)), bool)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # it is missing from some folds
        split = made(folds, shuffle=True, random_state=seed).split(strata, strata, groups)
        for fold, (_, rows) in enumerate(split):
            test[fold, rows] = True
    if not test.any(1).all():
        raise InputError(f"target {column!r}: its groups are too uneven for {folds} folds; name a finer group")
    return test


def _given(
    values: pd.Series, groups: NDArray[np.int64] | None, present: NDArray[np.bool_], split: str
) -> NDArray[np.bool_]:
    test = (
        values.astype(str).str.strip().str.lower().isin(["test", "testing", "eval", "evaluation"]).to_numpy() & present
    )
    if not test.any() or not (present & ~test).any():
        raise InputError(f"the split in column {split!r} has nothing to {'learn from' if test.any() else 'test'}")
    if groups is not None and len(both := np.intersect1d(groups[test], groups[present & ~test])):
        raise InputError(
            f"{len(both)} groups lie on both sides of the split in column {split!r}: scores would be too good"
        )
    return test
