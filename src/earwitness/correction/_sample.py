"""A random sample of each domain from rows that stream by, in memory bounded by the sample."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.correction._rows import Floats, Positions, text_of
from earwitness.errors import InputError


@dataclass
class _Kept:
    """Rows of one domain: the keys that decide who stays, places in the file, vectors, strata."""

    keys: Floats
    places: Positions
    vectors: NDArray[np.float32]
    strata: NDArray[Any]

    def joined(self, other: "_Kept") -> "_Kept":
        return _Kept(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__annotations__))

    def take(self, index: Positions) -> "_Kept":
        return _Kept(*(getattr(self, name)[index] for name in self.__annotations__))


@dataclass
class Sample:
    """At most `most` rows of each domain, each as likely as any other; 0 keeps all.

    Every row of the file draws one number, and those with the smallest stay, so the sample does not depend on the
    batches in which rows come.
    """

    most: int
    rng: np.random.Generator
    without_domain: int = 0
    _seen: int = 0
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def add(self, vectors: NDArray[np.float32], domain: Sequence[Any], strata: Sequence[Any] | None) -> None:
        """The next rows of the file."""
        n = len(vectors)
        batch = _Kept(
            self.rng.random(n),
            np.arange(self._seen, self._seen + n),
            vectors,
            np.array([None] * n if strata is None else strata, dtype=object),
        )
        self._seen += n
        text = np.array([text_of(value) for value in domain], dtype=object)
        self.without_domain += int((text == "").sum())
        for name in sorted(set(text.tolist()) - {""}):
            mine = batch.take(np.flatnonzero(text == name))
            if name in self._kept:
                mine = self._kept[name].joined(mine)
            if self.most and len(mine.keys) > self.most:
                mine = mine.take(np.argpartition(mine.keys, self.most)[: self.most])
            self._kept[name] = mine

    def rows(self, file: str | PathLike[str], column: str) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any]]:
        """Vectors, domains and strata of the sample, in the order of the file."""
        if not self._kept:
            raise InputError(f"{file}: the column {column!r} is empty, so no clip has a domain")
        every = list(self._kept.items())
        order = np.argsort(np.concatenate([kept.places for _, kept in every]))
        domains = np.concatenate([np.full(len(kept.keys), name, dtype=object) for name, kept in every])
        vectors = np.concatenate([kept.vectors for _, kept in every])
        strata = np.concatenate([kept.strata for _, kept in every])
        return vectors[order], domains[order], strata[order]
