"""Artist group factors: what an artist's clips have in common with other artists', as shares of topics.

An artist's document is the sum over the artist's clips of whatever is counted (centres of a dictionary of sounds,
sub-genres); latent Dirichlet allocation of the documents gives each artist shares of topics, which all the artist's
clips take as their target.

References
----------
Kim (2021), section 3.3; Kim, Won, Serra and Liem (2018). Transfer learning of artist group factors to musical genre
classification. Blei, Ng and Jordan (2003). Latent Dirichlet allocation. Journal of Machine Learning Research 3.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ITERATIONS = 50


class Groups(NamedTuple):
    """Shares of topics of all artists (artists, k), NaN for artists without counts; and P(w|z) (k, words)."""

    artists: Floats
    terms: Floats


def fit_artist_groups(counts: sp.csr_matrix, fitted_on: NDArray[np.bool_], topics: int, *, seed: int = 0) -> Groups:
    """Topics of artists, fitted on some and inferred for the others.

    Parameters
    ----------
    counts : (artists, words) CSR matrix
    fitted_on : (artists,) bool array
        Artists that the topics are learnt from.
    topics
        How many.
    seed
        Of the start.
    """
    from sklearn.decomposition import LatentDirichletAllocation
    from threadpoolctl import threadpool_limits

    counts = sp.csr_matrix(counts)
    filled = np.asarray(counts.sum(axis=1)).ravel() > 0
    model = LatentDirichletAllocation(topics, max_iter=ITERATIONS, learning_method="batch", random_state=seed)
    shares = np.full((counts.shape[0], topics), np.nan)
    with threadpool_limits(limits=1):
        model.fit(counts[fitted_on & filled])
        shares[filled] = model.transform(counts[filled])
    return Groups(shares, model.components_ / model.components_.sum(axis=1, keepdims=True))


def quantile_normalised(values: Floats, fitted_on: NDArray[np.bool_]) -> Floats:
    """Every column mapped to a normal distribution by its ranks among some of the rows.

    Parameters
    ----------
    values : (n, d) array
        Columns with a missing value, or with one value only, are dropped.
    fitted_on : (n,) bool array
        Rows whose ranks count.

    Returns
    -------
    (n, at most d) array
    """
    from sklearn.preprocessing import QuantileTransformer

    fitted = values[fitted_on]
    kept = np.isfinite(values).all(axis=0) & (fitted.max(axis=0) > fitted.min(axis=0))
    transformer = QuantileTransformer(n_quantiles=min(1000, len(fitted)), output_distribution="normal", subsample=None)
    transformer.fit(fitted[:, kept])
    normal: Floats = transformer.transform(values[:, kept])
    return normal
