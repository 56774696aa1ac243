"""Label factors: what must be true of topics, mixtures and term weights, whatever the labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.mixture import GaussianMixture

from earwitness.learning.label_factors.mixtures import effective_components, fit_mixture
from earwitness.learning.label_factors.plsa import fit_plsa, fold_in
from earwitness.learning.label_factors.terms import (
    inverse_document_frequency,
    read_names,
    sum_by_group,
    term_matrix,
    tf_idf,
)

# Made by a dense implementation of the two explicit steps of EM in numpy 2.4; see the file's own description.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "multisource" / "plsa.json").read_text())
START = np.array(ORACLE["init"]["p_z_given_d"]), np.array(ORACLE["init"]["p_w_given_z"])
COUNTS = sp.csr_matrix(np.array(ORACLE["counts"]))
EXACT = {"rtol": 0, "atol": ORACLE["tolerance"]}


@pytest.mark.parametrize("steps", [1, 10, 100])
def test_topics_are_those_of_the_oracle_after_so_many_steps(steps: int) -> None:
    fit = fit_plsa(COUNTS, 3, steps=steps, start=START)
    expected = ORACLE["after"][str(steps)]
    np.testing.assert_allclose(fit.documents, expected["p_z_given_d"], **EXACT)
    np.testing.assert_allclose(fit.terms, expected["p_w_given_z"], **EXACT)
    assert fit.log_likelihood[-1] == pytest.approx(expected["log_likelihood"], abs=1e-9)


def test_the_likelihood_is_the_oracle_s_step_by_step_and_never_falls() -> None:
    trace = fit_plsa(COUNTS, 3, steps=len(ORACLE["log_likelihood_trace"]) - 1, start=START).log_likelihood
    np.testing.assert_allclose(trace, ORACLE["log_likelihood_trace"], **EXACT)
    assert (np.diff(trace) >= -1e-12 * abs(trace[0])).all()


def test_weights_need_not_be_whole_numbers() -> None:
    case = ORACLE["weighted_counts"]
    fit = fit_plsa(sp.csr_matrix(np.array(case["counts"])), 3, steps=1, start=START)
    np.testing.assert_allclose(fit.documents, case["after_1"]["p_z_given_d"], **EXACT)
    np.testing.assert_allclose(fit.terms, case["after_1"]["p_w_given_z"], **EXACT)


@pytest.mark.parametrize("steps", [1, 10, 100])
def test_new_documents_are_folded_in_and_an_empty_one_keeps_equal_shares(steps: int) -> None:
    case = ORACLE["fold_in"]
    terms = np.array(ORACLE["after"]["100"]["p_w_given_z"])
    folded = fold_in(sp.csr_matrix(np.array(case["counts"])), terms, steps=steps)
    expected = case["after"][str(steps)]
    np.testing.assert_allclose(folded, expected["p_z_given_d"] if isinstance(expected, dict) else expected, **EXACT)
    np.testing.assert_array_equal(folded[2], 1 / 3)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_the_likelihood_of_any_weights_never_falls_and_rows_stay_distributions(seed: int, topics: int) -> None:
    rng = np.random.default_rng(seed)
    weights = sp.csr_matrix(rng.exponential(size=(9, 7)) * (rng.random((9, 7)) < 0.4))
    fit = fit_plsa(weights, topics, seed=seed, steps=30)
    assert (np.diff(fit.log_likelihood) >= -1e-12 * np.abs(fit.log_likelihood[:-1]) - 1e-12).all()
    np.testing.assert_allclose(fit.documents.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(fit.terms.sum(1), 1, rtol=1e-12)


def test_topics_of_separate_words_are_found() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [30, 20, 10])
    counts = np.zeros((60, 12))
    for row, g in enumerate(group):
        counts[row, 4 * g : 4 * g + 4] = rng.poisson(3, 4) + 1
    fit = fit_plsa(sp.csr_matrix(counts), 3, seed=1)
    owner = fit.documents.argmax(1)
    assert len({(g, o) for g, o in zip(group, owner, strict=True)}) == 3
    assert fit.documents.max(1).min() > 0.99


def test_a_tolerance_ends_the_steps_early() -> None:
    assert len(fit_plsa(COUNTS, 3, start=START, tolerance=1e-3).log_likelihood) < 20
    assert len(fit_plsa(COUNTS, 3, start=START).log_likelihood) == 101


def test_responsibilities_are_those_of_scikit_learn_with_components_in_order() -> None:
    values = np.random.default_rng(3).normal([-4, 1, 3], [1, 0.3, 0.5], (80, 3)).ravel()
    mixture = fit_mixture(values, 3, resolution=0.02)
    model = GaussianMixture(3, reg_covar=0.02**2, random_state=0).fit(values[:, None])
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(
        mixture.responsibilities(values), model.predict_proba(values[:, None])[:, order], atol=1e-9
    )
    assert (np.diff(mixture.means) > 0).all()
    assert np.isnan(mixture.responsibilities(np.array([np.nan, 0.0]))[0]).all()


def test_no_component_is_narrower_than_the_resolution() -> None:
    years = np.repeat(np.arange(1960, 2000.0), 20)
    mixture = fit_mixture(years, 40, resolution=1.0)
    assert mixture.deviations.min() >= 1.0 - 1e-9
    assert mixture.responsibilities(np.array([1e6])).sum() == pytest.approx(1)


def test_outputs_are_as_many_as_the_data_bear() -> None:
    assert effective_components(50, 23, 400) == 23
    assert effective_components(50, 400, 400) == 40
    assert effective_components(50, 400, 4000) == 50
    assert effective_components(50, 400, 5) == 2


def test_weights_stand_behind_a_colon_and_repeated_names_add_up() -> None:
    assert read_names("rock:0.5|drum: n bass|rock:2|: 3||x:0") == {"rock": 2.5, "drum: n bass": 1.0, ": 3": 1.0}
    assert read_names(float("nan")) == read_names("") == {}


def test_the_vocabulary_is_that_of_the_documents_fitted_on() -> None:
    found = term_matrix([{"b": 2.0}, {"a": 1.0, "b": 1.0}, {"c": 5.0}], np.array([True, True, False]))
    assert found.vocabulary == ("a", "b")
    np.testing.assert_array_equal(found.weights.toarray(), [[0, 2], [1, 1], [0, 0]])


def test_tf_idf_is_scikit_learn_s() -> None:
    counts = sp.csr_matrix(np.random.default_rng(0).poisson(0.7, (20, 9)).astype(float))
    fitted = TfidfTransformer().fit(counts)
    idf = inverse_document_frequency(counts)
    np.testing.assert_allclose(idf, fitted.idf_, rtol=1e-14)
    np.testing.assert_allclose(tf_idf(counts, idf).toarray(), fitted.transform(counts).toarray(), rtol=1e-12)


def test_an_artist_s_vector_is_the_sum_over_the_artist_s_clips() -> None:
    weights = sp.csr_matrix(np.array([[1.0, 0], [2, 5], [0, 7], [100, 100]]))
    total = sum_by_group(weights, np.array([1, 0, 1, -1]), 3)
    np.testing.assert_array_equal(total.toarray(), [[2, 5], [1, 7], [0, 0]])
