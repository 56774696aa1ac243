"""The table of an experiment's scores as matrices, and resamples of its runs.

Conventions: a score is standardised within its target over all runs (sample deviation), so that targets can be
averaged; higher is better. n* is 0 for one source and n - 2 otherwise. All targets of a run are resampled together,
within its strategy: the scores of one network are not independent. Intervals are over runs; the targets are those that
were looked at, not a sample of targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.design import SINGLE
from earwitness.stats import Estimate

Floats = NDArray[np.float64]
NEEDED = ("run", "strategy", "n", "target", "score")


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Standardised scores of all runs.

    Attributes
    ----------
    runs
        A row a run: run, strategy, n, the sources (0 or 1), and what else the table had.
    targets
        Names of the columns of `Y`.
    Y : (runs, targets) array
        Standardised scores.
    mean, deviation : (targets,) arrays
        What standardised them.
    """

    runs: pd.DataFrame
    targets: tuple[str, ...]
    Y: Floats
    mean: Floats
    deviation: Floats

    @property
    def strategies(self) -> NDArray[np.str_]:
        """(runs,) strategy of each run."""
        return self.runs["strategy"].to_numpy(dtype=str)

    @property
    def n_star(self) -> Floats:
        """(runs,) n*, 0 where the strategy is in its simplest case."""
        n = self.runs["n"].to_numpy(float)
        return np.where(self.strategies == SINGLE, 0.0, n - 2)

    def where(self, keep: NDArray[np.bool_]) -> "ScoreMatrix":
        """Some of the runs, standardised as all were."""
        return ScoreMatrix(
            self.runs[keep].reset_index(drop=True), self.targets, self.Y[keep], self.mean, self.deviation
        )

    def standardized(self, target: str, scores: Floats | float) -> Floats:
        """Scores on one target on the scale of `Y`, such as those of a baseline."""
        place = self.targets.index(target)
        return (np.asarray(scores, float) - self.mean[place]) / self.deviation[place]


def score_matrix(scores: pd.DataFrame) -> ScoreMatrix:
    """The scores of an experiment, standardised within each target.

    Parameters
    ----------
    scores
        A row for each run and target: run, strategy, n, target, score, and columns of the run (its sources, ...).

    Raises
    ------
    InputError
        If a column is missing, a run lacks a target, or the runs of a target all have one score.
    """
    for name in NEEDED:
        if name not in scores:
            raise InputError(f"the scores have no column {name!r}; they have {', '.join(map(str, scores.columns))}")
    targets = tuple(dict.fromkeys(scores["target"].astype(str)))
    wide = scores.pivot_table(index="run", columns="target", values="score", sort=False, aggfunc="first")[list(targets)]
    if wide.isna().any(axis=None):
        run, target = next((run, target) for run in wide.index for target in targets if pd.isna(wide.loc[run, target]))
        raise InputError(f"run {run} has no score on {target!r}: let it finish, or take it out")
    columns = [name for name in scores if name not in ("target", "score", "low", "high", "measure")]
    runs = scores.drop_duplicates("run")[columns].set_index("run").loc[wide.index].reset_index()
    raw = wide.to_numpy(float)
    mean, deviation = raw.mean(0), raw.std(0, ddof=1)
    if not (deviation > 0).all():
        raise InputError(f"all runs have the same score on {targets[int(np.argmin(deviation))]!r}: nothing to compare")
    return ScoreMatrix(runs, targets, (raw - mean) / deviation, mean, deviation)


def resampled_runs(strata: Sequence[object] | NDArray[Any], n_resamples: int, rng: np.random.Generator) -> Floats:
    """(1 + n_resamples, runs) how often each run is drawn, whole strata kept; in the first row each run once."""
    codes = pd.factorize(np.asarray(strata))[0]
    weights = np.zeros((n_resamples + 1, len(codes)))
    weights[0] = 1
    for stratum in range(codes.max() + 1):
        here = np.flatnonzero(codes == stratum)
        weights[1:, here] = rng.multinomial(len(here), np.full(len(here), 1 / len(here)), size=n_resamples)
    return weights


def estimate_of(values: Floats, n: int) -> Estimate:
    """The first value, with the 95 % percentile interval of the others.

    No interval is given where more than a tenth of the resamples have no value, or all agree.
    """
    value, draws = float(values[0]), values[1:]
    usable = draws[np.isfinite(draws)]
    if not np.isfinite(value):
        return Estimate(float("nan"), float("nan"), float("nan"), n, "the runs do not determine it")
    if len(usable) < 0.9 * len(draws):
        lost = len(draws) - len(usable)
        return Estimate(value, float("nan"), float("nan"), n, f"{lost} of {len(draws)} resamples have no value")
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(value)):
        return Estimate(value, float("nan"), float("nan"), n, "all resamples agree: too few runs for an interval")
    low, high = np.quantile(usable, [0.025, 0.975], method="weibull")
    note = f"{len(draws) - len(usable)} of {len(draws)} resamples had no value" if len(usable) < len(draws) else ""
    return Estimate(value, float(low), float(high), n, note)
