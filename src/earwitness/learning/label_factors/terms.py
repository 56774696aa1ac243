"""Words with weights: how the cells of a table become a matrix of documents and words.

A cell holds one name, or several with "|" between them, each perhaps with a weight behind a colon: "rock|indie:0.4".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness.errors import InputError

_WEIGHTED = re.compile(r"(?P<name>.*\S)\s*:\s*(?P<weight>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)")


class Terms(NamedTuple):
    """`weights` (documents, words) CSR, and the words of its columns."""

    weights: sp.csr_matrix
    vocabulary: tuple[str, ...]


def read_names(cell: Any) -> dict[str, float]:
    """Names and weights in a cell; a weight is 1 where none is given, and weights of a repeated name are added.

    Examples
    --------
    >>> read_names("rock|indie:0.4| ")
    {'rock': 1.0, 'indie': 0.4}
    >>> read_names(None)
    {}
    """
    if cell is None or cell != cell:
        return {}
    found: dict[str, float] = {}
    for part in str(cell).split("|"):
        name, weight = part.strip(), 1.0
        if matched := _WEIGHTED.fullmatch(name):
            name, weight = matched["name"].strip(), float(matched["weight"])
        if name and weight > 0:
            found[name] = found.get(name, 0.0) + weight
    return found


def term_matrix(documents: Sequence[Mapping[str, float]], fitted_on: NDArray[np.bool_]) -> Terms:
    """Weights of every document, over the words that occur in the documents that a model is fitted on.

    Parameters
    ----------
    documents
        Words and their weights.
    fitted_on : (n,) bool array
        Whose words make the vocabulary: a word that nothing is fitted on says nothing.
    """
    vocabulary = sorted(
        {word for document, used in zip(documents, fitted_on, strict=True) if used for word in document}
    )
    place = {word: column for column, word in enumerate(vocabulary)}
    return Terms(weights_over(documents, place), tuple(vocabulary))


def weights_over(documents: Sequence[Mapping[str, float]], place: Mapping[str, int]) -> sp.csr_matrix:
    """Weights of documents over a given vocabulary, word to column; other words are left out."""
    cells = [
        (row, place[word], weight)
        for row, document in enumerate(documents)
        for word, weight in document.items()
        if word in place
    ]
    rows, columns, data = zip(*cells, strict=True) if cells else ((), (), ())
    return sp.csr_matrix((np.array(data, float), (rows, columns)), shape=(len(documents), len(place)))


def sum_by_group(weights: sp.csr_matrix, group: NDArray[np.int64], groups: int) -> sp.csr_matrix:
    """The weights of each group's documents, added: (groups, words). A document of group -1 is in none."""
    member = group >= 0
    ones = np.ones(int(member.sum()))
    incidence = sp.csr_matrix((ones, (group[member], np.flatnonzero(member))), shape=(groups, weights.shape[0]))
    return sp.csr_matrix(incidence @ weights)


def inverse_document_frequency(weights: sp.csr_matrix) -> NDArray[np.float64]:
    r"""(words,) array :math:`\ln((1 + N) / (1 + \mathrm{df}_w)) + 1`: how much rarer words count for more."""
    documents = np.bincount(weights.indices[weights.data > 0], minlength=weights.shape[1])
    idf: NDArray[np.float64] = np.log((1 + weights.shape[0]) / (1 + documents)) + 1
    return idf


def tf_idf(weights: sp.csr_matrix, idf: NDArray[np.float64]) -> sp.csr_matrix:
    """Counts times inverse document frequency, each row of length one; scikit-learn's numbers.

    Raises
    ------
    InputError
        If there are as many words as frequencies in one and not in the other.
    """
    if weights.shape[1] != len(idf):
        raise InputError(f"{weights.shape[1]} words, but the document frequencies of {len(idf)}: use one vocabulary")
    scaled = sp.csr_matrix(weights @ sp.diags(idf))
    length = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)) @ scaled)
