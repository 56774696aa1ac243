"""One cache for the session, so that weights are fetched once; sounds to encode; what the oracles are filled with."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

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


def fill_of(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What the oracles fill a tensor with: numbers drawn from its name."""
    drawn = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).random(shape)
    if name.endswith("running_var"):
        values = 0.5 + drawn
    elif name.endswith(("running_mean", "bias")) or "bias_" in name.rsplit(".", 1)[-1]:
        values = 0.2 * (drawn - 0.5)
    elif len(shape) == 1:
        values = 0.5 + drawn
    else:
        values = 2 * (drawn - 0.5) * np.sqrt(3 / np.prod(shape[1:]))
    return values.astype(np.float32)


@pytest.fixture(scope="session")
def drawn() -> Callable[[str, tuple[int, ...]], np.ndarray]:
    """`fill_of`."""
    return fill_of


@pytest.fixture(scope="session")
def filled() -> Callable[[nn.Module], nn.Module]:
    """A module with every tensor filled by its name, in evaluation mode."""

    def fill(module: nn.Module) -> nn.Module:
        own = {name: value for name, value in module.state_dict().items() if not name.endswith(("tracked", "bw_Q"))}
        state = {name: torch.from_numpy(fill_of(name, tuple(value.shape))) for name, value in own.items()}
        module.load_state_dict(state, strict=False)
        return module.eval().requires_grad_(False)

    return fill


@pytest.fixture(scope="session")
def vggish(filled: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """VGGish, filled once: it is large."""
    from earwitness.encoders.hub.vggish import VGGish

    return filled(VGGish())


@pytest.fixture(scope="session")
def sweep() -> Callable[[int, int], np.ndarray]:
    """The sound of the oracles and the same backwards, of so many samples at that rate."""

    def make(samples: int, rate: int) -> np.ndarray:
        t = np.arange(samples) / rate
        tones = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * 1234.5 * t * (1 + 0.1 * t))
        sound = tones + 0.1 * (np.random.Generator(np.random.PCG64(7)).random(samples) - 0.5)
        return np.stack([sound, sound[::-1]]).astype(np.float32)

    return make


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No network, and an empty cache, whose folder is returned."""
    for variable in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
