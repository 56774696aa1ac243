"""Makes dtw.json, warping distances by other programs. Needs fastdtw, dtaidistance and librosa."""

import json
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
from dtaidistance import dtw_ndim
from fastdtw import fastdtw

rng = np.random.default_rng(20211)
pairs = []
for n, m in [(1, 1), (1, 9), (12, 12), (17, 11), (8, 23), (31, 30), (26, 41)]:
    a, b = (np.round(np.cumsum(rng.normal(size=(frames, 2)), axis=0), 2) for frames in (n, m))
    a32, b32 = (x.astype(np.float32).astype(float) for x in (a, b))
    cost, path = librosa.sequence.dtw(a32.T, b32.T, metric="euclidean")
    pairs.append(
        {
            "a": a.tolist(),
            "b": b.tolist(),
            "librosa": float(cost[-1, -1]),
            "dtaidistance": float(dtw_ndim.distance(a32, b32, inner_dist="euclidean")),
            "fastdtw": {radius: float(fastdtw(a32, b32, radius=radius, dist=2)[0]) for radius in (1, 2, 5)},
        }
    )
made_by = {name: version(name) for name in ("librosa", "dtaidistance", "fastdtw", "numpy")}
Path(__file__).with_name("dtw.json").write_text(json.dumps({"made_by": made_by, "pairs": pairs}))
