"""What an inversion aims at: the mean of a class, one clip, and, to compare with, the mean of another class."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.embeddings import Embeddings
from earwitness.errors import InputError


@dataclass(frozen=True)
class Aim:
    """A point in the space of an encoder.

    Attributes
    ----------
    kind
        "class", "clip" or "other".
    of
        The value of the label that it belongs to, or "" without labels.
    clip
        Its id, where it is one clip.
    """

    kind: Literal["class", "clip", "other"]
    of: str
    clip: str = ""

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"the clip “{self.clip}”" if self.clip else f"the mean of “{self.of}”"

    def target(self, embeddings: Embeddings, labels: NDArray[np.object_] | None) -> NDArray[np.float64]:
        """The point, (d,), among the vectors of any encoder."""
        V = embeddings.vectors.astype(np.float64)
        if self.clip:
            return V[embeddings.column("clip").astype(str) == self.clip][0]
        assert labels is not None
        return V[labels == self.of].mean(0)


def find_aims(embeddings: Embeddings, labels: NDArray[np.object_] | None, target: str) -> list[Aim]:
    """What the target names, first, and then what stands beside it.

    Parameters
    ----------
    embeddings
        Of the real clips.
    labels : (n,) array of str
        One a clip, "" where there is none; None: no labels at all.
    target
        A label, or else the id of a clip.

    Returns
    -------
    list of Aim
        A class comes with its most typical clip (nearest to its mean), a clip with the mean of its class, and both with
        the mean of the class that lies farthest. What cannot be had is left out.

    Raises
    ------
    InputError
        If nothing is called so, or the class has one clip.
    """
    clips = np.array([str(clip) for clip in embeddings.column("clip")], dtype=object)
    sizes = {} if labels is None else {name: int((labels == name).sum()) for name in sorted(set(labels) - {""})}
    if target in sizes:
        if sizes[target] < 2:
            only = clips[labels == target][0]
            raise InputError(f"{target!r} has one clip, whose mean is the clip itself: give the target {only!r}")
        return [
            Aim("class", target),
            Aim("clip", target, _typical(embeddings, labels, target)),
            *_other(embeddings, labels, sizes, target),
        ]
    if target not in clips:
        known = [*sizes, *clips]
        near = get_close_matches(target, known, 1, cutoff=0.5)
        mend = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(map(repr, known[:12]))} …"
        raise InputError(f"no label and no clip is called {target!r}. {mend}")
    of = "" if labels is None else str(labels[clips == target][0])
    aims = [Aim("clip", of, target)]
    if sizes.get(of, 0) >= 2:
        aims += [Aim("class", of), *_other(embeddings, labels, sizes, of)]
    return aims


def _typical(embeddings: Embeddings, labels: NDArray[np.object_] | None, name: str) -> str:
    here = np.flatnonzero(labels == name)
    V = embeddings.vectors[here].astype(np.float64)
    return str(embeddings.column("clip")[here[np.square(V - V.mean(0)).sum(1).argmin()]])


def _other(embeddings: Embeddings, labels: NDArray[np.object_] | None, sizes: dict[str, int], name: str) -> list[Aim]:
    """The class of two clips or more whose mean lies farthest."""
    V = embeddings.vectors.astype(np.float64)
    mine = V[labels == name].mean(0)
    others = [other for other, size in sizes.items() if other != name and size > 1]
    far = {other: float(np.square(V[labels == other].mean(0) - mine).sum()) for other in others}
    return [Aim("other", max(far, key=lambda other: far[other]))] if far else []
