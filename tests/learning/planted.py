"""Scores of a design with effects that are known, since they were put there."""

import numpy as np
import pandas as pd

from earwitness.learning.design import SINGLE, Design


def planted_scores(
    design: Design,
    *,
    intercepts: dict[str, float] | None = None,
    slopes: dict[str, float] | None = None,
    sources: dict[str, float] | None = None,
    targets: int = 3,
    noise: float = 0.2,
    seed: int = 0,
) -> pd.DataFrame:
    """A row for each run and target; every target has effects, a level and a scale of its own."""
    rng = np.random.default_rng(seed)
    runs = design.to_frame()
    extra = np.where(runs["strategy"] == SINGLE, 0, runs["n"] - 2)
    frames = []
    for number in range(targets):
        y = runs["strategy"].map(intercepts or {}).fillna(0.0).to_numpy(float)
        y = y + runs["strategy"].map(slopes or {}).fillna(0.0).to_numpy(float) * extra
        for source, effect in (sources or {}).items():
            y = y + effect * (2 * runs[source] - 1)
        score = 0.5 + 0.01 * (number + 1) * (y + noise * rng.normal(size=len(runs)))
        frames.append(runs.assign(target=f"target {number}", score=score))
    return pd.concat(frames, ignore_index=True)
