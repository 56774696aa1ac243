"""How well a task was learnt, on validation clips, beside what asks for no learning.

| task | score | control |
|---|---|---|
| autoencoder | mean square error of standardised decibels | the mean spectrum of the training clips |
| tagging | area under the ROC curve over the tags of each clip | how frequent each tag is in training |
| instruments | accuracy | the most frequent class in training |
| separation | SDR of the target, in dB (mir_eval, phase of the mixture) | the mixture itself |
"""

import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.errors import MissingExtraError
from earwitness.learning.tasks.batches import validation
from earwitness.learning.tasks.examples import Examples
from earwitness.learning.tasks.networks import TaskName, TaskNetwork
from earwitness.learning.tasks.spectra import inverse, transform
from earwitness.stats import bootstrap

Floats = NDArray[np.float64]

MEASURES: dict[TaskName, tuple[str, str]] = {
    "autoencoder": ("mean square error", "mean spectrum"),
    "tagging": ("AUC over tags", "tag frequencies"),
    "instruments": ("accuracy", "most frequent class"),
    "separation": ("SDR (dB)", "mixture itself"),
}
"""Of each task, what is measured, and what it is set beside."""

_CLIPS = {"autoencoder": 500, "tagging": 5000, "instruments": 5000, "separation": 60}


def score(network: TaskNetwork, examples: Examples, seed: int = 0) -> pd.DataFrame:
    """The task's measure on the middle of validation clips, with 95 % intervals.

    Parameters
    ----------
    network
        In evaluation mode.
    examples
        Those that are not for training are heard.
    seed
        Of the resamples.

    Returns
    -------
    DataFrame
        `measure`, `what` ("network", the control, "difference": network minus control, in pairs), `value`, `low`,
        `high`, `n`, `note`. Clips of one group are resampled together.
    """
    measure, control = MEASURES[examples.task]
    own, other = per_clip(network, examples)
    known = ~(np.isnan(own) | np.isnan(other))
    groups = examples.groups[np.flatnonzero(examples.validation)[: len(own)]][known]
    rows = []
    for what, values in (("network", own), (control, other), ("difference", own - other)):
        estimate = (
            bootstrap(values[known], groups=groups, rng=np.random.default_rng([seed, 4])) if known.any() else None
        )
        found = {"value": np.nan, "low": np.nan, "high": np.nan, "n": 0, "note": "no validation clip has this measure"}
        rows.append({"measure": measure, "what": what, **(asdict(estimate) if estimate else found)})
    return pd.DataFrame(rows)


def per_clip(network: TaskNetwork, examples: Examples) -> tuple[Floats, Floats]:
    """The measure of each validation clip, and that of the control; NaN where a clip has none."""
    own: list[float] = []
    other: list[float] = []
    asked = examples.targets[examples.training]
    device = next(network.parameters()).device
    for batch in validation(examples, network.shape.samples, _CLIPS[examples.task], copies=False):
        with torch.no_grad():
            _, answer, magnitudes = network(batch.audio.to(device))
        match examples.task:
            case "autoencoder":
                heard = network.front(magnitudes)[:, 0]
                own += (answer - heard).square().mean((1, 2)).tolist()
                other += heard.square().mean((1, 2)).tolist()
            case "tagging":
                truth = batch.asked.numpy()
                own += area_under_curve(truth, answer.cpu().numpy()).tolist()
                other += area_under_curve(truth, np.broadcast_to(asked.mean(0), truth.shape)).tolist()
            case "instruments":
                truth = batch.asked.numpy()
                own += (answer.argmax(1).cpu().numpy() == truth).tolist()
                other += (truth == np.bincount(asked).argmax()).tolist()
            case _:
                mask = answer.sigmoid().cpu()
                own += [
                    target_sdr(parts, separated(parts.sum(0), m)) for parts, m in zip(batch.asked, mask, strict=True)
                ]
                other += [target_sdr(parts, torch.stack([parts.sum(0)] * 2)) for parts in batch.asked]
    return np.array(own, float), np.array(other, float)


def area_under_curve(truth: NDArray[np.floating], scores: NDArray[np.floating]) -> Floats:
    """Area under the ROC curve over the tags of each clip, (n,); ties count one half.

    Parameters
    ----------
    truth, scores : (n, tags) arrays
        1 for a tag that a clip has, and 0; NaN is returned for a clip that has all tags or none.
    """
    from scipy.stats import rankdata

    positive = truth.sum(1)
    negative = truth.shape[1] - positive
    ranks = np.where(truth > 0, rankdata(scores, axis=1), 0).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (ranks - positive * (positive + 1) / 2) / (positive * negative)
    return np.where((positive > 0) & (negative > 0), area, np.nan)


def separated(mixture: Tensor, mask: Tensor) -> Tensor:
    """What a mask leaves of a mixture, and the rest: [samples] and [bins, frames] to [2, samples].

    The phase is that of the mixture; bins above the mask's are left to the rest.
    """
    spectra = transform(mixture[None])[0]
    kept = torch.zeros(spectra.shape)
    kept[: len(mask)] = mask
    return inverse(torch.stack([spectra * kept, spectra * (1 - kept)]), len(mixture))


def target_sdr(parts: Tensor, estimates: Tensor) -> float:
    """Signal-to-distortion ratio of the first of two parts, in dB, by mir_eval; NaN where one of them is silent.

    Parameters
    ----------
    parts, estimates
        Target and accompaniment, [2, samples] both.

    References
    ----------
    Vincent, Gribonval and Févotte (2006). Performance measurement in blind audio source separation.
    """
    try:
        from mir_eval.separation import bss_eval_sources
    except ImportError as error:
        raise MissingExtraError("measuring how well voices are separated", "learn") from error
    if not parts.any(1).all() or not estimates.any(1).all():
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the module has been announced to leave in mir_eval 0.9
        ratios = bss_eval_sources(parts.double().numpy(), estimates.double().numpy(), compute_permutation=False)[0]
    return float(ratios[0])
