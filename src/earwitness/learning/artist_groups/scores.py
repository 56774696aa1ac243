"""How well genres follow from each representation: log loss and macro F1 of the clips that were held out.

All numbers are taken of the same resamples of the same clips, so that differences and means over cases have intervals
of their own.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from earwitness.learning.artist_groups.experiment import Outcome
from earwitness.stats import Estimate

Floats = NDArray[np.float64]

RESAMPLES = 1000
MEASURES = ("log loss", "macro F1")
_LEAST = 1e-15  # a probability of 0 would make a loss without bound


class Scores:
    """Both measures of every case, as they are and in every resample of the clips.

    Parameters
    ----------
    truth : (clips,) int array
        Place of the genre of each clip that was held out.
    outcomes
        What was answered of these clips.
    seed
        Of the resamples.
    """

    def __init__(self, truth: NDArray[np.int64], outcomes: Sequence[Outcome], seed: int = 0) -> None:
        self.clips = len(truth)
        self.cases = [outcome.case for outcome in outcomes]
        rng = np.random.default_rng([seed, 31])
        drawn = rng.multinomial(self.clips, np.full(self.clips, 1 / self.clips), RESAMPLES)
        weights = np.vstack([np.ones(self.clips), drawn]).astype(float)  # the first row is the clips as they are
        both = {
            "log loss": [log_losses(outcome.probabilities, truth) for outcome in outcomes],
            "macro F1": [outcome.probabilities.argmax(axis=1) for outcome in outcomes],
        }
        self._values = {
            "log loss": np.stack([weights @ loss / self.clips for loss in both["log loss"]]),
            "macro F1": np.stack([macro_f1(truth, answer, weights) for answer in both["macro F1"]]),
        }  # each (cases, 1 + resamples)

    def values(self, measure: str, chosen: Callable[..., bool] | None = None) -> Floats:
        """(cases, 1 + resamples) of the cases that `chosen` says yes to; the first column is the values themselves."""
        keep = [chosen is None or bool(chosen(case)) for case in self.cases]
        return self._values[measure][np.array(keep, dtype=bool)]

    def estimate(self, replicates: Floats) -> Estimate:
        """A number and its interval, from its value and that in each resample."""
        low, high = np.quantile(replicates[1:], [0.025, 0.975], method="weibull")
        return Estimate(float(replicates[0]), float(low), float(high), self.clips)


def log_losses(probabilities: Floats, truth: NDArray[np.int64]) -> Floats:
    """(clips,) minus the logarithm of the probability of the genre that is true."""
    losses: Floats = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], _LEAST))
    return losses


def macro_f1(truth: NDArray[np.int64], answer: NDArray[np.int64], weights: Floats) -> Floats:
    """F1 averaged over the classes that occur in truth or answers, for each weighting of the clips.

    Parameters
    ----------
    truth, answer : (clips,) int arrays
    weights : (weightings, clips) array
        How often each clip counts.

    Returns
    -------
    (weightings,) array
    """
    classes = np.union1d(truth, answer)
    is_true, is_said = (classes == truth[:, None]), (classes == answer[:, None])  # (clips, classes)
    hits = weights @ (is_true & is_said)
    either = weights @ is_true.astype(float) + weights @ is_said.astype(float)  # 2 tp + fp + fn
    there = either > 0
    f1 = np.divide(2 * hits, either, out=np.zeros_like(hits), where=there)
    mean: Floats = f1.sum(axis=1) / there.sum(axis=1)
    return mean
