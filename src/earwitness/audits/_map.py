"""A picture of the space on two axes, and how far it can be trusted."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE, trustworthiness

from earwitness.errors import InputError, MissingExtraError

Floats = NDArray[np.float64]
Projection = Literal["t-SNE", "UMAP"]
PROJECTIONS: tuple[Projection, ...] = ("t-SNE", "UMAP")

PERPLEXITY = 30
ITERATIONS = 500
NEIGHBOURS = 10
UMAP_NEIGHBOURS = 15


def check_projection(projection: str) -> None:
    """Refuse what draws no map, or what is not installed."""
    if projection not in PROJECTIONS:
        raise InputError(f"there is no map {projection!r}: choose {' or '.join(PROJECTIONS)}")
    if projection == "UMAP":
        try:
            import umap  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("a map by UMAP", "maps") from error


def map_2d(points: Floats, seed: int, projection: Projection = "t-SNE") -> tuple[Floats, float]:
    """t-SNE or UMAP from the first two principal axes, and its trustworthiness.

    Parameters
    ----------
    points : (n, p) array
        On principal axes, the largest first; n at least 4.
    seed
        Of the optimiser.
    projection
        "t-SNE" (perplexity 30, 500 steps) or "UMAP" (15 neighbours; the extra `maps`).

    Returns
    -------
    (n, 2) array
        Neighbourhoods are kept, distances between far groups are not.
    trustworthiness
        1 where neighbours on the map are neighbours in the space (van der Maaten 2009), near 0.5 by chance.
    """
    n = len(points)
    start = np.zeros((n, 2))
    start[:, : min(2, points.shape[1])] = points[:, :2]
    start /= max(start[:, 0].std(), 1e-12)
    drawn = _umap(points, start, seed) if projection == "UMAP" else _tsne(points, start, seed)
    near = max(1, min(NEIGHBOURS, n // 2 - 1))
    return drawn.astype(np.float64), float(trustworthiness(points, drawn, n_neighbors=near))


def _tsne(points: Floats, start: Floats, seed: int) -> Floats:
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    start = (start * 1e-4).astype(np.float32)
    return TSNE(perplexity=perplexity, init=start, max_iter=ITERATIONS, random_state=seed, n_jobs=1).fit_transform(
        points
    )


def _umap(points: Floats, start: Floats, seed: int) -> Floats:
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread, which is what is wanted
        near = min(UMAP_NEIGHBOURS, len(points) - 1)
        return UMAP(n_neighbors=near, init=start * 10, random_state=seed, n_jobs=1).fit_transform(points)
