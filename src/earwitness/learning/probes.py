"""The probe of the target tasks: a small network that learns a label from frozen vectors, and is asked about others."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import InputError
from earwitness.learning.cold_start import standardized

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """A multilayer perceptron with ReLU, trained with Adam.

    Attributes
    ----------
    hidden
        Units of each hidden layer; the thesis prints 257, its program has 256 in every revision.
    iterations
        Passes at most; it stops earlier where the training loss stalls for ten.
    penalty, learning_rate
        L2 weight and step size.
    standardize
        Whether the columns of the vectors are standardised with training statistics: blocks that are concatenated
        differ in scale.
    """

    hidden: tuple[int, ...] = (256, 256)
    iterations: int = 200
    penalty: float = 1e-4
    learning_rate: float = 1e-3
    standardize: bool = True

    def __post_init__(self) -> None:
        if not self.hidden or min(*self.hidden, self.iterations) < 1:
            raise InputError("a probe needs a hidden layer, and one unit and one iteration or more")


def predicted(X: Floats, y: NDArray[Any], train: NDArray[np.bool_], probe: Probe, *, number: bool, seed: int) -> Any:
    """What a probe that learnt from the training rows says of every row.

    Parameters
    ----------
    X : (n, d) array
        Vectors.
    y : (n,) array
        Classes as text, or numbers; only training rows are looked at.
    train : (n,) bool array
        Rows to learn from.
    probe
        Its size and schedule.
    number
        Whether y holds numbers. They are learnt standardised, which changes no R2, and returned as they were.
    seed
        Of weights and the order of rows.

    Returns
    -------
    (n,) array
        Of the kind of y.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    heard = (standardized(X, train) if probe.standardize else X).astype(np.float32)
    options = {
        "hidden_layer_sizes": probe.hidden,
        "max_iter": probe.iterations,
        "alpha": probe.penalty,
        "learning_rate_init": probe.learning_rate,
        "random_state": seed,
    }
    with warnings.catch_warnings():
        # That 200 iterations were not enough for the loss to stall is part of the protocol.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if not number:
            return MLPClassifier(**options).fit(heard[train], y[train]).predict(heard)
        mean, deviation = float(np.mean(y[train])), float(np.std(y[train])) or 1.0
        model = MLPRegressor(**options).fit(heard[train], ((y[train] - mean) / deviation).astype(np.float32))
        return model.predict(heard).astype(float) * deviation + mean


def reduced(X: Floats, size: int, seed: int = 0) -> Floats:
    """The vectors in `size` principal components of their standardised columns, or all that the rows allow.

    A control for comparing vectors of unequal length. It looks at no label, so it is made from all rows.
    """
    from sklearn.decomposition import PCA

    kept = min(size, *X.shape)
    if X.shape[1] <= kept:
        return X
    every = np.ones(len(X), bool)
    return np.asarray(PCA(kept, svd_solver="full", random_state=seed).fit_transform(standardized(X, every)))
