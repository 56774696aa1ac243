r"""Probabilistic latent semantic analysis of non-negative weights, by expectation-maximisation.

The model of a document d and a word w is :math:`P(w | d) = \sum_z P(w | z) P(z | d)`. With n the weights, A the rows
:math:`P(z | d)`, B the rows :math:`P(w | z)` and :math:`R = n / (A B)` where n is not 0, one step of both, from the
same expectation, is

.. math:: A \leftarrow \mathrm{rownorm}(A \circ (R B^T)), \quad B \leftarrow \mathrm{rownorm}(B \circ (A^T R)).

Only the weights that are not 0 are touched. The log-likelihood :math:`\sum n \log (A B)` never decreases.

References
----------
Hofmann (1999). Probabilistic latent semantic indexing. SIGIR. Kim (2021), section 2.2.2.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 100
_AT_ONCE = 1 << 16  # weights whose topics are held at a time: 50 topics of them are 26 MB


class Topics(NamedTuple):
    """A fitted model: A (documents, topics), B (topics, words), and the log-likelihood before and after each step."""

    documents: Floats
    terms: Floats
    log_likelihood: Floats


def fit_plsa(
    weights: sp.csr_matrix,
    components: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    tolerance: float = 0.0,
    start: tuple[Floats, Floats] | None = None,
) -> Topics:
    """Topics of documents.

    Parameters
    ----------
    weights : (documents, words) CSR matrix
        Counts, or any weights of at least 0.
    components
        Number of topics.
    seed
        Of the start: rows drawn from the flat Dirichlet distribution.
    steps
        Of expectation-maximisation.
    tolerance
        End sooner when the log-likelihood changes by less than this share of itself; 0: never.
    start
        A and B to begin with, in place of a draw.

    Returns
    -------
    Topics
        A document without weights keeps its start.
    """
    n = _plain(weights)
    if start is None:
        rng = np.random.default_rng([seed, components])
        start = rng.dirichlet(np.ones(components), n.shape[0]), rng.dirichlet(np.ones(n.shape[1]), components)
    A, B = (np.array(part, dtype=float) for part in start)
    rows = _rows(n)
    R, likelihood = _ratio(n, rows, A, B)
    trace = [likelihood]
    for _ in range(steps):
        A, B = _normalised(A * (R @ B.T), A), _normalised(B * (R.T @ A).T, B)
        R, likelihood = _ratio(n, rows, A, B)
        trace.append(likelihood)
        if abs(trace[-1] - trace[-2]) < tolerance * abs(trace[-2]):
            break
    return Topics(A, B, np.array(trace))


def fold_in(weights: sp.csr_matrix, terms: Floats, *, steps: int = STEPS) -> Floats:
    """The topics of new documents, P(z|d), for fixed words of topics; each starts from equal shares.

    Parameters
    ----------
    weights : (documents, words) CSR matrix
    terms : (topics, words) array
        P(w|z).
    steps
        Of expectation-maximisation.

    Returns
    -------
    (documents, topics) array
        Equal shares for a document without any word that a topic has.
    """
    n = _plain(weights)
    A = np.full((n.shape[0], len(terms)), 1 / len(terms))
    rows = _rows(n)
    for _ in range(steps):
        R, _ = _ratio(n, rows, A, terms)
        A = _normalised(A * (R @ terms.T), A)
    return A


def _plain(weights: sp.csr_matrix) -> sp.csr_matrix:
    n = sp.csr_matrix(weights, dtype=float, copy=True)
    n.sum_duplicates()
    n.eliminate_zeros()
    return n


def _rows(n: sp.csr_matrix) -> NDArray[np.int64]:
    return np.repeat(np.arange(n.shape[0]), np.diff(n.indptr))


def _ratio(n: sp.csr_matrix, rows: NDArray[np.int64], A: Floats, B: Floats) -> tuple[sp.csr_matrix, float]:
    """R = n / (A B) where n is not 0, and the log-likelihood."""
    model = np.empty(n.nnz)
    words = np.ascontiguousarray(B.T)
    for first in range(0, n.nnz, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        model[part] = np.einsum("ij,ij->i", A[rows[part]], words[n.indices[part]])
    # A word that no topic of the document has any more explains nothing, rather than everything.
    known = model > 0
    ratio = np.divide(n.data, model, out=np.zeros_like(model), where=known)
    likelihood = float(n.data[known] @ np.log(model[known]))
    return sp.csr_matrix((ratio, n.indices, n.indptr), shape=n.shape), likelihood


def _normalised(new: Floats, old: Floats) -> Floats:
    """Rows that sum to 1; a row of nothing stays what it was."""
    total = new.sum(axis=1, keepdims=True)
    return np.where(total > 0, np.divide(new, total, out=np.zeros_like(new), where=total > 0), old)
