"""The likelihood of a linear mixed model around its estimate: what standard errors and degrees of freedom need.

Notation as in Bates, Maechler, Bolker and Walker (2015), Fitting Linear Mixed-Effects Models Using lme4, J. Stat.
Softw. 67(1), section 3: Lambda is the relative covariance factor, L L' = Lambda' Z'Z Lambda + I. All cross-products
are formed once, so that each evaluation is independent of the number of rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from earwitness.stats._mixedlm import Block

Floats = NDArray[np.float64]

# Above this many random effects the factor is sparse: a dense one of 1,500 takes 18 MB and a tenth of a second.
DENSE = 1500
# Central differences with this step agree with Richardson extrapolation to 1e-5 in the degrees of freedom.
STEP = 1e-3


@dataclass(frozen=True)
class Profile:
    """Cross-products of one data set."""

    blocks: tuple[Block, ...]
    y: Floats
    X: Floats

    @cached_property
    def Z(self) -> sparse.csc_matrix:  # noqa: N802 - mathematics keeps its letter
        """(n, q) sparse: block by block, group by group, term by term."""
        n, parts = len(self.y), []
        for block in self.blocks:
            k = len(block.names)
            columns = (block.codes[:, None] * k + np.arange(k)).ravel()
            shape = (n, len(block.levels) * k)
            parts.append(sparse.coo_matrix((block.Z.ravel(), (np.repeat(np.arange(n), k), columns)), shape=shape))
        return sparse.hstack(parts).tocsc()

    @cached_property
    def products(self) -> tuple[sparse.csc_matrix, Floats, Floats]:
        """Z'Z, Z'[X y] and [X y]'[X y]."""
        right = np.column_stack([self.X, self.y])
        return (self.Z.T @ self.Z).tocsc(), self.Z.T @ right, right.T @ right

    def steps(self, sigma: float) -> Floats:
        """Differencing steps of (theta, sigma), free of the units of covariates and response."""
        rms = [np.sqrt(np.mean(b.Z**2, 0))[np.tril_indices(len(b.names))[0]] for b in self.blocks]
        return STEP * np.append(1 / np.concatenate(rms), sigma)

    def factors(self, theta: Floats) -> list[Floats]:
        """(k, k) lower triangular relative covariance factor of each block."""
        made, start = [], 0
        for block in self.blocks:
            k = len(block.names)
            factor = np.zeros((k, k))
            factor[np.tril_indices(k)] = theta[start : start + block.size]
            start += block.size
            made.append(factor)
        return made

    def rotate(self, theta: Floats, M: Floats) -> Floats:
        """Lambda' M for a dense M (q, columns), block by block."""
        made, start = np.empty_like(M), 0
        for block, factor in zip(self.blocks, self.factors(theta), strict=True):
            end = start + len(block.levels) * len(factor)
            part = M[start:end].reshape(len(block.levels), len(factor), -1)
            made[start:end] = (factor.T @ part).reshape(M[start:end].shape)
            start = end
        return made

    def factorise(self, theta: Floats) -> tuple[Callable[[Floats], Floats], float]:
        """How to divide by L L', and log |L L'|."""
        gram = self.products[0]
        if gram.shape[0] <= DENSE:
            inner = self.rotate(theta, self.rotate(theta, self._dense_gram).T)
            inner[np.diag_indices_from(inner)] += 1
            cholesky = linalg.cho_factor(inner, lower=True, check_finite=False)
            return lambda b: linalg.cho_solve(cholesky, b), 2 * float(np.log(np.diag(cholesky[0])).sum())
        pairs = zip(self.factors(theta), self.blocks, strict=True)
        factor = sparse.block_diag([sparse.kron(sparse.eye(len(b.levels)), f) for f, b in pairs], format="csc")
        inner = (factor.T @ gram @ factor + sparse.eye(gram.shape[0])).tocsc()
        # Positive definite, so pivots of the diagonal are safe and keep the ordering's sparsity.
        lu = splu(inner, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        return lu.solve, float(np.log(np.abs(lu.U.diagonal())).sum())

    @cached_property
    def _dense_gram(self) -> Floats:
        return self.products[0].toarray()

    def information(self, theta: Floats) -> tuple[Floats, float, float]:
        """R_X'R_X bordered by y, (p + 1, p + 1); log |L|^2; and the penalised residual sum of squares."""
        divide, log_det = self.factorise(theta)
        rotated = self.rotate(theta, self.products[1])
        schur = self.products[2] - rotated.T @ divide(rotated)
        A, b = schur[:-1, :-1], schur[:-1, -1]
        return A, log_det, float(schur[-1, -1] - b @ linalg.solve(A, b, assume_a="pos"))

    def deviance(self, parameters: Floats, *, reml: bool) -> float:
        """-2 log (restricted) likelihood at (theta, sigma), not profiled over sigma."""
        theta, sigma = parameters[:-1], parameters[-1]
        A, log_det, rss = self.information(theta)
        count = len(self.y) - (A.shape[0] if reml else 0)
        extra = np.linalg.slogdet(A)[1] if reml else 0.0
        return float(count * np.log(2 * np.pi * sigma**2) + log_det + extra + rss / sigma**2)

    def covariance(self, parameters: Floats) -> Floats:
        """(p, p) covariance of the fixed effects at (theta, sigma)."""
        return parameters[-1] ** 2 * linalg.inv(self.information(parameters[:-1])[0])

    def modes(self, theta: Floats, sigma: float, beta: Floats) -> tuple[list[Floats], list[Floats]]:
        """Conditional modes and their conditional variances, for each block (groups, k)."""
        divide, _ = self.factorise(theta)
        cross = self.products[1]
        spherical = divide(self.rotate(theta, cross[:, -1] - cross[:, :-1] @ beta))
        variances = np.empty(len(spherical))
        for start in range(0, len(spherical), DENSE):
            chosen = np.arange(start, min(start + DENSE, len(spherical)))
            unit = np.zeros((len(spherical), len(chosen)))
            unit[chosen, chosen - start] = 1
            columns = self.rotate(theta, unit)  # Lambda' e_i
            variances[chosen] = sigma**2 * np.sum(columns * divide(columns), 0)
        shapes = [(len(b.levels), len(b.names)) for b in self.blocks]
        ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
        pairs = zip(np.split(spherical, ends), shapes, self.factors(theta), strict=True)
        spread = zip(np.split(variances, ends), shapes, strict=True)
        return [u.reshape(s) @ f.T for u, s, f in pairs], [v.reshape(s) for v, s in spread]


@dataclass(frozen=True)
class Curvature:
    """How covariance parameters move the covariance of the fixed effects, and how uncertain they are."""

    gradients: Floats  # (parameters, p, p)
    uncertainty: Floats  # (parameters, parameters)

    def df(self, L: Floats, vcov: Floats) -> Floats:
        """(m,) Satterthwaite degrees of freedom 2 v^2 / (g' A g) of the linear functions in L (m, p)."""
        variance = np.einsum("mi,ij,mj->m", L, vcov, L)
        gradient = np.einsum("mi,kij,mj->mk", L, self.gradients, L)
        spread = np.einsum("mk,kl,ml->m", gradient, self.uncertainty, gradient)
        return np.divide(2 * variance**2, spread, out=np.full(len(L), np.inf), where=spread > 0)


def curvature(profile: Profile, theta: Floats, sigma: float, *, reml: bool) -> Curvature:
    """Central differences at the estimate; directions in which the deviance does not rise carry no uncertainty."""
    at = np.append(theta, sigma)
    # In units of the steps, so that the directions of the Hessian are comparable.
    moves = np.diag(profile.steps(sigma))
    gradients = np.stack([(profile.covariance(at + m) - profile.covariance(at - m)) / 2 for m in moves])

    def f(*steps: Floats) -> float:
        return profile.deviance(at + sum(steps), reml=reml)

    centre = f()
    hessian = np.empty((len(at), len(at)))
    for i, a in enumerate(moves):
        hessian[i, i] = f(a) - 2 * centre + f(-a)
        for j, b in enumerate(moves[:i]):
            hessian[i, j] = hessian[j, i] = (f(a, b) - f(a, -b) - f(-a, b) + f(-a, -b)) / 4
    values, vectors = np.linalg.eigh(hessian)
    rising = values > 1e-8 * values.max()
    kept = vectors[:, rising]
    return Curvature(gradients, 2 * kept / values[rising] @ kept.T)
