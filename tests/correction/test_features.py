"""Kernel maps approximate the kernel; the median distance is the median of the full matrix."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from earwitness.correction import KERNELS, feature_map, median_distance
from earwitness.correction.features import FastfoodMap, FourierMap
from earwitness.errors import InputError


def rows(n: int = 60, d: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)) * np.linspace(0.5, 2, d)


@pytest.mark.parametrize("kernel", ["rff", "fastfood"])
def test_inner_products_of_cosines_and_sines_approximate_the_gaussian_kernel(kernel: str) -> None:
    X, sigma = rows(), 4.0
    f = feature_map(X, kernel, sigma=sigma, n_features=16_384, rng=np.random.default_rng(1))  # type: ignore[arg-type]
    F = f(X)
    np.testing.assert_allclose((F**2).sum(1), 1, atol=1e-12)  # exactly, for any draw
    # Each entry is a mean of 8,192 cosines with a spread below 0.71, so 5 standard errors are 0.04.
    np.testing.assert_allclose(F @ F.T, rbf_kernel(X, gamma=1 / (2 * sigma**2)), atol=0.04)


def test_the_fourier_map_is_its_formula() -> None:
    f = FourierMap(np.array([[0.0, np.pi], [np.pi / 2, 0.0]]))
    np.testing.assert_allclose(f(np.array([[1.0, 1.0]])), np.array([[-1, 0, 0, 1]]) / np.sqrt(2), atol=1e-15)
    assert f.n_features == 4


def test_the_fastfood_map_is_the_product_of_its_matrices() -> None:
    X = rows(d=6)
    f = FastfoodMap.draw(6, 3.0, 40, np.random.default_rng(0))
    assert f.signs.shape == (3, 8)  # 20 frequencies in blocks of 8, padded from 6
    assert f.n_features == 48
    H, padded = hadamard(8), np.pad(X, ((0, 0), (0, 2)))
    Z = np.concatenate(
        [
            np.diag(s) @ H @ np.diag(g) @ np.eye(8)[p] @ H @ np.diag(b)
            for s, g, p, b in zip(f.lengths, f.gains, f.order, f.signs, strict=True)
        ]
    )
    expected = np.concatenate([np.cos(padded @ Z.T), np.sin(padded @ Z.T)], axis=1) / np.sqrt(24)
    np.testing.assert_allclose(f(X), expected, atol=1e-12)


def test_fastfood_frequencies_have_the_length_of_normal_ones() -> None:
    f = FastfoodMap.draw(16, 2.0, 8_000, np.random.default_rng(0))
    H = hadamard(16)
    Z = np.concatenate(
        [
            np.diag(s) @ H @ np.diag(g) @ np.eye(16)[p] @ H @ np.diag(b)
            for s, g, p, b in zip(f.lengths, f.gains, f.order, f.signs, strict=True)
        ]
    )
    squared = (Z**2).sum(1) * 2.0**2  # chi-squared with 16 degrees of freedom
    assert squared.mean() == pytest.approx(16, abs=5 * np.sqrt(32 / len(squared)))
    assert squared.var() == pytest.approx(32, rel=0.1)


def test_the_nystroem_map_is_scikit_learns_and_exact_between_landmarks() -> None:
    X, sigma = rows(), 4.0
    f = feature_map(X, "nystroem", sigma=sigma, n_features=1000, rng=np.random.default_rng(3))
    assert f.n_features == 60  # no more than there are rows
    np.testing.assert_allclose(f(X) @ f(X).T, rbf_kernel(X, gamma=1 / 32), atol=1e-8)
    seed = int(np.random.default_rng(3).integers(2**31))
    theirs = Nystroem(gamma=1 / 32, n_components=20, random_state=seed).fit(X)
    ours = feature_map(X, "nystroem", sigma=sigma, n_features=20, rng=np.random.default_rng(3))
    np.testing.assert_allclose(ours(X), theirs.transform(X), atol=1e-12)


def test_eight_features_a_dimension_come_out_by_default() -> None:
    for kernel, expected in {"rff": 96, "fastfood": 96, "nystroem": 60}.items():
        f = feature_map(rows(), kernel, rng=np.random.default_rng(0))  # type: ignore[arg-type]
        assert f(rows()).shape[1] == f.n_features == expected
    assert feature_map(rows(d=8), "fastfood", rng=np.random.default_rng(0)).n_features == 64


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 30])
def test_the_median_distance_is_that_of_the_full_matrix(n: int) -> None:
    X = rows(n)
    expected = np.median(euclidean_distances(X.astype(np.longdouble)))
    assert median_distance(X, rng=np.random.default_rng(0)) == pytest.approx(float(expected), abs=1e-6)


def test_the_median_distance_of_many_rows_is_that_of_a_sample() -> None:
    X = np.random.default_rng(0).normal(size=(6000, 30))
    assert median_distance(X, rng=np.random.default_rng(0)) == pytest.approx(np.sqrt(60), rel=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": "rbf"}, ", ".join(KERNELS)),
        ({"kernel": "rff", "sigma": 0.0}, "must be positive"),
        ({"kernel": "rff", "n_features": 7}, "even"),
        ({"kernel": "nystroem", "n_features": 0}, "at least 1"),
    ],
)
def test_bad_input_is_said_in_one_sentence(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        feature_map(rows(), rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]


def test_clips_that_are_all_the_same_have_no_kernel_width() -> None:
    with pytest.raises(InputError, match="most clips the same"):
        feature_map(np.ones((5, 3)), "rff", rng=np.random.default_rng(0))
