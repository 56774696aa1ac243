"""What the networks of the experiment are held against: no network, and networks that learnt nothing.

`mfcc-120` and a published tagger are encoders of the catalogue. `untrained` is the experiment's own network of one
source before any training, with several seeds; `untrained x m` are m of these side by side, as many values as a network
of m sources has.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness import engine
from earwitness.errors import EarwitnessError
from earwitness.extraction import embed
from earwitness.learning.design import SINGLE, Run
from earwitness.learning.experiment import (
    RANDOM_SEEDS,
    Experiment,
    ask_targets,
    place_of,
    side_by_side,
)
from earwitness.learning.findings import CEPSTRA, TAGGER, UNTRAINED

BASELINES = (CEPSTRA, TAGGER)


def baseline_scores(
    experiment: Experiment,
    *,
    encoders: Sequence[str] = BASELINES,
    seeds: int = RANDOM_SEEDS,
    jobs: int | None = None,
    progress: engine.Progress | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Scores of what the experiment's networks are held against, on the same clips and folds.

    Parameters
    ----------
    experiment
        Of which at least one run of a single source is made.
    encoders
        Of the catalogue. One that cannot be loaded is left out, and said.
    seeds
        Untrained networks.
    jobs, progress
        As in `engine.map`.

    Returns
    -------
    scores : DataFrame
        baseline, networks (how many side by side), seed, dimension, target, measure, score, low, high, equal.
    notes : list of text
        What is missing, and why.
    """
    frames, notes = [], []
    for name in encoders:
        try:
            vectors = _of(experiment, name, jobs, progress)
        except EarwitnessError as error:
            notes.append(f"The baseline {name} is not measured: {error}")
        else:
            frames.append(_asked(experiment, vectors).assign(baseline=name, networks=1, seed=0))
    drawn = engine.map(
        partial(_untrained, experiment),
        list(range(max(seeds, len(experiment.sources)))),
        jobs=jobs,
        progress=progress,
        stage="untrained networks",
    )
    frames += [
        _asked(experiment, vectors).assign(baseline=UNTRAINED, networks=1, seed=seed)
        for seed, vectors in enumerate(drawn[:seeds])
    ]
    for count in range(2, len(experiment.sources) + 1):
        together = side_by_side(drawn[:count])
        frames.append(_asked(experiment, together).assign(baseline=f"{UNTRAINED} x {count}", networks=count, seed=0))
    return pd.concat(frames, ignore_index=True), notes


def _asked(experiment: Experiment, vectors: NDArray[Any]) -> pd.DataFrame:
    with engine.one_thread():
        return pd.DataFrame(ask_targets(experiment, vectors)).assign(dimension=vectors.shape[1])


def _of(
    experiment: Experiment, encoder: Any, jobs: int | None, progress: engine.Progress | None = None
) -> NDArray[np.float32]:
    found = embed(experiment.asked, encoder, jobs=jobs, progress=progress)
    return found.aligned_with(experiment.asked.table["clip"].to_numpy()).vectors


def _untrained(experiment: Experiment, seed: int) -> NDArray[np.float32]:
    """The network of the first source before its training, with other weights."""
    from earwitness.encoders import load_encoder

    single = Run(SINGLE, (experiment.names[0],), 0)
    folder = place_of(experiment, experiment.identity(), single).network
    trained: Any = load_encoder(f"learned:{folder}")
    return _of(experiment, trained.untrained(seed), 1)
