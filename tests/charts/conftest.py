"""Real results of two encoders and a control, with names that would like to be code."""

import numpy as np
import pandas as pd
import pytest

from earwitness.audio.perturbations import IMPERCEPTIBLE, MP3, PinkNoise, PitchShift, TempoShift
from earwitness.audits import linear_maps, placement, robustness, structure, transfer
from earwitness.embeddings import Embeddings

LABELS = np.array(["<script>alert(1)</script>", "two\nlines", "datum.x", "plain"])
SHIFTS = (TempoShift(1.5), PitchShift(702))
GRAVE = (PitchShift(-400), PitchShift(400), TempoShift(0.5), PinkNoise(0), MP3(32))


def made(name: str, apart: float, seed: int, change: object = None) -> Embeddings:
    member = np.arange(48) % 4
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(48, 6)) + apart * np.eye(6)[member]
    record = None if change is None else change.record()
    if record is not None:
        vectors += 0.05 * record.severity * np.random.default_rng(99).normal(size=vectors.shape)
    clips = pd.DataFrame(
        {
            "clip": [f"clip {i}" for i in range(48)],
            "label": LABELS[member],
            "site": np.where(np.arange(48) < 20, "lab", "wild"),
            "tags": np.where(member < 2, "x|y", "y|z"),
            "tempo": vectors[:, 0],
        }
    )
    return Embeddings(vectors.astype("f4"), clips, name, "1", "test", record)


@pytest.fixture(scope="session")
def results():
    """By audit, a list with the control first."""
    cast = [("mfcc", 0.5, 1, "control"), ("alpha", 6.0, 2, "audited"), ("beta[0].x", 3.0, 3, "audited")]
    names = ("transfer", "robustness", "structure", "tags", "number", "linear_maps", "placement")
    found: dict[str, list] = {name: [] for name in names}
    for name, apart, seed, role in cast:
        plain = made(name, apart, seed)
        changed = [made(name, apart, seed, change) for change in (*IMPERCEPTIBLE, *GRAVE)]
        few = {"role": role, "n_resamples": 100}
        found["transfer"].append(transfer(plain, by="site", folds=2, **few))
        if name != "beta[0].x":
            found["tags"].append(transfer(plain, label="tags", folds=2, **few))
            found["number"].append(transfer(plain, label="tempo", **few))
        found["robustness"].append(robustness(plain, changed, **few))
        asked = {"ks": range(2, 6), "seeds": 2, "compare_at": [3], "colour": ["site", "tempo"]}
        found["structure"].append(structure(plain, label="label", **asked, **few))
        found["linear_maps"].append(linear_maps(plain, [made(name, apart, seed, c) for c in SHIFTS], **few))
        new = {"new": ["plain"], "between": [("plain", "two\nlines", "datum.x")]}
        found["placement"].append(placement(plain, label="label", **new, **few))
    return found
