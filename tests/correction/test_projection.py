"""Projections off domain directions: what a projector is, what goes and what stays, and the published variants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_domains import Planted, degrees_between, domain_auc, planted
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from earwitness.correction import DomainProjection, lda_direction, make_correction, stratum_directions
from earwitness.errors import InputError

TRUTH = planted(64)


def halves(truth: Planted, n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return *truth.draw(n, rng), *truth.draw(n, rng)


@pytest.mark.parametrize("direction", ["lda", "mean", "random"])
@pytest.mark.parametrize("per_stratum", [False, True])
@pytest.mark.parametrize("k", [2, 3])
def test_the_projector_is_idempotent_symmetric_and_of_the_rank_that_is_left(
    direction: str, per_stratum: bool, k: int
) -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(20, k=k).draw(300, rng)
    genre = np.array(["x", "y", "z", "u"])[rng.integers(0, 4, 300)]
    correction = DomainProjection(
        direction=direction, per_stratum=per_stratum, standardize="none", n_directions=2, min_per_side=3
    ).fit(X, sample_domain=domain, strata=genre)  # type: ignore[arg-type]
    P, W = correction.projector(), correction.directions_
    np.testing.assert_allclose(P @ P, P, atol=1e-12)
    np.testing.assert_allclose(P, P.T, atol=1e-12)
    assert np.linalg.matrix_rank(P) == 20 - np.linalg.matrix_rank(W)
    assert correction.n_removed_ == np.linalg.matrix_rank(W)
    np.testing.assert_allclose(P @ W.T / np.linalg.norm(W, axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(correction.transform(X), X @ P, atol=1e-9)
    expected = {"random": 2}.get(direction, (k - 1) * (4 if per_stratum else 1))
    assert correction.n_removed_ == expected


def test_published_lda_and_mlda_are_the_equations_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(15).draw(400, rng)
    genre = np.array(["x", "y", "z"])[rng.integers(0, 3, 400)]
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    w = lda.fit(X, domain).coef_[0]
    w = w / np.linalg.norm(w)
    ours = make_correction("lda", standardize="none").fit_transform(X, sample_domain=domain)
    np.testing.assert_allclose(ours, X - np.outer(X @ w, w), atol=1e-9)
    W = np.stack([lda.fit(X[genre == g], domain[genre == g]).coef_[0] for g in "xyz"])
    V = np.linalg.svd(W, full_matrices=False)[2].T
    mlda = make_correction("mlda", standardize="none").fit(X, sample_domain=domain, strata=genre)
    np.testing.assert_allclose(mlda.transform(X), X - X @ V @ V.T, atol=1e-9)


def test_pooled_is_the_projection_of_standardised_clips_put_back_to_their_units() -> None:
    X, domain = planted(10).draw(300, np.random.default_rng(0))
    X[:, 4] = 7.0  # dead
    X[:, 5] = 1 + 1e-9 * X[:, 5]  # nearly
    alive = np.delete(np.arange(10), [4, 5])
    scaler = StandardScaler().fit(X[:, alive])
    Z = scaler.transform(X[:, alive])
    w = lda_direction(Z, domain)
    expected = X.copy()
    expected[:, alive] = scaler.inverse_transform(Z - np.outer(Z @ w, w) / (w @ w))
    correction = DomainProjection().fit(X, sample_domain=domain)
    np.testing.assert_allclose(correction.transform(X), expected, atol=1e-10)
    P = correction.projector()
    np.testing.assert_allclose(P @ P, P, atol=1e-12)
    np.testing.assert_allclose(correction.transform(X), (X - X.mean(0)) @ P.T + X.mean(0), atol=1e-9)
    np.testing.assert_array_equal(correction.transform(X)[:, [4, 5]], X[:, [4, 5]])


def test_without_standardising_a_nearly_dead_feature_is_the_direction() -> None:
    """The published YAMNet directions: a participation ratio of 1.3, and scores that do not change."""
    X, domain = planted(10).draw(300, np.random.default_rng(0))
    X[:, 4] *= 1e-6
    raw = DomainProjection(standardize="none").fit(X, sample_domain=domain)
    assert degrees_between(raw.components_[0], np.eye(10)[4]) < 1
    pooled = DomainProjection().fit(X, sample_domain=domain)
    assert degrees_between(pooled.directions_[0], np.eye(10)[4]) > 30


def test_the_normal_of_the_discriminant_does_not_hide_the_domain_and_the_mean_does() -> None:
    """A fact of the method: removing w leaves delta - w (w'delta), unless the covariance is a multiple of one."""
    X, domain, X2, domain2 = halves(TRUTH)
    auc = {
        name: domain_auc(*(c.fit(X, sample_domain=domain).transform(X), domain), c.transform(X2), domain2)
        for name in ("none", "lda", "mean", "leace", "random")
        for c in [make_correction(name, **({} if name == "none" else {"standardize": "none"}))]
    }
    assert auc["none"] > 0.99
    assert auc["lda"] > 0.99
    assert auc["random"] > 0.99
    assert abs(auc["mean"] - 0.5) < 0.05  # two standard errors of an AUC from 667 and 1,333 clips
    assert abs(auc["leace"] - 0.5) < 0.05


def test_where_features_are_round_the_normal_hides_the_domain_too() -> None:
    X, domain, X2, domain2 = halves(planted(16, round_=True))
    assert domain_auc(X, domain, X2, domain2) > 0.99
    lda = DomainProjection(standardize="none").fit(X, sample_domain=domain)
    assert domain_auc(lda.transform(X), domain, lda.transform(X2), domain2) < 0.6


@pytest.mark.parametrize("standardize", ["none", "pooled"])
@pytest.mark.parametrize("k", [2, 3])
def test_after_the_mean_difference_the_training_means_coincide(standardize: str, k: int) -> None:
    X, domain = planted(12, k=k).draw(300, np.random.default_rng(0))
    cleaned = make_correction("mean", standardize=standardize).fit_transform(X, sample_domain=domain)
    means = np.stack([cleaned[domain == name].mean(0) for name in "abc"[:k]])
    assert np.ptp([X[domain == name].mean(0) for name in "abc"[:k]], axis=0).max() > 1
    np.testing.assert_allclose(means - means[0], 0, atol=1e-12 * np.abs(X).max())


@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from(["lda", "mlda", "mean", "klda", "mklda", "leace", "coral", "zscore", "k", "random"]),
    st.integers(0, 99),
)
def test_order_of_clips_does_not_matter_and_a_seed_is_kept(method: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, domain = planted(6).draw(80, rng)
    genre = np.array(["x", "y"])[rng.integers(0, 2, 80)]
    order = rng.permutation(80)
    options = {"min_per_side": 2} if "m" in method and "lda" in method else {}
    first, again, other = (make_correction(method, **options) for _ in range(3))
    found = first.fit_transform(X, sample_domain=domain, strata=genre)
    np.testing.assert_array_equal(again.fit_transform(X, sample_domain=domain, strata=genre), found)
    other.fit(X[order], sample_domain=domain[order], strata=genre[order])
    np.testing.assert_allclose(other.transform(X, sample_domain=domain), found, atol=1e-7)


def test_rows_are_corrected_each_by_itself() -> None:
    X, domain = planted(8).draw(9000, np.random.default_rng(0))  # more than are corrected at once
    for method in ("lda", "klda"):
        correction = make_correction(method, **({"n_features": 10} if method == "klda" else {}))
        whole = correction.fit(X[:500], sample_domain=domain[:500]).transform(X)
        np.testing.assert_allclose(whole[4095:4098], correction.transform(X[4095:4098]), atol=1e-12)


# The kernel variants and their standardisations.


def mapped(correction: DomainProjection, Z: np.ndarray) -> np.ndarray:
    assert correction.map_ is not None
    return correction.map_(Z)


@pytest.mark.parametrize("kernel", ["rff", "fastfood", "nystroem"])
def test_klda_is_lda_of_the_mapped_clips(kernel: str) -> None:
    X, domain = planted(8).draw(200, np.random.default_rng(0))
    klda = make_correction("klda", kernel=kernel, n_features=64).fit(X, sample_domain=domain)
    F = mapped(klda, StandardScaler().fit_transform(X))
    w = lda_direction(F, domain)
    np.testing.assert_allclose(klda.transform(X), F - np.outer(F @ w, w) / (w @ w), atol=1e-10)
    k = make_correction("k", kernel=kernel, n_features=64).fit(X, sample_domain=domain)
    np.testing.assert_allclose(k.transform(X), F, atol=1e-12)
    assert (k.n_removed_, klda.n_removed_) == (0, 1)


def test_published_kernel_variants_fit_each_domain_by_its_own_scale_and_apply_the_sources() -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(8).draw(300, rng)
    genre = np.array(["x", "y"])[rng.integers(0, 2, 300)]
    published = make_correction(
        "mklda", kernel="fastfood", standardize="per_domain_fit_source_apply", source="b", min_variance=0.0
    ).fit(X, sample_domain=domain, strata=genre)
    scalers = {name: StandardScaler().fit(X[domain == name]) for name in "ab"}
    Z = np.where((domain == "a")[:, None], scalers["a"].transform(X), scalers["b"].transform(X))
    W = stratum_directions(mapped(published, Z), domain, genre).rows
    V = np.linalg.svd(W, full_matrices=False)[2].T
    F = mapped(published, scalers["b"].transform(X))  # the target too: another space than the one seen in fit
    np.testing.assert_allclose(published.transform(X), F - F @ V @ V.T, atol=1e-10)
    assert published.map_.n_features == 8 * 8  # type: ignore[union-attr]


def test_per_domain_standardises_each_clip_by_its_own_domain() -> None:
    X, domain = planted(8).draw(300, np.random.default_rng(0))
    per_domain = make_correction("k", standardize="per_domain", n_features=32).fit(X, sample_domain=domain)
    Z = np.concatenate([StandardScaler().fit_transform(X[domain == name]) for name in "ab"])
    order = np.argsort(domain, kind="stable")
    F = per_domain.transform(X[order], sample_domain=domain[order])
    np.testing.assert_allclose(F, mapped(per_domain, Z), atol=1e-10)
    with pytest.raises(InputError, match=r"transform\(X, sample_domain="):
        per_domain.transform(X)
    with pytest.raises(InputError, match="row 1 is of 'z'"):
        per_domain.transform(X[:2], sample_domain=["a", "z"])
    unseen = make_correction("k", standardize="per_domain", n_features=32, unseen="pooled").fit(X, sample_domain=domain)
    pooled = make_correction("k", n_features=32, sigma=1.0).fit(X, sample_domain=domain)
    F = unseen.transform(X[:3], sample_domain=["z", "z", "z"])
    assert pooled.scaling_ is not None
    np.testing.assert_allclose(F, mapped(unseen, pooled.scaling_.pooled(X[:3])), atol=1e-12)


def test_per_domain_without_a_kernel_gives_all_domains_one_mean_and_spread_in_the_clips_units() -> None:
    X, domain = planted(8).draw(300, np.random.default_rng(0))
    X[:, 2] = 5.0
    linear = DomainProjection(direction="none", standardize="per_domain").fit(X, sample_domain=domain)
    out = linear.transform(X, sample_domain=domain)
    for name in "ab":
        np.testing.assert_allclose(out[domain == name].mean(0), X.mean(0), atol=1e-10)
        np.testing.assert_allclose(out[domain == name].std(0), X.std(0), atol=1e-10)
    np.testing.assert_array_equal(out[:, 2], 5.0)


def test_random_directions_are_the_control_and_leave_the_rest() -> None:
    X, domain = planted(30).draw(200, np.random.default_rng(0))
    draws = [make_correction("random", n_directions=3, random_state=seed, standardize="none") for seed in range(5)]
    removed = [c.fit(X, sample_domain=domain).components_ for c in draws]
    assert all(len(each) == 3 for each in removed)
    assert not np.allclose(removed[0], removed[1])
    # No domain is looked at, so one alone will do.
    draws[0].fit(X, sample_domain=["a"] * 200)
    np.testing.assert_array_equal(draws[0].components_, removed[0])


def test_nothing_removed_is_the_clips_to_the_last_bit() -> None:
    X, domain = planted(5).draw(50, np.random.default_rng(0))
    X = X.astype(np.float32)
    out = make_correction("none").fit_transform(X, sample_domain=domain)
    np.testing.assert_array_equal(out, X)
    assert out.dtype == np.float32


def test_more_dimensions_than_clips_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    X, domain = rng.normal(size=(40, 700)), np.array(["a", "b"])[rng.integers(0, 2, 40)]
    X[domain == "b", 0] += 5
    S = sum(
        (domain == name).mean()
        * (scale := StandardScaler().fit(X[domain == name])).scale_[:, None]
        * LedoitWolf().fit(scale.transform(X[domain == name])).covariance_
        * scale.scale_
        for name in "ab"
    )
    w = np.linalg.solve(S, X[domain == "b"].mean(0) - X[domain == "a"].mean(0))
    lda = DomainProjection(standardize="none").fit(X, sample_domain=domain)
    np.testing.assert_allclose(lda.directions_[0], w, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ({}, {"sample_domain": ["a"] * 20}, "two of them"),
        ({}, {"sample_domain": ["a"] * 19}, "one value a clip"),
        ({}, {"sample_domain": ["a", None] * 10}, "missing for 10 clips"),
        ({"per_stratum": True}, {}, "needs strata"),
        ({"per_stratum": True}, {"strata": ["x"] * 3}, "strata needs one value a clip"),
        ({"per_stratum": True}, {"strata": ["x"] * 10 + ["y"] * 10}, "no stratum of 2"),
        ({"direction": "ldaa"}, {}, "choose 'lda', 'mean', 'random' or 'none'"),
        ({"kernel": "rbf"}, {}, "choose 'rff', 'fastfood', 'nystroem' or None"),
        ({"shrinkage": "full"}, {}, "choose 'auto' or a number"),
        ({"shrinkage": 1.5}, {}, "from 0 to 1"),
        ({"min_per_side": 2.5}, {}, "choose a whole number"),
        ({"per_stratum": 1}, {}, "choose True or False"),
        ({"random_state": -1}, {}, "must not be negative"),
        ({"standardize": "both"}, {}, "choose 'none', 'pooled', 'per_domain' or"),
        ({"standardize": "per_domain_fit_source_apply"}, {}, "needs source, one of the domains a, b"),
        ({"standardize": "per_domain_fit_source_apply", "source": "c"}, {}, "none of the domains a, b"),
        ({"direction": "random", "n_directions": 9}, {}, "1 to 4"),
    ],
)
def test_bad_input_is_said_in_one_sentence(options: dict[str, object], data: dict[str, object], words: str) -> None:
    X = np.random.default_rng(0).normal(size=(20, 4))
    given = {"sample_domain": ["a"] * 10 + ["b"] * 10, **data}
    with pytest.raises(InputError, match=words) as caught:
        DomainProjection(**options).fit(X, **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_clips_that_cannot_be_used_are_said_in_one_sentence() -> None:
    domain = ["a", "b"] * 10
    with pytest.raises(InputError, match="20 clips: is the encoder broken"):
        DomainProjection().fit(np.ones((20, 4)), sample_domain=domain)
    X = np.random.default_rng(0).normal(size=(20, 4))
    X[7, 1] = np.inf
    with pytest.raises(InputError, match="row 7"):
        DomainProjection().fit(X, sample_domain=domain)
    fitted = DomainProjection().fit(np.delete(X, 7, 0), sample_domain=np.delete(domain, 7))
    with pytest.raises(InputError, match="row 7"):
        fitted.transform(X)
    with pytest.raises(ValueError, match="expecting 4 features"):
        fitted.transform(X[:, :3])
    with pytest.raises(TypeError, match="sample_domain"):
        DomainProjection().fit(X)  # type: ignore[call-arg]


def test_names_that_do_not_exist_are_corrected() -> None:
    with pytest.raises(InputError, match="Did you mean 'mklda'"):
        make_correction("mkldaa")
    with pytest.raises(InputError, match="There are none, lda"):
        make_correction("xyz")
    with pytest.raises(InputError, match="leace has no option 'kernel'"):
        make_correction("leace", kernel="rff")
