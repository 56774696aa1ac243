"""Vectors that were computed before, by Earwitness or by any program that writes a list column to Parquet."""

from dataclasses import dataclass
from pathlib import Path

from earwitness.embeddings import Embeddings
from earwitness.encoders.protocol import Audio, Vectors
from earwitness.errors import EncoderError
from earwitness.store import content_hash


@dataclass(frozen=True)
class PrecomputedEncoder:
    """A table of vectors in the place of an encoder: it is looked up by clip and cannot hear anything new."""

    name: str
    revision: str
    embeddings: Embeddings
    kind: str = "precomputed"
    sample_rate: int = 1  # it takes no sound, so no rate would be right
    window: float | None = None

    @property
    def embedding_size(self) -> int:
        """Values in a vector, d."""
        return self.embeddings.size

    def encode(self, audio: Audio) -> Vectors:  # noqa: ARG002  (the protocol's argument)
        """Nothing: always an `EncoderError`."""
        raise EncoderError(
            f"encoder {self.name!r} is a table of vectors and cannot encode sound: audits that change the sound need "
            "the encoder itself"
        )


def load(path: str) -> PrecomputedEncoder:
    """The vectors in a Parquet file; see `Embeddings.from_parquet`.

    Raises
    ------
    EncoderError
        If there is no such file.
    InputError
        If it holds no vectors.
    """
    file = Path(path)
    if not file.is_file():
        raise EncoderError(f"embeddings:{path}: there is no such file")
    embeddings = Embeddings.from_parquet(file)
    revision = content_hash(embeddings.vectors.tobytes(), *map(str, embeddings.column("clip")))[:12]
    known = embeddings.encoder if embeddings.encoder != str(file) else f"embeddings:{file.name}"
    return PrecomputedEncoder(known, embeddings.revision or revision, embeddings)
