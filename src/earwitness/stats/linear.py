"""What every model with a linear predictor shares: linear functions of its coefficients, with Wald intervals."""

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from earwitness.errors import InputError
from earwitness.stats.formula import Parts

Floats = NDArray[np.float64]
DegreesOfFreedom = Literal["satterthwaite", "z"]


class LinearModel(Protocol):
    """A fitted model that marginal means and contrasts can be taken of."""

    @property
    def parts(self) -> Parts:
        """The formula taken apart."""
        ...

    @property
    def beta(self) -> Floats:
        """(p,) coefficients."""
        ...

    @property
    def vcov(self) -> Floats:
        """(p, p) their covariance."""
        ...

    def reference_grid(self, at: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Points to predict at, with a column `weight`."""
        ...

    def rows(self, grid: pd.DataFrame) -> Floats:
        """(m, p) linear functions that predict the points of a grid."""
        ...

    def degrees_of_freedom(self, L: Floats, method: DegreesOfFreedom = "satterthwaite") -> Floats:
        """(m,) degrees of freedom of the linear functions L."""
        ...


def wald(L: Floats, model: LinearModel, *, df: DegreesOfFreedom = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
    """Estimate, se, df, statistic, p, low, high of the linear functions L b, a row each (p: two-sided, of zero)."""
    estimate, se = L @ model.beta, np.sqrt(np.einsum("mi,ij,mj->m", L, model.vcov, L))
    degrees = model.degrees_of_freedom(L, df)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = estimate / se
    half = student.ppf((1 + level) / 2, degrees) * se
    return pd.DataFrame(
        {
            "estimate": estimate,
            "se": se,
            "df": degrees,
            "statistic": statistic,
            "p": 2 * student.sf(np.abs(statistic), degrees),
            "low": estimate - half,
            "high": estimate + half,
        }
    )


def response(table: pd.DataFrame, name: str, X: Floats) -> Floats:
    """The response as numbers, if a model of it with design X can be fitted."""
    if isinstance(table[name].dtype, pd.CategoricalDtype):
        raise InputError(f"the response {name!r} is text or truth values: give numbers")
    y = table[name].to_numpy(dtype=float)
    n, p = X.shape
    if n <= p:
        raise InputError(f"{n} rows are too few for {p} coefficients: give more rows or fewer terms")
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        raise InputError("the response is constant: there is nothing to explain")
    scale = np.linalg.norm(X, axis=0)
    residual = y - X @ (np.linalg.lstsq(X / scale, y)[0] / scale)
    if residual @ residual <= 1e-20 * (y @ y):
        raise InputError("the terms give the response without any residual: is it among them?")
    return y
