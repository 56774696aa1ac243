"""What an encoder is, and what is asked of the sound that goes in and of the vectors that come out."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EncoderError

Audio = NDArray[np.float32]
Vectors = NDArray[np.float32]


@runtime_checkable
class Encoder(Protocol):
    """Sound to vectors, with the semantics of HEAR's scene embeddings.

    An encoder may also carry `kind` ("features", "network" or "precomputed"). A network of torch also has `module`, in
    evaluation mode, and `embed_tensor`: what `encode` gives, as a tensor that gradients flow through; that is a
    `Differentiable`.

    Attributes
    ----------
    name
        What reports call it.
    revision
        Changes whenever the numbers can change: what is cached is kept under it.
    sample_rate
        Of the sound that `encode` takes, in Hz.
    embedding_size
        Values in a vector, d.
    window
        Seconds of sound in one vector, or None if `encode` takes whole clips of any length.
    """

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def embedding_size(self) -> int: ...
    @property
    def window(self) -> float | None: ...

    def encode(self, audio: Audio) -> Vectors:
        """Vectors of n sounds of equal length: float32 [n, samples] in [-1, 1] to float32 [n, d]."""
        ...


@runtime_checkable
class Tagger(Encoder, Protocol):
    """An encoder that also says how probable each of its tags is."""

    @property
    def tag_names(self) -> tuple[str, ...]: ...

    def tags(self, audio: Audio) -> Vectors:
        """Tag probabilities of n sounds of equal length: float32 [n, samples] to float32 [n, classes]."""
        ...


@runtime_checkable
class Differentiable(Encoder, Protocol):
    """An encoder of torch: gradients reach the sound."""

    @property
    def module(self) -> Any: ...

    def embed_tensor(self, audio: Any) -> Any:
        """What `encode` gives, to rounding: tensor [n, samples] to tensor [n, d] on the encoder's device."""
        ...


def as_batch(audio: Any) -> Audio:
    """The sounds as a float32 array [n, samples].

    Raises
    ------
    EncoderError
        If there is not one row a sound, or not one sample in a row.
    """
    batch = np.ascontiguousarray(audio, dtype=np.float32)
    if batch.ndim != 2 or not batch.shape[1]:
        raise EncoderError(
            f"encode takes an array [sounds, samples], and this one has the shape {batch.shape}: for one mono sound "
            "write `audio[None]`"
        )
    return batch


def validate_output(encoder: Encoder, vectors: Any, n: int, *, finite: bool = True) -> Vectors:
    """The vectors an encoder returned for n sounds, after checking them.

    Parameters
    ----------
    encoder
        What returned them: its name and `embedding_size` are used.
    vectors
        What `encode` returned.
    n
        How many sounds it was given.
    finite
        Whether NaN and infinity are an error too.

    Raises
    ------
    EncoderError
        If they are not a numpy array, not float32, not of shape [n, embedding_size], or not finite.
    """
    if not isinstance(vectors, np.ndarray):
        raise EncoderError(
            f"encoder {encoder.name!r} returned a {type(vectors).__name__} where a numpy array [n, embedding_size] is "
            "due: end `encode` with a conversion such as `tensor.numpy()`"
        )
    if vectors.shape != (n, encoder.embedding_size):
        raise EncoderError(
            f"encoder {encoder.name!r} returned the shape {vectors.shape} for {n} sounds where "
            f"{(n, encoder.embedding_size)} is due: one row a sound, `embedding_size` columns"
        )
    if vectors.dtype != np.float32:
        raise EncoderError(
            f"encoder {encoder.name!r} returned {vectors.dtype} values where float32 is due: end `encode` with "
            "`.astype(np.float32)`"
        )
    if finite and not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise EncoderError(
            f"encoder {encoder.name!r} returned NaN or infinity for sound {row + 1} of {n}: look for a logarithm or a "
            "division of zero in it"
        )
    return vectors
