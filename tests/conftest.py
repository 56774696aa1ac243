"""What several rooms' tests share: an own cache for each test, so that none sees another's shards."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder of shards for each test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EARWITNESS_CACHE", str(folder))
    return folder
