"""A picture of the space on two axes, and how far it can be trusted."""

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE, trustworthiness

Floats = NDArray[np.float64]

PERPLEXITY = 30
ITERATIONS = 500
NEIGHBOURS = 10


def map_2d(points: Floats, seed: int) -> tuple[Floats, float]:
    """t-SNE from the first two principal axes, and its trustworthiness.

    Parameters
    ----------
    points : (n, p) array
        On principal axes, the largest first; n at least 4.
    seed
        Of the optimiser.

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
    start *= 1e-4 / max(start[:, 0].std(), 1e-12)
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    drawn = TSNE(
        perplexity=perplexity, init=start.astype(np.float32), max_iter=ITERATIONS, random_state=seed, n_jobs=1
    ).fit_transform(points)
    near = max(1, min(NEIGHBOURS, n // 2 - 1))
    return drawn.astype(np.float64), float(trustworthiness(points, drawn, n_neighbors=near))
