"""Corrections that are told the domain: CORAL equals its closed form, per-domain z-scores are that."""

import numpy as np
import pytest
from planted_domains import domain_auc, planted
from scipy.linalg import sqrtm
from sklearn.preprocessing import StandardScaler

from earwitness.correction import CORAL, DomainStandardizer, make_correction
from earwitness.errors import InputError


def test_coral_is_its_closed_form() -> None:
    X, domain = planted(7).draw(300, np.random.default_rng(0))
    source, target = X[domain == "a"], X[domain == "b"]
    Cs, Ct = (np.cov(part.T) + 0.3 * np.eye(7) for part in (source, target))
    expected = (source - source.mean(0)) @ np.linalg.inv(sqrtm(Cs)) @ sqrtm(Ct) + target.mean(0)
    coral = CORAL(ridge=0.3, standardize="none", target="b").fit(X, sample_domain=domain)
    out = coral.transform(X, sample_domain=domain)
    np.testing.assert_allclose(out[domain == "a"], expected, atol=1e-9)
    np.testing.assert_array_equal(out[domain == "b"], target)


def test_coral_gives_sources_the_mean_and_covariance_of_the_target() -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(6, k=3).draw(600, rng)
    X[domain == "a"] = (X[domain == "a"] - 3) @ rng.normal(size=(6, 6))
    coral = CORAL(ridge=1e-12).fit(X, sample_domain=domain)
    assert coral.target_ == "c"  # has most clips
    out = coral.transform(X, sample_domain=domain)
    for name in "ab":
        np.testing.assert_allclose(out[domain == name].mean(0), X[domain == "c"].mean(0), atol=1e-9)
        np.testing.assert_allclose(np.cov(out[domain == name].T), np.cov(X[domain == "c"].T), atol=1e-7)


def test_each_domain_is_standardised_by_its_own_training_clips() -> None:
    X, domain = planted(6).draw(300, np.random.default_rng(0))
    train, test = slice(0, 200), slice(200, 300)
    correction = DomainStandardizer().fit(X[train], sample_domain=domain[train])
    out = correction.transform(X[test], sample_domain=domain[test])
    for name in "ab":
        theirs = StandardScaler().fit(X[train][domain[train] == name]).transform(X[test][domain[test] == name])
        np.testing.assert_allclose(out[domain[test] == name], theirs, atol=1e-12)


@pytest.mark.parametrize("method", ["coral", "zscore"])
def test_a_planted_domain_is_gone_from_fresh_clips(method: str) -> None:
    rng = np.random.default_rng(0)
    truth = planted(20)
    (X, domain), (fresh, of) = truth.draw(1500, rng), truth.draw(1500, rng)
    assert domain_auc(X, domain, fresh, of) > 0.99
    correction = make_correction(method).fit(X, sample_domain=domain)
    assert correction.needs_domain
    cleaned = (correction.transform(X, sample_domain=domain), correction.transform(fresh, sample_domain=of))
    assert abs(domain_auc(cleaned[0], domain, cleaned[1], of) - 0.5) < 0.07


@pytest.mark.parametrize("method", ["coral", "zscore"])
def test_domains_that_are_missing_or_new(method: str) -> None:
    X, domain = planted(5).draw(60, np.random.default_rng(0))
    correction = make_correction(method).fit(X, sample_domain=domain)
    with pytest.raises(InputError, match="say of which each clip is"):
        correction.transform(X)
    with pytest.raises(InputError, match=r"fitted on the domains a, b, and row 0 is of 'c'.*unseen='pooled'"):
        correction.transform(X[:1], sample_domain=["c"])
    pooled = make_correction(method, unseen="pooled").fit(X, sample_domain=domain)
    expected = X[:2] if method == "coral" else StandardScaler().fit(X).transform(X[:2])
    np.testing.assert_allclose(pooled.transform(X[:2], sample_domain=["c", "d"]), expected, atol=1e-12)


def test_a_dead_feature_stays_as_it_is_or_is_zero() -> None:
    X, domain = planted(5).draw(60, np.random.default_rng(0))
    X[:, 1] = 4.0
    assert (CORAL().fit_transform(X, sample_domain=domain)[:, 1] == 4).all()
    assert (DomainStandardizer().fit_transform(X, sample_domain=domain)[:, 1] == 0).all()
    X[:, 2] = np.where(domain == "a", 1.0, 2.0)  # changes between domains only
    assert (DomainStandardizer().fit_transform(X, sample_domain=domain)[:, 2] == 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "z"}, "none of the domains a, b"),
        ({"ridge": 0.0}, "must be positive"),
        ({"standardize": "x"}, "choose 'none' or 'pooled'"),
        ({"unseen": "ignore"}, "choose 'error' or 'pooled'"),
    ],
)
def test_bad_options_are_said_in_one_sentence(options: dict[str, object], words: str) -> None:
    X, domain = planted(4).draw(30, np.random.default_rng(0))
    with pytest.raises(InputError, match=words):
        CORAL(**options).fit_transform(X, sample_domain=domain)  # type: ignore[arg-type]


def test_one_clip_has_no_covariance() -> None:
    with pytest.raises(InputError, match="b has 1"):
        CORAL().fit(np.random.default_rng(0).normal(size=(5, 2)), sample_domain=list("aaaab"))
