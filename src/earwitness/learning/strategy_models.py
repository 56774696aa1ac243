"""What the transfer score of a network owes to the strategy, to the number of its sources, and to its size.

Model 1 has an intercept and a slope of n* for each strategy; Model 2 has the size r*, n* and their product. Both vary
over targets. By default they are fitted to each target by least squares and averaged over targets, with bootstrap
intervals over runs; `method="mixed"` fits the printed multilevel models by REML.

References
----------
Kim (2021), doctoral thesis, equations 2.10 to 2.16, Figures 2.11 and 2.12.
"""

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.design import SHARING, SINGLE
from earwitness.learning.scores import Floats, ScoreMatrix, estimate_of, resampled_runs
from earwitness.stats import Estimate, MixedModel, bootstrap_mixed_model, mixed_model

Method = Literal["cells", "mixed"]
Row = tuple[tuple[str, ...], Estimate]
SIZE_TERMS = ("intercept", "size", "number of sources", "size x number")


def strategy_effects(
    matrix: ScoreMatrix, *, method: Method = "cells", n_resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Model 1: the intercept of each strategy, and its slope per added source.

    The intercept is the standardised score in the strategy's simplest case: one source for SS-R, two for the others.
    SS-R has no slope, since it always has one source.

    Parameters
    ----------
    matrix
        All runs.
    method
        "cells": least squares in each strategy and target, averaged over targets, with intervals that resample runs
        within strategies. "mixed": the multilevel model with its parametric bootstrap.
    n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        measure ("intercept", "slope", "difference of intercepts"), strategy, other, value, low, high, n, note.
    """
    _check_strategies(matrix)
    if method == "mixed":
        return _mixed_effects(matrix, n_resamples, seed)
    lines = resampled_lines(matrix, n_resamples=n_resamples, seed=seed)
    rows: list[Row] = []
    for strategy, (level, slope) in lines.items():
        count = int((matrix.strategies == strategy).sum())
        rows.append((("intercept", strategy, ""), estimate_of(level, count)))
        if strategy != SINGLE:
            rows.append((("slope", strategy, ""), estimate_of(slope, count)))
    for one, other in combinations(lines, 2):
        difference = lines[other][0] - lines[one][0]
        rows.append((("difference of intercepts", other, one), estimate_of(difference, len(matrix.Y))))
    return _table(rows, ("measure", "strategy", "other"))


def resampled_lines(matrix: ScoreMatrix, *, n_resamples: int = 1000, seed: int = 0) -> dict[str, tuple[Floats, Floats]]:
    """By strategy: (1 + n_resamples,) intercepts and slopes, first of the runs themselves, then of each resample."""
    W = resampled_runs(matrix.strategies, n_resamples, np.random.default_rng([seed, 1]))
    found = {}
    for strategy in _present(matrix):
        here = matrix.strategies == strategy
        found[strategy] = _lines(W[:, here], matrix.n_star[here], matrix.Y[here])
    return found


def _present(matrix: ScoreMatrix) -> list[str]:
    return [strategy for strategy in SHARING if (matrix.strategies == strategy).any()]


def _check_strategies(matrix: ScoreMatrix) -> None:
    unknown = sorted(set(matrix.strategies) - set(SHARING))
    if unknown:
        raise InputError(f"there is no strategy {str(unknown[0])!r}: the models know {', '.join(SHARING)}")


def _lines(W: Floats, x: Floats, Y: Floats) -> tuple[Floats, Floats]:
    """(resamples,) intercept at x = 0 and slope of weighted lines, averaged over targets; NaN where x is constant."""
    count, first, second = W.sum(1), W @ x, W @ x**2
    total, cross = W @ Y, W @ (x[:, None] * Y)  # (resamples, targets)
    spread = count * second - first**2
    if not x.any():
        return np.asarray((total / count[:, None]).mean(1)), np.full(len(W), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (count[:, None] * cross - first[:, None] * total) / np.where(spread > 1e-9, spread, np.nan)[:, None]
        level = (total - slope * first[:, None]) / count[:, None]
    return np.asarray(level.mean(1)), np.asarray(slope.mean(1))


def size_effects(
    matrix: ScoreMatrix, *, method: Method = "cells", n_resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Model 2: intercept, size r*, number of sources n*, and their product; term, value, low, high, n, note.

    Parameters
    ----------
    matrix, method, n_resamples, seed
        As in `strategy_effects`.
    """
    _check_strategies(matrix)
    size = np.array([SHARING[strategy] for strategy in matrix.strategies])
    X = np.column_stack([np.ones(len(size)), size, matrix.n_star, size * matrix.n_star])
    if method == "mixed":
        return _mixed_size(matrix, X, n_resamples, seed)
    W = resampled_runs(matrix.strategies, n_resamples, np.random.default_rng([seed, 2]))
    beta = least_squares(W, X, matrix.Y)[0].mean(2)  # (resamples, terms)
    rows: list[Row] = [((term,), estimate_of(beta[:, k], len(size))) for k, term in enumerate(SIZE_TERMS)]
    return _table(rows, ("term",))


def least_squares(W: Floats, X: Floats, Y: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Weighted regressions of all targets on X, one for each row of weights.

    Returns
    -------
    beta : (resamples, terms, targets) array
        NaN where the drawn runs do not determine it.
    inverse : (resamples, terms, terms) array
        Of the weighted cross-products.
    determined : (resamples,) bool array
    """
    gram = np.einsum("bn,ni,nj->bij", W, X, X, optimize=True)
    right = np.einsum("bn,ni,nt->bit", W, X, Y, optimize=True)
    determined = np.linalg.matrix_rank(gram, hermitian=True, rtol=1e-9) == X.shape[1]
    inverse = np.full_like(gram, np.nan)
    if determined.any():
        inverse[determined] = np.linalg.inv(gram[determined])
    return np.asarray(inverse @ right), inverse, determined


def _table(rows: list[Row], names: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([{**dict(zip(names, keys, strict=True)), **vars(found)} for keys, found in rows])


def _long(matrix: ScoreMatrix) -> pd.DataFrame:
    frames = []
    for place, target in enumerate(matrix.targets):
        frames.append(pd.DataFrame({"y": matrix.Y[:, place], "strategy": matrix.strategies, "target": target}))
    data = pd.concat(frames, ignore_index=True)
    data["n_star"] = np.tile(matrix.n_star, len(matrix.targets))
    data["size"] = data["strategy"].map(SHARING)
    return data


def _mixed_effects(matrix: ScoreMatrix, n_resamples: int, seed: int) -> pd.DataFrame:
    """Equations 2.10 to 2.12: cell means, every random effect with a variance of its own."""
    data, present = _long(matrix), _present(matrix)
    columns: dict[str, tuple[str, str]] = {}
    for k, strategy in enumerate(present):
        here = (data["strategy"] == strategy).astype(float)
        data[f"r{k}"], columns[f"r{k}"] = here, ("intercept", strategy)
        if strategy != SINGLE and (here * data["n_star"]).any():
            data[f"n{k}"], columns[f"n{k}"] = here * data["n_star"], ("slope", strategy)
    formula = f"y ~ 0 + {' + '.join(columns)} + " + " + ".join(f"(0 + {name} | target)" for name in columns)
    model = mixed_model(formula, data)
    found = bootstrap_mixed_model(model, n_resamples=n_resamples, rng=np.random.default_rng([seed, 3])).to_frame()
    said = found.set_index("term")[["estimate", "low", "high"]].to_dict("index")
    rows: list[Row] = [((*key, ""), _fitted(list(said[name].values()), model)) for name, key in columns.items()]
    rows.sort(key=lambda row: (row[0][0] != "intercept", present.index(row[0][1])))
    at = {strategy: model.names.index(name) for name, (what, strategy) in columns.items() if what == "intercept"}
    for one, other in combinations(at, 2):
        contrast = np.zeros(len(model.beta))
        contrast[at[other]], contrast[at[one]] = 1, -1
        value, spread = contrast @ model.beta, 1.959964 * np.sqrt(contrast @ model.vcov @ contrast)
        difference = Estimate(float(value), float(value - spread), float(value + spread), model.n, "Wald z")
        rows.append((("difference of intercepts", other, one), difference))
    return _table(rows, ("measure", "strategy", "other"))


def _fitted(numbers: list[float], model: MixedModel) -> Estimate:
    value, low, high = numbers
    return Estimate(value, low, high, model.n, "; ".join(model.notes))


def _mixed_size(matrix: ScoreMatrix, X: Floats, n_resamples: int, seed: int) -> pd.DataFrame:
    """Equations 2.13 to 2.16: the intercept has no random part, as printed."""
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise InputError("the runs do not tell size and number of sources apart: add runs of other strategies")
    data = _long(matrix)
    data["both"] = data["size"] * data["n_star"]
    names = ("size", "n_star", "both")
    formula = f"y ~ {' + '.join(names)} + " + " + ".join(f"(0 + {name} | target)" for name in names)
    model = mixed_model(formula, data)
    found = bootstrap_mixed_model(model, n_resamples=n_resamples, rng=np.random.default_rng([seed, 4])).to_frame()
    said = found[["estimate", "low", "high"]].to_numpy(float)
    rows: list[Row] = [((term,), _fitted(said[k].tolist(), model)) for k, term in enumerate(SIZE_TERMS)]
    return _table(rows, ("term",))
