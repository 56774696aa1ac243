"""The published protocol of Wang et al. (2023): samples, classifiers, directions and projections, number by number.

Conventions: domains in the order irmas, openmic; one instrument at a time, one against the rest. `global` directions
are of positives and negatives, `classwise` ones of positives alone. Linear methods take vectors as they come; in kernel
methods directions are of samples that are each standardised by themselves, and classifiers of vectors standardised by
the training sample, as the authors' code does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from earwitness.audits import equal_sample
from earwitness.correction import cosine, feature_map, lda_direction, orthonormal_rows, stratum_directions
from earwitness.errors import InputError
from earwitness.recipes._wang2023_data import INSTRUMENTS, Corpus

Floats = NDArray[np.float64]
Degenerate = Literal["skip", "global_row", "error", "as_published"]

DOMAINS = ("irmas", "openmic")
SCOPES = ("global", "classwise")
METHODS = ("original", "lda", "mlda", "k", "klda", "mklda")
STRENGTHS = tuple(10.0**k for k in range(-8, 4))
FOLDS = 3
SEED = 42
"""Of classifiers and kernels, as published; samples and the split have the recipe's."""


@dataclass(frozen=True)
class Choices:
    """Where the paper leaves a choice.

    Attributes
    ----------
    on_degenerate
        What becomes of a genre with too few positives of one data set: "skip", or "as_published", whose row is no
        direction between data sets.
    by_track
        Choose penalties in folds that keep a track together; published ones do not.
    """

    on_degenerate: Degenerate = "skip"
    by_track: bool = False


@dataclass(frozen=True)
class Sample:
    """One instrument's equalised training clips and all its test clips, by data set."""

    X: list[Floats]
    y: list[NDArray[np.bool_]]
    genre: list[NDArray[Any]]
    group: list[NDArray[Any]]
    X_test: list[Floats]
    y_test: list[NDArray[np.bool_]]


def sample(corpora: Sequence[Corpus], vectors: Sequence[Floats], instrument: int, seed: int) -> Sample:
    """The clips of one instrument.

    Parameters
    ----------
    corpora, vectors
        Both data sets, and (n, d) vectors of each.
    instrument
        Its place in `INSTRUMENTS`.
    seed
        Of the sample, which keeps the genres' shares.

    Raises
    ------
    InputError
        If a side is empty.
    """
    both = np.concatenate([corpus.truth[:, instrument] for corpus in corpora])
    member = np.repeat([0, 1], [len(corpus.keys) for corpus in corpora])
    train = np.concatenate([~corpus.test for corpus in corpora])
    genre = np.concatenate([corpus.genre for corpus in corpora])
    rows = np.flatnonzero(train)
    chosen = equal_sample(both[rows], member[rows], genre[rows], np.random.default_rng(seed), exact=False)
    starts = (0, len(corpora[0].keys))
    mine = [rows[part] - start for part, start in zip(chosen, starts, strict=True)]
    tested = [np.flatnonzero(corpus.test & (corpus.truth[:, instrument] >= 0)) for corpus in corpora]
    found = Sample(
        X=[X[part] for X, part in zip(vectors, mine, strict=True)],
        y=[corpus.truth[part, instrument] == 1 for corpus, part in zip(corpora, mine, strict=True)],
        genre=[corpus.genre[part] for corpus, part in zip(corpora, mine, strict=True)],
        group=[corpus.group[part] for corpus, part in zip(corpora, mine, strict=True)],
        X_test=[X[part] for X, part in zip(vectors, tested, strict=True)],
        y_test=[corpus.truth[part, instrument] == 1 for corpus, part in zip(corpora, tested, strict=True)],
    )
    for corpus, y, y_test in zip(corpora, found.y, found.y_test, strict=True):
        for side, labels in (("training", y), ("test", y_test)):
            if labels.sum() < FOLDS or (~labels).sum() < FOLDS:
                raise InputError(
                    f"{corpus.name}: {INSTRUMENTS[instrument]} has {labels.sum()} {side} clips with it and "
                    f"{(~labels).sum()} without; the experiment needs {FOLDS} of each"
                )
    return found


def experiment(one: Sample, name: str, choices: Choices) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every method's ROC-AUC, and every direction's cosine, for one instrument.

    Parameters
    ----------
    one
        Its clips.
    name
        Of the instrument.
    choices
        Where the paper leaves some.

    Returns
    -------
    scores
        `scope`, `method`, `instrument`, `train_set`, `test_set`, `roc_auc`.
    cosines
        `scope` ("global", "classwise", "global_kernel", "classwise_kernel"), `instrument`, `train_set`, `cosine`
        (absolute).
    """
    scores, cosines = [], []
    for source, train in enumerate(DOMAINS):
        for kernel in (False, True):
            fit, use = _spaces(one, source, kernel)
            inside = [fit(one.X[d], d) for d in (0, 1)]
            data = use(one.X[source]), [use(X) for X in one.X_test]
            plain = _classifier(data[0], one.y[source], one.group[source], choices)
            ending = "_kernel" if kernel else ""
            for scope in SCOPES:
                w = _rows(inside, one, scope, None, choices)
                measured = {"instrument": name, "train_set": train, "cosine": abs(float(cosine(w[0], plain.coef_[0])))}
                cosines.append({"scope": scope + ending, **measured})
            for scope, method, V in _projections(inside, one, kernel, choices):
                probe = plain
                if len(V):
                    moved = _off(data[0], V)
                    probe = _classifier(moved, one.y[source], one.group[source], choices)
                for target, test in enumerate(DOMAINS):
                    found = _auc(one.y_test[target], probe.decision_function(_off(data[1][target], V)))
                    scores.append(
                        {"scope": scope, "method": method, "instrument": name, "train_set": train, "test_set": test}
                        | {"roc_auc": found}
                    )
    return scores, cosines


def _projections(
    inside: Sequence[Floats], one: Sample, kernel: bool, choices: Choices
) -> Iterator[tuple[str, str, Floats]]:
    """Scope, method and orthonormal rows to project off; none for the embedding as it is."""
    first, single, several = METHODS[3:] if kernel else METHODS[:3]
    for scope in SCOPES:
        yield scope, first, np.zeros((0, inside[0].shape[1]))
        yield scope, single, orthonormal_rows(_rows(inside, one, scope, None, choices))[0]
        yield scope, several, orthonormal_rows(_rows(inside, one, scope, one.genre, choices))[0]


def _rows(
    inside: Sequence[Floats], one: Sample, scope: str, genre: Sequence[NDArray[Any]] | None, choices: Choices
) -> Floats:
    """The direction between data sets, or one a genre."""
    kept = [np.ones(len(y), bool) if scope == "global" else y for y in one.y]
    X = np.concatenate([part[rows] for part, rows in zip(inside, kept, strict=True)])
    domain = np.repeat([0, 1], [rows.sum() for rows in kept])
    if genre is None:
        return np.atleast_2d(lda_direction(X, domain))
    strata = np.concatenate([part[rows] for part, rows in zip(genre, kept, strict=True)])
    sizes = pd.crosstab(strata, domain)
    if choices.on_degenerate == "skip" and (len(sizes.columns) < 2 or sizes.min(axis=1).max() < 5):
        return np.zeros((0, X.shape[1]))  # not one genre has five clips of either: nothing to project off
    return stratum_directions(X, domain, strata, on_degenerate=choices.on_degenerate).rows


def _spaces(one: Sample, source: int, kernel: bool) -> tuple[Any, Any]:
    """From a sample of a data set to where directions are found, and from any vectors to where classifiers learn."""
    if not kernel:
        return lambda X, _: X, lambda X: X
    scales = [(X.mean(0), np.where(X.std(0) > 0, X.std(0), 1.0)) for X in one.X]
    stacked = np.concatenate([(X - m) / s for X, (m, s) in zip(one.X, scales, strict=True)])
    features = feature_map(stacked, "rff", rng=np.random.default_rng(SEED))
    return (
        lambda X, d: features((X - scales[d][0]) / scales[d][1]),
        lambda X: features((X - scales[source][0]) / scales[source][1]),
    )


def _off(X: Floats, V: Floats) -> Floats:
    return X - (X @ V.T) @ V if len(V) else X


def _classifier(X: Floats, y: NDArray[np.bool_], group: NDArray[Any], choices: Choices) -> Any:
    """The classifier with the penalty that has the best mean ROC-AUC in three folds, the strongest of several."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    def made(strength: float) -> Any:
        return LogisticRegression(C=strength, solver="liblinear", class_weight="balanced", random_state=SEED)

    folds = StratifiedGroupKFold(FOLDS) if choices.by_track else StratifiedKFold(FOLDS)
    splits = list(folds.split(X, y, group.astype(str) if choices.by_track else None))
    means = [
        np.mean([_auc(y[test], made(C).fit(X[train], y[train]).decision_function(X[test])) for train, test in splits])
        for C in STRENGTHS
    ]
    return made(STRENGTHS[int(np.argmax(means))]).fit(X, y)


def _auc(y: NDArray[np.bool_], scores: Floats) -> float:
    """ROC-AUC; ties count half."""
    positive = y.sum()
    above = rankdata(scores)[y].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (~y).sum()))


def table_one(scores: pd.DataFrame) -> pd.DataFrame:
    """Table 1: mean ROC-AUC in per cent over instruments, and the change against the embedding as it is.

    Parameters
    ----------
    scores
        `scope`, `embedding`, `method`, `instrument`, `train_set`, `test_set`, `roc_auc`; a column `seed` is averaged
        over.

    Returns
    -------
    DataFrame
        A row for each scope, embedding, method and pair: `mean`, `change` and, over the instruments, `change_low` and
        `change_high` (95 %, bootstrap of instruments in pairs), `up` (how many gain), `instruments`.
    """
    keys = ["scope", "embedding", "method", "train_set", "test_set"]
    each = scores.groupby([*keys, "instrument"], sort=False)["roc_auc"].mean().mul(100).rename("value").reset_index()
    before = each[each["method"] == "original"].drop(columns="method").rename(columns={"value": "before"})
    each = each.merge(before, on=["scope", "embedding", "train_set", "test_set", "instrument"], how="left")
    rows = []
    for names, group in each.groupby(keys, sort=False):
        change = (group["value"] - group["before"]).to_numpy()
        drawn = change[np.random.default_rng(0).integers(0, len(change), (2000, len(change)))].mean(1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        rows.append(
            dict(zip(keys, names, strict=True))
            | {"mean": group["value"].mean(), "change": change.mean(), "change_low": low, "change_high": high}
            | {"up": int((change > 0).sum()), "instruments": len(change)}
        )
    return pd.DataFrame(rows)
