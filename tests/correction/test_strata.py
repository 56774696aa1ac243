"""Directions within strata, and strata that have clips of one domain only."""

import warnings

import numpy as np
import pytest
from planted_domains import degrees_between, planted
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from earwitness.correction import (
    DomainProjection,
    StratumDirections,
    cosine,
    lda_direction,
    mean_direction,
    stratum_directions,
)
from earwitness.errors import InputError

GENRES = np.array(["pop_rock", "jazz_blue", "classical", "country_folk"])


@pytest.fixture
def clips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four genres, one of which ("country_folk") has clips of domain "b" only, as the published cellos have."""
    rng = np.random.default_rng(0)
    X, domain = planted(12).draw(400, rng)
    genre = GENRES[rng.integers(0, 4, 400)]
    genre[(genre == "country_folk") & (domain == "a")] = "classical"
    return X, domain, genre


def test_each_row_is_the_discriminant_of_its_stratum(clips: tuple[np.ndarray, ...]) -> None:
    X, domain, genre = clips
    found = stratum_directions(X, domain, genre)
    assert found.strata == ("classical", "jazz_blue", "pop_rock")
    assert list(found.skipped) == ["country_folk"]
    assert found.skipped["country_folk"].startswith("0, ")
    for row, name in zip(found.rows, found.strata, strict=True):
        np.testing.assert_allclose(row, lda_direction(X[genre == name], domain[genre == name]), rtol=1e-12)
    means = stratum_directions(X, domain, genre, direction="mean").rows
    np.testing.assert_allclose(means[1], mean_direction(X[genre == "jazz_blue"], domain[genre == "jazz_blue"]))
    units = found.rows / np.linalg.norm(found.rows, axis=1, keepdims=True)
    np.testing.assert_allclose(found.singular_values, np.linalg.svd(units)[1], rtol=1e-12)
    assert found.condition == pytest.approx(found.singular_values[2] / found.singular_values[0])


def test_as_published_a_stratum_of_one_domain_gives_its_whitened_mean_and_no_domain_direction(
    clips: tuple[np.ndarray, ...],
) -> None:
    X, domain, genre = clips
    found = stratum_directions(X, domain, genre, on_degenerate="as_published")
    assert found.strata[1] == "country_folk"
    alone = genre == "country_folk"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its explained variance is 0 / 0; the coefficients come out
        theirs = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(X[alone], domain[alone]).coef_[0]
    np.testing.assert_allclose(found.rows[1], theirs, rtol=1e-9)
    # What shows the defect: far from the origin the row is far longer than one between domains, as those published.
    far = stratum_directions(X + 30, domain, genre, on_degenerate="as_published").rows
    lengths = np.linalg.norm(far, axis=1)
    assert lengths[1] > 5 * np.delete(lengths, 1).max()
    # And it points to where the clips are, not to the other domain.
    centred = stratum_directions(X - X[alone].mean(0), domain, genre, on_degenerate="as_published")
    np.testing.assert_allclose(centred.rows[1], 0, atol=1e-9)


def test_the_published_coefficients_show_the_defect_and_the_rank_does_not() -> None:
    from test_directions import ORACLES

    stored = np.load(ORACLES / "irmas_vggish_linear.npz")["W_classwise"]  # (10 instruments, 4 genres, 128)
    lengths = np.linalg.norm(stored, axis=2)
    degenerate = [(0, 3), (1, 3), (7, 3), (4, 2), (9, 2)]  # the zero cells of IRMAS by instrument and genre
    assert sorted(map(tuple, np.argwhere(lengths > 100).tolist())) == sorted(degenerate)
    for W in stored:
        assert np.linalg.matrix_rank(W.astype(float)) == 4


def test_degenerate_strata_can_be_an_error_or_stand_back_for_all_clips(clips: tuple[np.ndarray, ...]) -> None:
    X, domain, genre = clips
    with pytest.raises(InputError, match=r"'country_folk': 0, .* on_degenerate='skip'"):
        stratum_directions(X, domain, genre, on_degenerate="error")
    found = stratum_directions(X, domain, genre, on_degenerate="global_row")
    assert found.strata == ("classical", "jazz_blue", "pop_rock", "all")
    np.testing.assert_allclose(found.rows[-1], lda_direction(X, domain), rtol=1e-12)


def test_min_per_side_is_the_border(clips: tuple[np.ndarray, ...]) -> None:
    X, domain, genre = clips
    keep = np.flatnonzero((genre != "jazz_blue") | (domain == "b"))
    five = np.sort(np.concatenate([keep, np.flatnonzero((genre == "jazz_blue") & (domain == "a"))[:5]]))
    assert "jazz_blue" in stratum_directions(X[five], domain[five], genre[five]).strata
    assert "jazz_blue" in stratum_directions(X[five], domain[five], genre[five], min_per_side=6).skipped


def test_clips_without_a_stratum_are_left_out(clips: tuple[np.ndarray, ...]) -> None:
    X, domain, genre = clips
    some: np.ndarray = genre.astype(object)
    some[::7] = None
    some[1::7] = ""
    some[2::7] = np.nan
    has = np.array([isinstance(g, str) and g != "" for g in some])
    ours, plain = stratum_directions(X, domain, some), stratum_directions(X[has], domain[has], genre[has])
    np.testing.assert_array_equal(ours.rows, plain.rows)


def test_a_domain_that_is_missing_from_a_stratum_leaves_it_to_the_others() -> None:
    rng = np.random.default_rng(0)
    X, domain = planted(6, k=3).draw(300, rng)
    genre = np.array(["x", "y"])[rng.integers(0, 2, 300)]
    keep = ~((genre == "y") & (domain == "b"))
    found = stratum_directions(X[keep], domain[keep], genre[keep])
    assert found.strata == ("x", "x", "y")
    here = keep & (genre == "y")
    np.testing.assert_allclose(found.rows[2], lda_direction(X[here], domain[here]), rtol=1e-12)


def test_what_differs_in_one_genre_only_is_found_within_it() -> None:
    """A shift of opposite sign in two genres cancels over all clips, and only directions within genres see it."""
    rng = np.random.default_rng(0)
    n, shift = 4000, np.zeros(10)
    shift[0] = 3.0
    domain, genre = rng.integers(0, 2, n), rng.integers(0, 2, n)
    X = rng.normal(size=(n, 10)) + np.outer(domain * np.where(genre == 0, 1, -1), shift)
    rows = stratum_directions(X, domain, genre).rows
    assert degrees_between(rows[0], shift) < 5
    assert cosine(rows[0], rows[1]) < -0.99
    cleaned = DomainProjection(per_stratum=True, standardize="none").fit_transform(
        X, sample_domain=domain, strata=genre
    )
    for g in (0, 1):
        before = mean_direction(X[genre == g], domain[genre == g])
        after = mean_direction(cleaned[genre == g], domain[genre == g])
        assert np.linalg.norm(before) > 2.8
        assert np.linalg.norm(after) < 0.4


def test_a_stratum_directions_value_with_dependent_rows_says_so() -> None:
    rows = np.array([[1.0, 0], [1, 0]])
    found = StratumDirections(rows, ("x", "y"), {}, np.array([np.sqrt(2), 0.0]))
    assert found.condition == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_per_side": 1000}, "no stratum of 4"),
        ({"on_degenerate": "skp"}, "choose one of"),
        ({"direction": "x"}, "lda"),
    ],
)
def test_bad_input_is_said_in_one_sentence(
    clips: tuple[np.ndarray, ...], options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        stratum_directions(*clips, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
