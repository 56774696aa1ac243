"""One cache for the session, so that the weights are fetched once, and a sound to encode."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ORACLE = Path(__file__).parents[1] / "oracles" / "musicnn"


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", params=["hungarian", "trumpet", "vibeace"])
def reference(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Arrays that the original program gave for one clip, and its sound as float32."""
    with np.load(ORACLE / f"{request.param}.npz") as arrays:
        found = {name: arrays[name] for name in arrays.files}
    return found | {"audio": found["audio_int16"].astype(np.float32) / 32768}


@pytest.fixture(scope="session")
def recording() -> np.ndarray:
    """Twelve seconds of strings at 16 kHz, float32."""
    with np.load(ORACLE / "hungarian.npz") as arrays:
        return arrays["audio_int16"].astype(np.float32) / 32768
