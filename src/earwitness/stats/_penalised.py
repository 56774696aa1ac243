"""Penalised least squares with several smoothing parameters, chosen by REML or GCV.

Notation as in Wood (2011), Fast stable restricted maximum likelihood and marginal likelihood estimation of
semiparametric generalized linear models, JRSS B 73(1): beta minimises |y - X beta|^2 + sum of lambda_j beta' S_j beta.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Selection = Literal["reml", "gcv"]

# log lambda, for penalties of the size of X'X: from hardly any penalty to a line straight to eight digits. More would
# only let rounding errors of the penalty bend the line.
BOUNDS = (-20.0, 18.0)


@dataclass(frozen=True, eq=False)
class Problem:
    """Cross-products of y and X, and for each penalty its columns of X, its matrix and its rank."""

    n: int
    XtX: Floats
    Xty: Floats
    yty: float
    penalties: tuple[tuple[slice, Floats, int], ...]

    def solve(self, log_lambda: Floats) -> tuple[Floats, Floats, float, Floats]:
        """beta, (X'X + S)^-1, log |X'X + S|, and lambda."""
        penalty = np.exp(log_lambda)
        A = self.XtX.copy()
        for weight, (columns, S, _) in zip(penalty, self.penalties, strict=True):
            A[columns, columns] += weight * S
        factor = linalg.cho_factor(A, lower=True)
        inverse = linalg.cho_solve(factor, np.eye(len(A)))
        return inverse @ self.Xty, inverse, 2 * float(np.log(np.diag(factor[0])).sum()), penalty

    def bent(self, beta: Floats) -> Floats:
        """beta' S_j beta of each penalty."""
        return np.array([beta[columns] @ S @ beta[columns] for columns, S, _ in self.penalties])

    def rss(self, beta: Floats) -> float:
        """Residual sum of squares."""
        return float(self.yty - 2 * beta @ self.Xty + beta @ self.XtX @ beta)

    def reml(self, log_lambda: Floats) -> tuple[float, Floats]:
        """Half of -2 log restricted likelihood, profiled over the scale, and its gradient."""
        beta, inverse, log_det, penalty = self.solve(log_lambda)
        bent = self.bent(beta)
        ranks = np.array([rank for *_, rank in self.penalties])
        degrees = self.n - (len(beta) - ranks.sum())
        scale = (self.rss(beta) + penalty @ bent) / degrees
        log_penalty = ranks @ log_lambda + self._log_det_penalties
        score = (degrees * (np.log(2 * np.pi * scale) + 1) + log_det - log_penalty) / 2
        trace = np.array([np.sum(inverse[c, c] * S) for c, S, _ in self.penalties])
        return float(score), (penalty * bent / scale + penalty * trace - ranks) / 2

    @cached_property
    def _log_det_penalties(self) -> float:
        """log |S_j| of all penalties, each over its non-zero eigenvalues."""
        return float(sum(np.log(np.linalg.eigvalsh(S)[-rank:]).sum() for _, S, rank in self.penalties))

    def gcv(self, log_lambda: Floats) -> tuple[float, Floats]:
        """n RSS / (n - edf)^2 and its gradient."""
        beta, inverse, _, penalty = self.solve(log_lambda)
        hat = inverse @ self.XtX
        residual, left = self.rss(beta), self.n - np.trace(hat)
        score = self.n * residual / left**2
        gradient = np.empty(len(penalty))
        pull = self.Xty - self.XtX @ beta
        for j, (columns, S, _) in enumerate(self.penalties):
            moved = -penalty[j] * inverse[:, columns] @ (S @ beta[columns])
            edf = -penalty[j] * np.sum((S @ hat[columns]) * inverse[columns])
            gradient[j] = -2 * self.n * pull @ moved / left**2 + 2 * score * edf / left
        return float(score), gradient

    def choose(self, selection: Selection) -> tuple[Floats, float]:
        """log lambda of the best score; GCV, which has several minima, starts where REML ends."""
        start = np.zeros(len(self.penalties))
        best = self._minimise(self.reml, start)
        if selection == "gcv":
            best = min((self._minimise(self.gcv, s) for s in (best[0], start)), key=lambda found: found[1])
        return best

    def _minimise(self, score: Callable[[Floats], Any], start: Floats) -> tuple[Floats, float]:
        if not len(start):
            return start, score(start)[0]
        options: Any = {"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-6}
        # The matrices are small: threads would spend their time waiting for each other.
        with threadpool_limits(1, "blas"):
            found = minimize(score, start, jac=True, method="L-BFGS-B", bounds=[BOUNDS] * len(start), options=options)
        return found.x, float(found.fun)
