"""Removal of everything a linear model could tell the domain by: LEACE in closed form, INLP step by step."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from earwitness.correction._base import AffineCorrection
from earwitness.correction._rows import Floats, Positions
from earwitness.correction.directions import orthonormal_rows
from earwitness.correction.scaling import Scaling
from earwitness.errors import InputError


class LEACE(AffineCorrection):
    r"""Least-squares concept erasure: the smallest change after which no linear model tells the training domains apart.

    .. math:: x \mapsto x - W^+ P W (x - m), \quad W = S^{-1/2}

    where P projects onto the span of W times the covariance of clips and domains. The projection is oblique, of rank
    k - 1 for k domains, and the means of the domains coincide afterwards. Computed by the package concept-erasure.

    Parameters
    ----------
    shrinkage
        Shrink the covariance S towards a multiple of the identity, which helps where clips are few; without it S is the
        empirical one and W its pseudo-inverse root. The means coincide either way.
    standardize
        "pooled": shrink in units of each feature's spread over the training clips; "none": in units as they come.
    min_variance
        A feature whose variance is below this share of the median variance is left as it is; for "pooled".

    References
    ----------
    Belrose et al. (2023). LEACE: Perfect linear concept erasure in closed form. arXiv:2306.03819.
    """

    def __init__(
        self,
        *,
        shrinkage: bool = True,
        standardize: Literal["none", "pooled"] = "pooled",
        min_variance: float = 1e-8,
    ) -> None:
        self.shrinkage = shrinkage
        self.standardize = standardize
        self.min_variance = min_variance

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        del strata
        scaling = _scaling(X, member, self.standardize, self.min_variance)
        k = len(self.domains_)
        if scaling is None:
            self._remove(*_eraser(X - X.mean(0), member, k, shrinkage=self.shrinkage), X.mean(0), None)
            return
        pair = _eraser(scaling.pooled(X)[:, scaling.alive], member, k, shrinkage=self.shrinkage)
        readout, components = (scaling.widened(rows) for rows in pair)
        self._remove(readout, components, scaling.mean, scaling.scale)


class INLP(AffineCorrection):
    """Iterative null-space projection: take away what a linear classifier tells the domains by, until none can.

    Repeats: fit a logistic regression of the domain on standardised clips, project off its weights. Stops when its
    cross-validated balanced accuracy is at chance, or after `n_iter` rounds. The final projection is off the span of
    all weights.

    Parameters
    ----------
    n_iter
        Most rounds.
    tolerance
        Chance means a balanced accuracy of at most 1/k + this, for k domains.
    C
        Inverse penalty of the logistic regression.
    n_splits
        Folds by which the accuracy is measured.
    standardize, min_variance
        As for `LEACE`.
    random_state
        Seed of the folds.

    Attributes
    ----------
    accuracies_ : tuple
        Balanced accuracy before each round, and after the last.

    References
    ----------
    Ravfogel et al. (2020). Null it out: Guarding protected attributes by iterative nullspace projection. ACL.
    """

    def __init__(
        self,
        *,
        n_iter: int = 20,
        tolerance: float = 0.02,
        C: float = 1.0,
        n_splits: int = 3,
        standardize: Literal["none", "pooled"] = "pooled",
        min_variance: float = 1e-8,
        random_state: int | None = 0,
    ) -> None:
        self.n_iter = n_iter
        self.tolerance = tolerance
        self.C = C
        self.n_splits = n_splits
        self.standardize = standardize
        self.min_variance = min_variance
        self.random_state = random_state

    def _learn(self, X: Floats, member: Positions, strata: ArrayLike | None) -> None:
        del strata
        if self.C <= 0 or self.n_splits < 2:
            raise InputError(f"INLP needs C above 0 and n_splits of 2 or more, not {self.C} and {self.n_splits}")
        fewest = np.bincount(member).min()
        if fewest < self.n_splits:
            name = self.domains_[np.bincount(member).argmin()]
            raise InputError(f"INLP needs {self.n_splits} clips of each domain to cross-validate; {name} has {fewest}")
        scaling = _scaling(X, member, self.standardize, self.min_variance)
        center = X.mean(0)
        Z = X - center if scaling is None else scaling.pooled(X)
        V = np.zeros((0, Z.shape[1]))
        accuracies = []
        while True:
            left = Z - (Z @ V.T) @ V
            accuracies.append(self._accuracy(left, member))
            at_chance = accuracies[-1] <= 1 / len(self.domains_) + self.tolerance
            if at_chance or len(accuracies) > self.n_iter or len(V) >= Z.shape[1]:
                break
            weights = self._classifier().fit(left, member).coef_
            V, _ = orthonormal_rows(np.concatenate([V, weights - (weights @ V.T) @ V]))
        self.accuracies_ = tuple(accuracies)
        self._remove(V, V, center, None if scaling is None else scaling.scale)

    def _classifier(self):  # type: ignore[no-untyped-def]
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)

    def _accuracy(self, Z: Floats, member: Positions) -> float:
        from sklearn.model_selection import StratifiedKFold, cross_val_score

        folds = StratifiedKFold(self.n_splits, shuffle=True, random_state=self.random_state)
        return float(cross_val_score(self._classifier(), Z, member, cv=folds, scoring="balanced_accuracy").mean())


def _scaling(X: Floats, member: Positions, standardize: str, min_variance: float) -> Scaling | None:
    return None if standardize == "none" else Scaling.fit(X, member, min_variance)


def _eraser(Z: Floats, member: Positions, count: int, *, shrinkage: bool) -> tuple[Floats, Floats]:
    """What is read off and what is taken away, each (r, d), by concept-erasure."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit, at its import
        from concept_erasure import LeaceFitter

    # The first domain is what the others leave, so its indicator would add a singular value that is rounding.
    indicators = np.eye(count)[member][:, 1:]
    eraser = LeaceFitter.fit(
        torch.from_numpy(Z),
        torch.from_numpy(indicators),
        shrinkage=shrinkage,
        # Its default truncates at 0.01, which leaves a weak domain in; and keeping the trace of the covariance down
        # mixes in an orthogonal projection, after which the means no longer coincide.
        svd_tol=1e-10,
        constrain_cov_trace=False,
    ).eraser
    readout, components = eraser.proj_right.numpy(), eraser.proj_left.numpy().T
    used = np.abs(readout).max(1) > 0
    return readout[used], components[used]
