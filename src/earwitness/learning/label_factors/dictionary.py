"""A dictionary of sounds: k-means centres of frames or clips, and how often each is the nearest.

Every frame is counted for its nearest centre, so that no artist's vector is all zero (Kim 2021, section 3.3, worries
that few centres leave such artists).
"""

import numpy as np
from numpy.typing import NDArray

from earwitness.learning.label_factors.mixtures import effective_components

Floats = NDArray[np.float32]

FRAMES_A_CENTRE = 20
_AT_ONCE = 4096  # frames compared with every centre at a time: 2,048 of those are 32 MB


def dictionary_size(wanted: int, frames: int) -> int:
    """How many centres so many frames (or clips) bear: at most one for each 20, at least 2."""
    return effective_components(wanted, wanted, 10 * (frames // FRAMES_A_CENTRE))


def fit_dictionary(frames: Floats, centres: int, *, seed: int = 0) -> Floats:
    """Centres of mini-batch k-means.

    Parameters
    ----------
    frames : (n, d) array
        At least as many as centres.
    centres
        How many.
    seed
        Of the start and of the batches.

    Returns
    -------
    (centres, d) float32 array

    References
    ----------
    Sculley (2010). Web-scale k-means clustering. WWW.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    model = MiniBatchKMeans(centres, random_state=seed, batch_size=4096, n_init=1, max_iter=20)
    with threadpool_limits(limits=1):  # sums of several threads differ in their last digits
        model.fit(np.asarray(frames, np.float32))
    return np.asarray(model.cluster_centers_, np.float32)


def nearest_centres(frames: Floats, centres: Floats) -> NDArray[np.int64]:
    """(n,) which centre is nearest to each frame, by Euclidean distance."""
    size = np.einsum("ij,ij->i", centres, centres)
    parts = [
        np.argmin(size - 2 * frames[first : first + _AT_ONCE] @ centres.T, axis=1)
        for first in range(0, len(frames), _AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def count_centres(frames: Floats, centres: Floats) -> NDArray[np.float64]:
    """(centres,) how many frames each centre is nearest to."""
    return np.bincount(nearest_centres(frames, centres), minlength=len(centres)).astype(float)
