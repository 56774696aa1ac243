"""LEACE and INLP: what they promise holds, and LEACE is its closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_domains import domain_auc, planted

from earwitness.correction import INLP, LEACE, make_correction
from earwitness.errors import InputError


def gap(X: np.ndarray, domain: np.ndarray) -> float:
    means = np.stack([X[domain == name].mean(0) for name in np.unique(domain)])
    return float(np.ptp(means, axis=0).max())


@pytest.mark.parametrize("shrinkage", [True, False])
@pytest.mark.parametrize(("n", "d", "k"), [(300, 12, 2), (300, 12, 3), (40, 90, 2), (60, 90, 3)])
def test_after_leace_the_training_means_coincide_and_only_k_minus_1_dimensions_are_gone(
    shrinkage: bool, n: int, d: int, k: int
) -> None:
    X, domain = planted(d, k=k).draw(n, np.random.default_rng(0))
    leace = LEACE(shrinkage=shrinkage).fit(X, sample_domain=domain)
    assert gap(X, domain) > 1
    assert gap(leace.transform(X), domain) < 1e-12 * np.abs(X).max() * np.sqrt(d)
    assert leace.n_removed_ == k - 1
    P = leace.projector()
    np.testing.assert_allclose(P @ P, P, atol=1e-9)
    np.testing.assert_allclose(leace.transform(X).mean(0), X.mean(0), atol=1e-10)


def test_leace_for_two_domains_is_its_closed_form() -> None:
    X, domain = planted(9).draw(200, np.random.default_rng(0))
    z = (domain == "b").astype(float)
    s = np.cov(X.T, z)[:-1, -1]
    direction = np.linalg.pinv(np.cov(X.T)) @ s
    expected = X - np.outer((X - X.mean(0)) @ direction, s) / (s @ direction)
    for standardize in ("none", "pooled"):  # without shrinkage the units do not matter
        leace = LEACE(shrinkage=False, standardize=standardize).fit(X, sample_domain=domain)  # type: ignore[arg-type]
        np.testing.assert_allclose(leace.transform(X), expected, atol=1e-9)


def test_leace_changes_clips_less_than_any_other_that_makes_the_means_coincide() -> None:
    X, domain = planted(9).draw(2000, np.random.default_rng(0))
    inverse = np.linalg.inv(np.cov(X.T))

    def change(method: str, **options: object) -> float:
        moved = make_correction(method, standardize="none", **options).fit_transform(X, sample_domain=domain) - X
        return float(np.einsum("ij,jk,ik->", moved, inverse, moved))  # least squares in the metric of the clips

    assert change("leace", shrinkage=False) < change("mean")


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([(60, 20), (50, 200), (400, 5)]))
def test_where_the_domain_is_independent_of_the_clips_leace_does_nearly_nothing(
    seed: int, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    X, domain = rng.normal(size=size), rng.permutation(np.arange(size[0]) % 2)
    cleaned = LEACE().fit_transform(X, sample_domain=domain)
    assert gap(cleaned, domain) < 1e-11  # exact for any sample
    # One of d dimensions, or the half gap between two means of n / 2 clips, where that is the larger part.
    n, d = size
    assert ((cleaned - X) ** 2).sum() < 2 * (1 / d + 2 / n) * ((X - X.mean(0)) ** 2).sum()


def test_with_many_clips_independent_of_the_domain_leace_is_close_to_the_identity_on_fresh_clips() -> None:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(30, 30))
    X = rng.normal(size=(5000, 30)) @ mix
    leace = LEACE().fit(X, sample_domain=rng.integers(0, 2, 5000))
    fresh = rng.normal(size=(500, 30)) @ mix
    moved = leace.transform(fresh) - fresh
    assert np.linalg.norm(moved) / np.linalg.norm(fresh - fresh.mean(0)) < 0.35  # one of 30 dimensions at most


def test_a_dead_feature_stays_as_it_is() -> None:
    X, domain = planted(6).draw(100, np.random.default_rng(0))
    X[:, 3] = -2.0
    for correction in (LEACE(), INLP()):
        np.testing.assert_array_equal(correction.fit_transform(X, sample_domain=domain)[:, 3], -2.0)


def test_inlp_takes_directions_until_a_linear_model_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    truth = planted(16, apart=3)
    X, domain = truth.draw(1500, rng)
    fresh, of = truth.draw(1500, rng)
    inlp = INLP(n_iter=30).fit(X, sample_domain=domain)
    assert inlp.accuracies_[0] > 0.9
    assert inlp.accuracies_[-1] <= 0.52
    assert inlp.n_removed_ == len(inlp.accuracies_) - 1
    P = inlp.transform(np.eye(16)) - inlp.transform(np.zeros((1, 16)))
    assert np.linalg.matrix_rank(P) == 16 - inlp.n_removed_
    assert domain_auc(X, domain, fresh, of) > 0.95
    assert domain_auc(inlp.transform(X), domain, inlp.transform(fresh), of) < 0.65


def test_inlp_stops_where_there_is_no_domain_and_where_it_is_told_to() -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(12).draw(600, rng)
    assert INLP(tolerance=0.1).fit(X, sample_domain=rng.permutation(domain)).n_removed_ == 0
    assert INLP(n_iter=1).fit(X, sample_domain=domain).n_removed_ == 1
    everything = INLP(n_iter=50, tolerance=-1.0).fit(X, sample_domain=domain)
    assert everything.n_removed_ == 12
    three, names = planted(12, k=3).draw(600, rng)
    assert INLP(n_iter=1).fit(three, sample_domain=names).n_removed_ in (2, 3)


@pytest.mark.parametrize("correction", [LEACE(standardize="both"), INLP(standardize="per_domain")])  # type: ignore[arg-type]
def test_bad_options_are_said_in_one_sentence(correction: LEACE | INLP) -> None:
    X, domain = planted(4).draw(30, np.random.default_rng(0))
    with pytest.raises(InputError, match="choose 'none' or 'pooled'"):
        correction.fit(X, sample_domain=domain)


def test_too_few_clips_to_cross_validate_are_said_in_one_sentence() -> None:
    X = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(InputError, match="b has 2"):
        INLP().fit(X, sample_domain=["a"] * 8 + ["b"] * 2)
