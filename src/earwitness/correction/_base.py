"""What every correction shares: scikit-learn's grammar, the rows and domains that come in, and the affine form."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earwitness.correction._options import check_options
from earwitness.correction._rows import Floats, Labels, Positions, matrix, members, positions
from earwitness.correction.scaling import Unseen
from earwitness.errors import InputError

_BLOCK = 4096
"""Rows that are transformed at once: what is needed beside input and output is bounded by them."""


class Correction(TransformerMixin, BaseEstimator):
    """A transformer that is told which domain each training clip is of.

    `fit(X, y=None, *, sample_domain, strata=None)` learns from the rows it is given and `transform(X, *,
    sample_domain=None)` from none, so that a correction fitted on training clips has seen no other. `sample_domain`
    and `strata` are metadata in scikit-learn's sense and requested by default: with `enable_metadata_routing`,
    `Pipeline` and `GridSearchCV` hand them on without more ado. y is not used: none of these is fitted on labels.

    Attributes
    ----------
    domains_ : (k,) array of text
        The domains of the training clips, in order.
    """

    # Read by scikit-learn's metadata routing.
    __metadata_request__fit = {"sample_domain": True, "strata": True}  # noqa: RUF012
    __metadata_request__transform = {"sample_domain": True}  # noqa: RUF012

    domains_: Labels
    n_features_in_: int
    _fewest_domains = 2
    unseen: Unseen

    def fit(self, X: ArrayLike, y: Any = None, *, sample_domain: ArrayLike, strata: ArrayLike | None = None) -> Self:
        """Learn the correction.

        Parameters
        ----------
        X : (n, d) array
            Training embeddings, one a row.
        y
            Not used.
        sample_domain : (n,) array
            The domain of each row: text or whole numbers.
        strata : (n,) array, optional
            The stratum (genre, say) of each row, for those that use it.

        Raises
        ------
        InputError
            If there are too few domains or clips, a number is not finite, or an option is none there is.
        """
        del y
        check_options(self)
        found = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite=False, ensure_min_samples=2)
        rows = matrix(found)
        self.domains_, member = members(sample_domain, len(rows), least=self._fewest_domains)
        self._learn(rows, member, strata)
        return self

    def fit_transform(
        self, X: ArrayLike, y: Any = None, *, sample_domain: ArrayLike, strata: ArrayLike | None = None
    ) -> NDArray[Any]:
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y, sample_domain=sample_domain, strata=strata).transform(X, sample_domain=sample_domain)

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> NDArray[Any]:
        """Corrected rows, in X's floating-point type.

        Parameters
        ----------
        X : (n, d) array
            Embeddings of any clips.
        sample_domain : (n,) array, optional
            The domain of each row. Needed where `needs_domain` is true, and else not looked at.

        Raises
        ------
        InputError
            If the domain is needed and missing or unknown, or a number is not finite.
        """
        check_is_fitted(self)
        found = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite=False, reset=False)
        member = self._positions(sample_domain, len(found)) if self.needs_domain else None
        out: NDArray[Any] | None = None
        for start in range(0, len(found), _BLOCK):
            here = slice(start, start + _BLOCK)
            block = self._corrected(matrix(found[here]), None if member is None else member[here])
            if out is None:
                out = np.empty((len(found), block.shape[1]), found.dtype)
            out[here] = block
        assert out is not None
        return out

    @property
    def needs_domain(self) -> bool:
        """Whether `transform` must be told the domain of each clip."""
        return False

    @property
    def n_features_out_(self) -> int:
        """Dimensions of a corrected clip."""
        return self.n_features_in_

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        raise NotImplementedError

    def _corrected(self, X: Floats, member: Positions | None) -> Floats:
        raise NotImplementedError

    def _positions(self, sample_domain: ArrayLike | None, count: int) -> Positions:
        name = type(self).__name__
        if sample_domain is None:
            raise InputError(
                f"{name} treats each domain in its own way: say of which each clip is, transform(X, sample_domain=...)"
            )
        found = positions(sample_domain, self.domains_, count)
        if (found < 0).any() and self.unseen == "error":
            row = int((found < 0).argmax())
            raise InputError(
                f"{name} was fitted on the domains {', '.join(self.domains_)}, and row {row} is of "
                f"{str(np.asarray(sample_domain)[row])!r}: fit it with that domain, or choose unseen='pooled'"
            )
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class AffineCorrection(Correction):
    r"""A correction that takes the same low-rank part off every clip.

    .. math:: x \mapsto x - B A (x - m)

    Attributes
    ----------
    readout_ : (r, d) array
        A: what is read off a clip.
    components_ : (r, d) array
        B transposed: its rows span the subspace that is removed. Equal to A for an orthogonal projection.
    center_ : (d,) array
        m.
    """

    readout_: Floats
    components_: Floats
    center_: Floats

    @property
    def n_removed_(self) -> int:
        """Dimensions that are removed, r."""
        return len(self.components_)

    @property
    def n_features_out_(self) -> int:
        """Dimensions of a corrected clip."""
        return int(self.components_.shape[1])

    def projector(self) -> Floats:
        """(d, d) I - B A, in the coordinates in which the projection is made."""
        check_is_fitted(self)
        return np.eye(self.components_.shape[1]) - self.components_.T @ self.readout_

    def _corrected(self, X: Floats, member: Positions | None) -> Floats:
        del member
        if not len(self.components_):
            return X
        return X - ((X - self.center_) @ self.readout_.T) @ self.components_

    def _remove(self, readout: Floats, components: Floats, center: Floats, scale: Floats | None) -> None:
        """Keep a map found in standardised units, in the units of the embeddings; a dead feature is left as it is."""
        if scale is None:
            self.readout_, self.components_, self.center_ = readout, components, center
        else:
            self.readout_ = readout / scale
            self.components_ = components * np.where(np.isfinite(scale), scale, 0.0)
            self.center_ = center
