"""Directions between domains: what they are by hand, by scikit-learn, and where one was planted."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_domains import degrees_between, planted
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from earwitness.correction import (
    chance_cosine,
    cosine,
    lda_direction,
    lda_directions,
    mean_direction,
    mean_directions,
    metric_cosine,
    orthonormal_rows,
    participation_ratio,
    random_directions,
    subspace_cosine,
)
from earwitness.errors import InputError

ORACLES = Path(__file__).parents[1] / "oracles" / "bias_cosine"


def test_the_discriminant_of_four_clips_by_hand() -> None:
    X = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [1.0, 5.0]])
    # Means (1, 0) and (1, 3); covariances diag(1, 0) and diag(0, 4), weighted one half each: S = diag(1/2, 2).
    np.testing.assert_allclose(lda_direction(X, [0, 0, 1, 1], shrinkage=0.0), [0.0, 1.5], atol=1e-15)
    np.testing.assert_allclose(mean_direction(X, [0, 0, 1, 1]), [0.0, 3.0], atol=1e-15)


@pytest.mark.parametrize(("n", "d"), [(60, 200), (81, 80), (300, 40), (12, 500), (40, 1)])
@pytest.mark.parametrize("shrinkage", ["auto", 0.3, 1.0])
def test_it_equals_scikit_learns_discriminant_analysis(n: int, d: int, shrinkage: float | str) -> None:
    rng = np.random.default_rng(n + d)
    scale = 10.0 ** rng.uniform(-2, 2, d)
    y = rng.permutation(np.arange(n) % 3 > 0).astype(int)  # one to two
    X = (rng.normal(size=(n, d)) + 0.4 * y[:, None]) * scale + 5
    if d > 3:
        X[:, 3] = 2.0  # never changes
    theirs = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage).fit(X, y).coef_[0]
    ours = lda_direction(X, y, shrinkage=shrinkage)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * np.abs(theirs).max())


def test_without_shrinkage_it_equals_scikit_learns_least_squares() -> None:
    X, domain = planted(9).draw(150, np.random.default_rng(0))
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(X, domain).coef_[0]
    np.testing.assert_allclose(lda_direction(X, domain, shrinkage=0.0), theirs, rtol=1e-9)


def test_k_domains_have_k_minus_1_directions_that_are_pairwise_differences_whitened() -> None:
    X, domain = planted(7, k=3).draw(400, np.random.default_rng(0))
    W = lda_directions(X, domain)
    assert W.shape == (2, 7)
    coef = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(X, domain).coef_
    np.testing.assert_allclose(W, coef[1:] - coef[0], rtol=1e-8, atol=1e-10)
    means = np.stack([X[domain == name].mean(0) for name in "abc"])
    np.testing.assert_allclose(mean_directions(X, domain), means[1:] - means[0], atol=1e-12)
    with pytest.raises(InputError, match="plural"):
        lda_direction(X, domain)


def test_a_planted_direction_is_found_within_five_degrees_from_8000_clips_in_32_dimensions() -> None:
    truth = planted(32)
    X, domain = truth.draw(8000, np.random.default_rng(1))
    assert degrees_between(mean_direction(X, domain), truth.shifts[1]) < 5
    # Between the scores along them; its error is about sqrt(d / n), which is 3.6 degrees.
    root = np.linalg.cholesky(truth.covariance)
    normal = np.linalg.solve(truth.covariance, truth.shifts[1])
    assert degrees_between(root.T @ lda_direction(X, domain), root.T @ normal) < 5
    assert degrees_between(mean_direction(X, domain), normal) > 30  # the two are not the same thing


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_order_of_clips_and_names_of_domains_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, domain = planted(6).draw(40, rng)
    order = rng.permutation(40)
    np.testing.assert_allclose(lda_direction(X[order], domain[order]), lda_direction(X, domain), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(lda_direction(X, domain == "b"), lda_direction(X, domain), rtol=1e-12)
    swapped = np.where(domain == "a", "z", domain)
    np.testing.assert_allclose(lda_direction(X, swapped), -lda_direction(X, domain), rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_features_in_other_units_give_the_direction_in_those_units(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, domain = planted(6).draw(30, rng)
    units = 10.0 ** rng.uniform(-5, 5, 6)
    ours = lda_direction(X * units, domain) * units
    np.testing.assert_allclose(ours, lda_direction(X, domain), rtol=1e-6, atol=1e-9)


def test_whole_numbers_are_ordered_as_numbers() -> None:
    X, domain = planted(4).draw(50, np.random.default_rng(0))
    as_numbers = np.where(domain == "a", 2, 10)
    np.testing.assert_array_equal(mean_direction(X, as_numbers), mean_direction(X, domain))


def test_cosines_of_the_published_coefficients_are_the_published_ones() -> None:
    stored = np.load(ORACLES / "irmas_vggish_linear.npz")
    expected = json.loads((ORACLES / "irmas_vggish_expected.json").read_text())
    for scope in ("global", "classwise"):
        printed = [expected["published_signed_cosine"][scope][name] for name in expected["instruments"]]
        # The coefficients are kept in float32.
        np.testing.assert_allclose(cosine(stored[f"w_{scope}"], stored["v"]), printed, atol=1e-6)
        for k, name in enumerate(expected["instruments"]):
            left = expected["derived"][f"mlda_{scope}"][name]["residual_norm_ratio"]
            inside = subspace_cosine(stored[f"W_{scope}"][k], stored["v"][k])
            assert np.sqrt(1 - inside**2) == pytest.approx(left, abs=1e-5)
    assert np.median(participation_ratio(stored["w_global"])) == pytest.approx(1.9, abs=0.05)


def test_participation_counts_features() -> None:
    assert participation_ratio([0, 0, -7.0]) == 1
    assert participation_ratio([1e-200] * 5) == pytest.approx(5)
    assert participation_ratio([[3.0, 3, 0, 0], [1, 1, 1, 1]]) == pytest.approx([2, 4])


def test_the_metric_cosine_is_the_correlation_of_scores_and_ignores_units() -> None:
    rng = np.random.default_rng(0)
    X, _ = planted(5).draw(200, rng)
    w, v, units = rng.normal(size=5), rng.normal(size=5), 10.0 ** rng.uniform(-3, 3, 5)
    correlation = np.corrcoef(X @ w, X @ v)[0, 1]
    assert metric_cosine(w, v, X) == pytest.approx(correlation, abs=1e-12)
    assert metric_cosine(w, v, covariance=np.cov(X.T)) == pytest.approx(correlation, abs=1e-12)
    assert metric_cosine(w / units, v / units, X * units) == pytest.approx(correlation, abs=1e-9)
    assert cosine(w / units, v / units) != pytest.approx(float(cosine(w, v)), abs=0.01)
    with pytest.raises(InputError, match="one of the two"):
        metric_cosine(w, v)


def test_subspace_cosine_is_the_cosine_for_one_row_and_one_for_a_vector_inside() -> None:
    rng = np.random.default_rng(0)
    W, v = rng.normal(size=(3, 8)), rng.normal(size=8)
    assert subspace_cosine(W[:1], v) == pytest.approx(abs(cosine(W[0], v)), abs=1e-12)
    assert subspace_cosine(W, [1.0, -2, 3] @ W) == pytest.approx(1, abs=1e-12)
    assert subspace_cosine(W, v) > subspace_cosine(W[:2], v)


def test_chance_is_what_random_directions_have_in_common() -> None:
    rng = np.random.default_rng(0)
    draws = np.abs(cosine(rng.normal(size=(40_000, 128)), rng.normal(size=128)))
    assert chance_cosine(128) == pytest.approx(draws.mean(), abs=4 * draws.std() / np.sqrt(len(draws)))
    assert chance_cosine(512) == pytest.approx(np.sqrt(2 / (np.pi * 512)), rel=1e-3)
    assert chance_cosine(1) == pytest.approx(1)


def test_random_directions_are_orthonormal_and_favour_no_side() -> None:
    rng = np.random.default_rng(0)
    V = random_directions(3, 10, rng)
    np.testing.assert_allclose(V @ V.T, np.eye(3), atol=1e-14)
    first = np.array([random_directions(1, 4, rng)[0] for _ in range(4000)])
    np.testing.assert_allclose(first.mean(0), 0, atol=4 * 0.5 / np.sqrt(4000))
    with pytest.raises(InputError, match="1 to 10"):
        random_directions(11, 10, rng)


def test_rows_that_repeat_each_other_span_one_direction() -> None:
    rows, values = orthonormal_rows([[3.0, 4, 0], [-6e8, -8e8, 0], [0, 0, 1e-9]])
    assert len(rows) == 2
    np.testing.assert_allclose(values, [np.sqrt(2), 1, 0], atol=1e-12)
    np.testing.assert_allclose(rows.T @ rows, [[0.36, 0.48, 0], [0.48, 0.64, 0], [0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("X", "domain", "options", "words"),
    [
        (np.zeros((4, 3)), "aaaa", {}, "two of them"),
        (np.zeros((4, 3)), "aab", {}, "one value a clip"),
        ([[0.0, np.nan], [1, 1]], "ab", {}, "NaN"),
        (np.zeros(4), "ab", {}, "shape"),
        (np.ones((6, 3)), "aaabbb", {}, "no inverse"),
        (np.random.default_rng(0).normal(size=(6, 30)), "aaabbb", {"shrinkage": 0.0}, "no inverse"),
        (np.random.default_rng(0).normal(size=(40, 3)) @ np.ones((3, 3)), "ab" * 20, {"shrinkage": 0.0}, "no inverse"),
        (np.random.default_rng(0).normal(size=(6, 3)), "aaabbb", {"shrinkage": 2.0}, "from 0 to 1"),
        (np.random.default_rng(0).normal(size=(6, 3)), "aaabbb", {"shrinkage": "full"}, "choose 'auto'"),
    ],
    ids=[
        "one domain",
        "lengths",
        "nan",
        "vector",
        "constant",
        "more dimensions than clips",
        "dependent",
        "shrinkage",
        "word",
    ],
)
def test_bad_input_is_said_in_one_sentence(X: object, domain: str, options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        lda_direction(X, list(domain), **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
