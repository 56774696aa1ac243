"""The three ways to a target that many sources share: mixtures of numbers, topics of words, and single names."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.label_factors.mixtures import Mixture, effective_components, fit_mixture
from earwitness.learning.label_factors.plsa import fit_plsa, fold_in
from earwitness.learning.sources.request import Request
from earwitness.learning.sources.source import Number, Source

Floats = NDArray[np.float64]
Words = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Scalar:
    """A number of each clip: its values (NaN where unknown), unit, and the least difference that means something."""

    name: str
    unit: str
    values: Floats
    resolution: float
    logarithmic: bool = False

    def scaled(self) -> Floats:
        """The values that the mixture sees; a logarithm of what is not positive is unknown."""
        if not self.logarithmic:
            return np.where(np.isfinite(self.values), self.values, np.nan)
        positive = self.values > 0
        return np.where(positive, np.log2(np.where(positive, self.values, 1.0)), np.nan)


def numbers_source(request: Request, name: str, scalars: Sequence[Scalar], facts: Mapping[str, Any]) -> Source:
    """A mixture for each number, with equal shares of the outputs and of the target.

    Raises
    ------
    InputError
        If the source cannot be offered.
    """
    scaled = [scalar.scaled() for scalar in scalars]
    known = np.all([np.isfinite(values) for values in scaled], axis=0)
    request.require_labels(name, known)
    used = known & request.fitted_on
    numbers: list[Number] = []
    mixtures: list[Mixture] = []
    for scalar, values in zip(scalars, scaled, strict=True):
        distinct = len(np.unique(values[used]))
        if distinct < 2:
            raise InputError(f"the source {name} has the same {scalar.name} for every clip; leave it out")
        k = effective_components(request.options.components // len(scalars), distinct, int(used.sum()))
        mixtures.append(fit_mixture(values[used], k, resolution=scalar.resolution, seed=request.seed))
        first = numbers[-1].last if numbers else 0
        numbers.append(Number(scalar.name, scalar.unit, first, first + k, scalar.logarithmic))
    targets = np.hstack([m.responsibilities(v) for m, v in zip(mixtures, scaled, strict=True)]) / len(scalars)
    targets[~known] = np.nan
    arrays = {field: np.concatenate([getattr(m, field) for m in mixtures]) for field in Mixture._fields}
    return request.source(name, targets, "numbers", {"numbers": [asdict(n) for n in numbers], **facts}, arrays)


def topics_source(
    request: Request,
    name: str,
    weights: sp.csr_matrix,
    vocabulary: Sequence[str],
    facts: Mapping[str, Any],
    *,
    documents: NDArray[np.int64] | None = None,
    fitted: NDArray[np.bool_] | None = None,
) -> Source:
    """Topics of the words of each clip, or of documents that several clips share.

    Parameters
    ----------
    request
    name
        Of the source.
    weights : (documents, words) CSR matrix
    vocabulary
        The words.
    facts
        To be kept with the source.
    documents : (clips,) int array
        The document of each clip, -1 for none; by default a document a clip.
    fitted : (documents,) bool array
        Which the model is fitted on; by default those of the clips that models of labels may see.

    Raises
    ------
    InputError
        If the source cannot be offered.
    """
    documents = np.arange(len(request.clips)) if documents is None else documents
    fitted = request.fitted_on if fitted is None else fitted
    filled = np.asarray(weights.sum(axis=1)).ravel() > 0
    labelled = (documents >= 0) & filled[documents]
    request.require_labels(name, labelled)
    weights, vocabulary = _used_words(weights, vocabulary, fitted)
    if len(vocabulary) < 2:
        raise InputError(f"the source {name} has fewer than two different words in the training clips; leave it out")
    used = fitted & (np.asarray(weights.sum(axis=1)).ravel() > 0)
    options = request.options
    k = effective_components(options.components, len(vocabulary) - 1, int((labelled & request.fitted_on).sum()))
    fit = fit_plsa(weights[used], k, seed=request.seed, steps=options.steps, tolerance=options.tolerance)
    topics = np.full((weights.shape[0], k), np.nan)
    topics[used] = fit.documents
    new = ~used & (np.asarray(weights.sum(axis=1)).ravel() > 0)
    if new.any():
        topics[new] = fold_in(weights[new], fit.terms, steps=options.steps)
    targets = request.unlabelled(k)
    targets[documents >= 0] = topics[documents[documents >= 0]]
    total = np.asarray(weights[used].sum(axis=0)).ravel()
    facts = {
        "vocabulary": list(vocabulary),
        "log_likelihood": [float(fit.log_likelihood[0]), float(fit.log_likelihood[-1])],
        "steps": len(fit.log_likelihood) - 1,
        **facts,
    }
    return request.source(name, targets, "topics", facts, {"terms": fit.terms, "word_shares": total / total.sum()})


def _used_words(
    weights: sp.csr_matrix, vocabulary: Sequence[str], fitted: NDArray[np.bool_]
) -> tuple[sp.csr_matrix, list[str]]:
    """Without the words that nothing is fitted on, which no topic could tell of."""
    used = np.asarray(weights[fitted].sum(axis=0)).ravel() > 0
    return sp.csr_matrix(weights[:, used]), [word for word, keep in zip(vocabulary, used, strict=True) if keep]


def classes_source(
    request: Request, name: str, names: Sequence[str], targets: Floats, facts: Mapping[str, Any]
) -> Source:
    """One output a name; `targets` (clips, names) sum to 1, or are NaN.

    Raises
    ------
    InputError
        If the source cannot be offered.
    """
    return request.source(name, targets, "classes", {"vocabulary": list(names), **facts})
