"""Statements about linear maps that were planted, and about none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from scipy.stats import ortho_group
from sklearn.linear_model import LinearRegression, Ridge

from earwitness.audio.perturbations import PitchShift, TempoShift
from earwitness.audits import linear_maps
from earwitness.audits._linear_families import FAMILIES, LinearMap, Source, folds_of
from earwitness.audits._linear_scores import consistency, fit_all, score
from earwitness.errors import InputError
from earwitness.results import AuditResult

D = 6
FEW = {"shuffles": 5, "n_resamples": 200}


def source_of(X):
    return Source(X, folds_of(len(X), np.arange(len(X)) % 5))


def clips(n=60, d=D, seed=0):
    """Dimensions of unequal spread, off the origin."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 3, d) + rng.normal(size=d)


def planted(name, seed=3, d=D):
    """A and b of one family, in general position."""
    rng = np.random.default_rng(seed)
    eye, b, Q = np.eye(d), rng.normal(size=d), ortho_group.rvs(d, random_state=seed)
    return {
        "identity": (eye, 0 * b),
        "translation": (eye, b),
        "uniform scaling": (1.7 * eye, b),
        "non-uniform scaling": (np.diag(rng.normal(size=d) + 2), b),
        "orthogonal": (Q, 0 * b),
        "scaled orthogonal": (2.3 * Q, 0 * b),
        "centred scaled orthogonal": (0.4 * Q, b),
        "affine": (rng.normal(size=(d, d)), b),
        "ridge affine": (rng.normal(size=(d, d)), b),
        "low-rank affine": (rng.normal(size=(d, 2)) @ rng.normal(size=(2, d)), b),
        "low-rank change": (eye + rng.normal(size=(d, 1)) @ rng.normal(size=(1, d)), b),
    }[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_planted_map_is_recovered_where_there_is_no_noise(name):
    X = clips()
    A, b = planted(name)
    found = FAMILIES[name](source_of(X), X @ A.T + b)
    np.testing.assert_allclose(found.matrix, A, atol=1e-6)
    np.testing.assert_allclose(found.offset, b, atol=1e-6)
    np.testing.assert_allclose(found(X), X @ A.T + b, atol=1e-6)


def test_the_rank_that_was_planted_is_chosen():
    X = clips(200, 10)
    rng = np.random.default_rng(1)
    for rank in (1, 2, 3, 5):
        A = rng.normal(size=(10, rank)) @ rng.normal(size=(rank, 10))
        Y = X @ A.T + rng.normal(size=(200, 10))
        assert FAMILIES["low-rank affine"](source_of(X), Y).rank == rank
        assert FAMILIES["low-rank change"](source_of(X), X + Y).rank == rank


@pytest.mark.parametrize(
    ("name", "shape"),
    [("uniform scaling", lambda p: p[0] * np.eye(3)), ("non-uniform scaling", lambda p: np.diag(p[:3]))],
)
def test_closed_forms_equal_numerical_optimisation(name, shape):
    X, rng = clips(20, 3), np.random.default_rng(5)
    Y = X @ rng.normal(size=(3, 3)) + rng.normal(size=(20, 3))

    def loss(p):
        return np.square(X @ shape(p).T + p[3:] - Y).sum()

    best = minimize(loss, np.ones(6), method="BFGS", options={"gtol": 1e-10})
    found = FAMILIES[name](source_of(X), Y)
    assert np.square(found(X) - Y).sum() == pytest.approx(best.fun, rel=1e-9)


@pytest.mark.parametrize("name", ["scaled orthogonal", "centred scaled orthogonal"])
def test_no_other_rotation_and_scale_does_better(name):
    X, rng = clips(15, 3), np.random.default_rng(5)
    Y = X @ rng.normal(size=(3, 3)) + rng.normal(size=(15, 3))

    def loss(p, mirror):
        offset = p[4:] if name.startswith("centred") else 0
        return np.square(p[0] * X @ Rotation.from_rotvec(p[1:4]).as_matrix() @ np.diag([1, 1, mirror]) + offset - Y)

    found = np.square(FAMILIES[name](source_of(X), Y)(X) - Y).sum()
    starts = rng.normal(size=(8, 7))
    others = [minimize(lambda p, m=m: loss(p, m).sum(), s, method="BFGS").fun for s in starts for m in (1, -1)]
    assert found == pytest.approx(min(others), rel=1e-6)  # the optimiser stops at a gradient of 1e-5


def test_affine_and_ridge_equal_scikit_learn():
    X, rng = clips(30, 5), np.random.default_rng(2)
    Y = X @ rng.normal(size=(5, 5)) + rng.normal(size=(30, 5))
    np.testing.assert_allclose(FAMILIES["affine"](source_of(X), Y).matrix, LinearRegression().fit(X, Y).coef_)
    source = source_of(X)
    found = FAMILIES["ridge affine"](source, Y)
    penalties = np.logspace(-10, 3, 27) * source.unit
    errors = [
        sum(np.square(Ridge(p).fit(X[a], Y[a]).predict(X[b]) - Y[b]).sum() for a, b in source.folds) for p in penalties
    ]
    # In a fold the penalty is a multiple of that fold's own unit, so neighbours on the grid may win.
    near = [Ridge(p).fit(X, Y).coef_ for p in penalties[max(0, np.argmin(errors) - 1) : np.argmin(errors) + 2]]
    assert min(np.abs(found.matrix - coefficients).max() for coefficients in near) < 1e-8


def test_fewer_clips_than_dimensions_leave_a_rotation_as_still_as_it_can_be():
    X = np.zeros((3, 6))
    X[:, :3] = np.random.default_rng(0).normal(size=(3, 3))
    turn = np.eye(6)
    turn[:2, :2] = [[0, -1], [1, 0]]
    found = FAMILIES["orthogonal"](source_of(X), X @ turn.T).matrix
    np.testing.assert_allclose(found, turn, atol=1e-12)  # nothing is known of the last three dimensions


@given(st.integers(0, 2**32 - 1), st.integers(4, 12), st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_the_error_in_training_falls_along_the_nested_families(seed, n, d):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(2, n, d)) + 1
    nested = ("identity", "translation", "uniform scaling", "non-uniform scaling", "affine")
    errors = [np.square(FAMILIES[name](source_of(X), Y)(X) - Y).sum() for name in nested]
    assert (np.diff(errors) <= 1e-9).all()
    rigid = ("orthogonal", "scaled orthogonal", "centred scaled orthogonal", "affine")
    errors = [np.square(FAMILIES[name](source_of(X), Y)(X) - Y).sum() for name in rigid]
    assert (np.diff(errors) <= 1e-9).all()
    turned = FAMILIES["orthogonal"](source_of(X), Y).matrix
    np.testing.assert_allclose(turned @ turned.T, np.eye(d), atol=1e-9)


@pytest.mark.parametrize(
    "name", ["translation", "uniform scaling", "non-uniform scaling", "scaled orthogonal", "affine", "low-rank change"]
)
def test_the_right_family_has_the_least_held_out_error_where_there_is_noise(name):
    X = clips(150, 10)
    A, b = planted(name, d=10)
    if name == "affine":
        A = A + 3 * np.eye(10)
    Y = X @ A.T + b + 0.3 * np.random.default_rng(1).normal(size=X.shape)
    found = fit_all(X, Y, None, 0, 0)
    errors = {family: fitted.held_out.errors.mean() for family, fitted in found.items()}
    chosen = min(errors, key=errors.__getitem__)
    # A penalty that is chosen may do as well as none, and centring as well as not.
    twins = {"affine": {"affine", "ridge affine", "low-rank affine", "low-rank change"}}
    assert chosen in twins.get(name, {name}), errors


def test_an_affine_map_is_over_fitted_where_clips_are_hardly_more_than_dimensions():
    # The printed Table 2: isotropic inputs, and noise such that uniform scaling has 4.3 on unseen clips.
    rng = np.random.default_rng(0)
    n, d = 80, 60
    X = rng.normal(size=(n, d)) * 3
    Y = 0.8 * X + np.sqrt(4.3) * rng.normal(size=(n, d))
    found = fit_all(X, Y, None, 0, 0)
    held = {name: fitted.held_out.errors.mean() for name, fitted in found.items()}
    seen = {name: fitted.train.errors.mean() for name, fitted in found.items()}
    for simple in ("translation", "uniform scaling", "non-uniform scaling", "scaled orthogonal"):
        assert held["affine"] > 2 * held[simple]
        assert seen["affine"] < seen[simple]
    assert held["ridge affine"] < held["affine"] / 2
    assert held["uniform scaling"] == pytest.approx(4.3, rel=0.1)


def test_the_nearest_neighbour_is_counted_by_hand():
    targets = np.array([[0.0], [1.0], [1.0], [5.0]])
    images = np.array([[0.2], [1.1], [4.0]])
    found = score(images, targets, np.array([0, 1, 3]))
    assert found.hit.tolist() == [True, False, True]  # the second has a twin that is as near
    np.testing.assert_allclose(found.errors[:, 0], [0.04, 0.01, 1.0])


def test_clips_that_move_alike_agree_and_others_do_not():
    X = clips(50)
    assert consistency(X, X + np.arange(1, D + 1), None) == pytest.approx(np.ones(50))
    rng = np.random.default_rng(0)
    apart = [consistency(X, X + rng.normal(size=X.shape), None).mean() for _ in range(200)]
    # Without the clip itself in the mean there is no bias upwards; the limit is four standard errors.
    assert abs(np.mean(apart)) < 4 * np.std(apart) / np.sqrt(200)
    assert np.isnan(consistency(X, X, None)).all()


FASTER = TempoShift(1.5)


def pairs(embed_rows, changed, X, Y, change=FASTER, encoder="planted", **columns):
    plain = embed_rows(X, encoder=encoder, **columns)
    return plain, replace(changed(plain, Y), perturbation=change.record())


def test_a_planted_map_is_found_and_one_that_is_not_there_is_not(embed_rows, changed):
    X, rng = clips(80), np.random.default_rng(1)
    A, b = planted("scaled orthogonal")
    plain, there = pairs(embed_rows, changed, X, X @ A.T + b + 0.1 * rng.normal(size=X.shape))
    _, lost = pairs(embed_rows, changed, X, rng.normal(size=X.shape), PitchShift(702))
    result = linear_maps(plain, [there, lost], **FEW)
    assert [verdict.status for verdict in result.verdicts] == ["holds", "breaks"]
    assert result.verdicts[0].title == "Linear map of tempo +50 %"
    assert result.estimate("R2 of the best map", of="tempo +50 %").low > 0.9
    where = {"perturbation": "pitch +702 cents"}
    assert result.estimate("R2", map="ridge affine", data="held out", **where).high < 0.1
    assert result.estimate("NN accuracy", map="affine", data="held out", **where).low < 1 / 80
    assert result.estimate("chance", of="NN accuracy", **where).value == 1 / 80
    for name in FAMILIES:
        luck = result.estimate("NN accuracy", map=name, data="shuffled", perturbation="tempo +50 %")
        assert luck.value < 0.1
    assert len(result.items) == 80 * 2 * len(FAMILIES)


def test_encoders_are_compared_on_the_same_clips(embed_rows, changed):
    X, rng = clips(60), np.random.default_rng(1)
    good = pairs(embed_rows, changed, X, X + 0.1 * rng.normal(size=X.shape))
    bad = pairs(embed_rows, changed, X, X + 3 * rng.normal(size=X.shape), encoder="noisy")
    control = AuditResult.from_json(linear_maps(bad[0], [bad[1]], role="control", **FEW).to_json())
    result = linear_maps(good[0], [good[1]], controls=[control], **FEW)
    assert result.estimate("difference", of="R2", control="noisy").low > 0.1
    assert "noisy" in result.verdicts[0].controls
    twin = replace(linear_maps(good[0], [good[1]], **FEW), encoder="twin")
    same = linear_maps(good[0], [good[1]], controls=[twin], **FEW).estimate("difference", of="R2", control="twin")
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_groups_are_never_on_both_sides_of_a_fold(embed_rows, changed):
    # Ten artists whose clips are all but the same: without groups a map could learn each by heart.
    rng = np.random.default_rng(0)
    member = np.repeat(np.arange(10), 6)
    X = rng.normal(size=(10, 30))[member] + 0.01 * rng.normal(size=(60, 30))
    Y = rng.normal(size=(10, 30))[member] + 0.01 * rng.normal(size=(60, 30))
    plain, other = pairs(embed_rows, changed, X, Y, artist=[f"a{k}" for k in member])
    where = {"map": "ridge affine", "data": "held out"}
    assert linear_maps(plain, [other], **FEW).estimate("R2", **where).value > 0.9
    assert linear_maps(plain, [other], group="artist", **FEW).estimate("R2", **where).value < 0.1


def test_the_same_seed_gives_the_same_numbers_and_axes_can_be_reduced(embed_rows, changed):
    X = clips(40)
    plain, other = pairs(embed_rows, changed, X, X * 1.5 + np.random.default_rng(0).normal(size=X.shape))
    first, second = (linear_maps(plain, [other], seed=4, **FEW) for _ in range(2))
    assert first.table.equals(second.table)
    assert first.items.equals(second.items)
    all_axes = linear_maps(plain, [other], axes=D, seed=4, **FEW)
    where = {"map": "affine", "data": "held out"}
    # Turned into its principal axes, a free map is the same map.
    assert all_axes.estimate("R2", **where).value == pytest.approx(first.estimate("R2", **where).value)
    assert linear_maps(plain, [other], axes=2, **FEW).parameters["axes"] == 2


def test_bad_input_is_said_in_a_sentence(embed_rows, changed):
    X = clips(12)
    plain, other = pairs(embed_rows, changed, X, X + 1)
    with pytest.raises(InputError, match="need embeddings of changed clips"):
        linear_maps(plain, [])
    with pytest.raises(InputError, match="'tempo \\+50 %' is there twice"):
        linear_maps(plain, [other, other])
    with pytest.raises(InputError, match="9 have a version under 'tempo \\+50 %': give 10 or more"):
        linear_maps(plain, [other.take(np.arange(9))])
    with pytest.raises(InputError, match="the clips as they are all the same vector"):
        linear_maps(*(lambda a, b: (a, [b]))(*pairs(embed_rows, changed, np.full((12, 3), 0.1), X[:, :3])))
    with pytest.raises(InputError, match="no 20 principal axes: ask for 1 to 6"):
        linear_maps(plain, [other], axes=20)
    with pytest.raises(InputError, match="use one encoder for both"):
        linear_maps(plain, [replace(other, encoder="another")])
    with pytest.raises(InputError, match="not finite"):
        linear_maps(*(lambda a, b: (a, [b]))(*pairs(embed_rows, changed, np.where(X > 2, np.nan, X), X)))


def test_a_map_applies_as_its_matrix_says():
    X = clips(5, 3)
    for scale in (np.asarray(2.0), np.arange(3.0), np.arange(9.0).reshape(3, 3)):
        found = LinearMap(scale, np.ones(3))
        np.testing.assert_allclose(found(X), X @ found.matrix.T + 1)
