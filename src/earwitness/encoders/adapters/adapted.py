"""What all adapters share: a function from sound to vectors with the attributes that an encoder has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earwitness.encoders.protocol import Audio, Vectors, as_batch
from earwitness.errors import EncoderError


class AdaptedEncoder:
    """An encoder around a function; what it lacks is asked of `inner` (tags, tag_names, module, ...).

    Parameters
    ----------
    name, revision, sample_rate, window
        As in `Encoder`.
    function
        [n, samples] float32 to [n, d], or to [n, times, d], of which the mean over the times is taken.
    embedding_size
        d; None: as many as one second of sound, or one window, gives.
    recipe
        A function and its arguments that make this encoder anew. It is pickled so, by its recipe: a worker loads the
        file itself, since neither a module from a file nor a session can be sent.
    inner
        The object behind it.
    """

    kind = "network"

    def __init__(
        self,
        *,
        name: str,
        revision: str,
        sample_rate: int,
        window: float | None,
        function: Callable[[Audio], Any],
        recipe: tuple[Callable[..., Any], tuple[Any, ...]],
        embedding_size: int | None = None,
        inner: Any = None,
    ) -> None:
        self.name, self.revision = name, revision
        self.sample_rate, self.window = int(sample_rate), window
        self._function, self._recipe, self._inner = function, recipe, inner
        self.embedding_size = self._measured_size() if embedding_size is None else int(embedding_size)

    def encode(self, audio: Audio) -> Vectors:
        """Vectors of n sounds of equal length: [n, samples] to [n, d]."""
        vectors = self._function(as_batch(audio))
        if getattr(vectors, "ndim", 0) == 3:
            vectors = vectors.mean(1)
        result: Vectors = vectors
        return result

    def __getattr__(self, name: str) -> Any:
        inner = self.__dict__.get("_inner")
        if inner is None or name.startswith("_"):
            raise AttributeError(f"encoder {self.__dict__.get('name')!r} has no attribute {name!r}")
        return getattr(inner, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._recipe

    def _measured_size(self) -> int:
        samples = round((self.window or 1.0) * self.sample_rate)
        sound = np.random.default_rng(0).normal(0, 0.1, (1, samples)).astype(np.float32)
        try:
            shape = np.shape(self.encode(sound))
        except Exception as error:  # whatever a stranger's code raises is the finding
            raise EncoderError(
                f"encoder {self.name!r} fails on {samples} samples of noise: {type(error).__name__}: {error}"
            ) from error
        if len(shape) != 2:
            raise EncoderError(f"encoder {self.name!r} returned the shape {shape} for one sound; [1, d] is due")
        return shape[1]


def existing_file(path: str, kind: str) -> Path:
    """The file of that path.

    Raises
    ------
    EncoderError
        If there is none.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise EncoderError(f"{kind}:{path}: there is no such file")
    return file


def rate_of(given: int | None, found: Any, what: str) -> int:
    """The sample rate that was given, else the one that was found.

    Raises
    ------
    EncoderError
        If neither is a positive number.
    """
    try:
        rate = int(found if given is None else given)
    except (TypeError, ValueError):
        rate = 0
    if rate <= 0:
        raise EncoderError(f"{what} does not say its sample rate: add the option `,sample_rate=16000` (in Hz)")
    return rate
