"""Short sounds of which everything is known, and learning sources made from what is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from earwitness.datasets import Clips, load_clips
from earwitness.learning import Scale, Source
from earwitness.learning.sources import LabelModel

RATE = 22050
TINY = Scale(channels=1, width=0.125, features=8, batch=8, epochs=2, learning_rate=0.005)


def sounds(folder: Path, count: int = 24, seconds: float = 2.6, seed: int = 0) -> Clips:
    """Tones, pulsed or steady, high or low, of three clips a song."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    time_s, rows = np.arange(int(RATE * seconds)) / RATE, []
    for number in range(count):
        pulsed, high = bool(rng.integers(2)), bool(rng.integers(2))
        pitch = rng.uniform(1500, 3000) if high else rng.uniform(150, 300)
        tone = np.sin(2 * np.pi * pitch * time_s) * ((time_s * 5 % 1 < 0.4) if pulsed else 1)
        soundfile.write(folder / f"{seed}-{number}.wav", 0.3 * tone + rng.normal(0, 0.01, len(time_s)), RATE)
        row = {"path": f"{seed}-{number}.wav", "kind": "pulsed" if pulsed else "steady"}
        rows.append(row | {"register": "high" if high else "low", "pitch": pitch, "song": f"song {number // 3}"})
    pd.DataFrame(rows).to_csv(folder / f"{seed}.csv", index=False)
    return load_clips(folder / f"{seed}.csv")


def classes(clips: Clips, column: str) -> Source:
    """The values of a column, one-hot."""
    values = clips.table[column].astype(str)
    names = tuple(sorted(set(values)))
    targets = (values.to_numpy()[:, None] == np.array(names)).astype(np.float32)
    model = LabelModel("classes", {"vocabulary": list(names)}, {"prior": targets.mean(0)})
    return Source(column, "distribution", targets, names, model)


def pairs(clips: Clips) -> Source:
    """The source `self`."""
    model = LabelModel("pairs", {}, {"usable": np.ones(len(clips), bool)})
    return Source("self", "pairs", np.zeros((len(clips), 0), np.float32), ("of different clips", "of one clip"), model)
