"""Embeddings in which the truth was planted."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from earwitness.audio import PerturbationRecord
from earwitness.embeddings import Embeddings


def build(vectors: np.ndarray, *, encoder: str = "planted", **columns: object) -> Embeddings:
    clips = pd.DataFrame({"clip": [f"clip-{i:04d}" for i in range(len(vectors))], **columns})
    return Embeddings(np.asarray(vectors, np.float32), clips, encoder, revision="1", dataset="test")


def change(embeddings: Embeddings, vectors: np.ndarray, cents: float = 25, *, mild: bool = True) -> Embeddings:
    label = f"pitch {cents:+g} cents"
    record = PerturbationRecord("pitch", cents, "cents", abs(cents), label, label, mild)
    return Embeddings(
        np.asarray(vectors, np.float32), embeddings.clips, embeddings.encoder, embeddings.revision, "test", record
    )


def blobs(sizes: tuple[int, ...], apart: float, dims: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Round groups of these sizes, with centres at distance `apart` times sqrt(2), off the origin."""
    rng = np.random.default_rng(seed)
    member = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return rng.normal(size=(sum(sizes), dims)) + apart * np.eye(dims)[member] + 3, member


@pytest.fixture
def embed_rows() -> Callable[..., Embeddings]:
    return build


@pytest.fixture
def changed() -> Callable[..., Embeddings]:
    return change


@pytest.fixture
def planted_groups() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return blobs
