"""How near an inverted sound came, in the encoder's space and in the ear of others: numbers in, rows out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earwitness.audits._resamples import LEVEL, Resamples
from earwitness.audits._tables import Row, row
from earwitness.stats import Estimate

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ONE_SOUND = "one sound: no interval"


@dataclass(frozen=True)
class Nearness:
    """A sound's loss beside those of real clips.

    Attributes
    ----------
    loss
        Mean squared difference of the sound's vector and the target.
    real : (n,) array
        The same of every real clip.
    counted : (n,) mask
        The clips to compare with: all but the target, where that is a clip.
    """

    loss: float
    real: Floats
    counted: Mask


def mean_squares(vectors: NDArray[np.floating], target: NDArray[np.floating]) -> Floats:
    """Mean over the dimensions of the squared differences: (n, d) and (d,) to (n,)."""
    return np.square(vectors.astype(np.float64) - target.astype(np.float64)).mean(1)


def shares_nearer(nearness: Nearness) -> Floats:
    """For each real clip 1 where it lies nearer to the target than the sound, 1/2 where as near, 0 where farther."""
    return (nearness.real < nearness.loss) + 0.5 * (nearness.real == nearness.loss)


def nearness_rows(name: str, found: Nearness, of_class: Mask | None, resamples: Resamples) -> list[Row]:
    """Loss, loss over a random clip's, and percentiles among all real clips and those of the class."""
    mean = float(found.real[found.counted].mean())
    draws = resamples.means(found.real[:, None], found.counted[:, None])[:, 0]
    n = int(found.counted.sum())
    rows = [
        row("loss", Estimate(found.loss, np.nan, np.nan, 1, ONE_SOUND), run=name),
        row("relative loss", resamples.estimate(found.loss / mean, found.loss / draws, n), run=name),
        row("real clips nearer", _share(found, found.counted, resamples), run=name, among="all clips"),
    ]
    if of_class is not None and (of_class & found.counted).any():
        share = _share(found, found.counted & of_class, resamples)
        rows.append(row("real clips nearer", share, run=name, among="clips of the class"))
    return rows


def _share(found: Nearness, among: Mask, resamples: Resamples) -> Estimate:
    nearer = shares_nearer(found)[among]
    draws = resamples.of(among).means(nearer[:, None])[:, 0]
    return resamples.share(float(nearer.mean()), draws, len(nearer))


def level_rows(name: str, found: Nearness, resamples: Resamples) -> list[Row]:
    """What real clips reach: a random one, and the nearest."""
    real = found.real[found.counted]
    draws = resamples.means(found.real[:, None], found.counted[:, None])[:, 0]
    least = Estimate(float(real.min()), np.nan, np.nan, len(real), "the least of these clips: no interval")
    return [
        row("random clip's loss", resamples.estimate(float(real.mean()), draws, len(real)), run=name),
        row("nearest clip's loss", least, run=name),
    ]


@dataclass(frozen=True)
class Space:
    """The real clips as a listener hears them, standardised, and the means of their classes.

    Attributes
    ----------
    vectors : (n, d) array
        Each dimension with mean 0 and deviation 1 over the clips.
    labels : (n,) array of str
        "" where there is none.
    classes
        Of two clips or more.
    means : (K, d) array
        One row a class.
    """

    center: Floats
    scale: Floats
    vectors: Floats
    labels: NDArray[np.object_]
    classes: tuple[str, ...]
    means: Floats

    @classmethod
    def of(cls, vectors: NDArray[np.floating], labels: NDArray[np.object_]) -> "Space":
        X = vectors.astype(np.float64)
        center, deviation = X.mean(0), X.std(0)
        scale = np.where(deviation > 1e-9 * np.abs(X).max(initial=1e-300), deviation, np.inf)
        standard = (X - center) / scale
        names, sizes = np.unique(labels.astype(str), return_counts=True)
        classes = tuple(str(n) for n, size in zip(names, sizes, strict=True) if n and size > 1)
        means = np.stack([standard[labels == name].mean(0) for name in classes]) if classes else standard[:0]
        return cls(center, scale, standard, labels, classes, means)

    def ranks(self, vector: NDArray[np.floating]) -> dict[str, int]:
        """Each class's place, by the distance of its mean from a vector; the nearest is 1."""
        apart = np.square(self.means - (vector.astype(np.float64) - self.center) / self.scale).sum(1)
        return {name: int((apart < apart[k]).sum()) + 1 for k, name in enumerate(self.classes)}

    def nearness(self, vector: NDArray[np.floating], name: str) -> Nearness:
        """A sound beside the real clips, by the distance from the mean of a class."""
        mean = self.means[self.classes.index(name)]
        sound = (vector.astype(np.float64) - self.center) / self.scale
        everywhere = np.ones(len(self.vectors), bool)
        return Nearness(float(mean_squares(sound[None], mean)[0]), mean_squares(self.vectors, mean), everywhere)

    def placed(self, name: str) -> Floats:
        """For each clip of a class whether it lies nearest to its own class's mean, itself left out of that mean."""
        here = np.flatnonzero(self.labels == name)
        k, n = self.classes.index(name), len(here)
        hits = np.zeros(n)
        for place, i in enumerate(here):
            means = self.means.copy()
            means[k] = (means[k] * n - self.vectors[i]) / (n - 1)
            apart = np.square(means - self.vectors[i]).sum(1)
            hits[place] = apart[k] <= np.delete(apart, k).min(initial=np.inf)
        return hits


def placing_rows(
    listener: str, run: str, space: Space, vector: NDArray[np.floating], name: str, resamples: Resamples
) -> list[Row]:
    """Where a listener puts one sound: the place of its class, and the share of real clips nearer to that class."""
    rank = Estimate(float(space.ranks(vector)[name]), np.nan, np.nan, len(space.classes), ONE_SOUND)
    found = space.nearness(vector, name)
    share = _share(found, found.counted, resamples)
    return [
        row("place of the class", rank, run=run, listener=listener),
        row("real clips nearer to the listener", share, run=run, listener=listener, among="all clips"),
    ]


def transfer_rows(
    listener: str, space: Space, vectors: Sequence[NDArray[np.floating]], name: str, resamples: Resamples
) -> list[Row]:
    """How often a listener puts the sounds of several starts with the class, and real clips of it."""
    hits = [space.ranks(vector)[name] == 1 for vector in vectors]
    here = space.labels == name
    real = space.placed(name)
    draws = resamples.of(here).means(real[:, None])[:, 0]
    return [
        row("recognised", binomial(sum(hits), len(hits)), listener=listener),
        row("real clips recognised", resamples.share(float(real.mean()), draws, len(real)), listener=listener),
    ]


def binomial(hits: int, n: int) -> Estimate:
    """A share of n sounds with its exact limits.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26(4).
    """
    from scipy.stats import binomtest

    limits = binomtest(hits, n).proportion_ci(LEVEL, "exact")
    return Estimate(hits / n, float(limits.low), float(limits.high), n, "exact binomial limits, over starts")


def tag_rows(
    name: str,
    names: Sequence[str],
    sound: NDArray[np.float32],
    real: NDArray[np.float32] | None,
    of_class: Mask | None,
    resamples: Resamples,
    most: int = 5,
) -> list[Row]:
    """The likeliest tags of a sound, and of the class, each for the sound and for the class's real clips."""
    here = None if real is None or of_class is None else real[of_class].astype(np.float64)
    top = [*np.argsort(-sound, kind="stable")[:most]]
    if here is not None:
        top += [k for k in np.argsort(-here.mean(0), kind="stable")[:most] if k not in top]
    rows = []
    for k in top:
        tag = names[int(k)]
        rows.append(row("tag", Estimate(float(sound[k]), np.nan, np.nan, 1, ONE_SOUND), run=name, tag=tag))
        if here is not None and of_class is not None:
            draws = resamples.of(of_class).means(here[:, [k]])[:, 0]
            rows.append(
                row("tag of real clips", resamples.estimate(float(here[:, k].mean()), draws, len(here)), tag=tag)
            )
    return rows


def item_rows(
    run: str, sound: str, found: Nearness, clips: NDArray[np.object_], labels: NDArray[np.object_] | None
) -> pd.DataFrame:
    """One row a real clip: its loss beside the sound's, and whether it is the target itself."""
    return pd.DataFrame(
        {
            "run": run,
            "sound": sound,
            "clip": clips,
            "label": "" if labels is None else labels,
            "loss": [float(f"{value:.6g}") for value in found.real],
            "sound_loss": float(f"{found.loss:.6g}"),
            "target": ~found.counted,
        }
    )
