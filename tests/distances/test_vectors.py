"""Distances between embeddings: closed forms, exact zeros, ties, and `nearest` against the whole matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earwitness.distances import cosine_matrix, euclidean_matrix, nearest, neighbours
from earwitness.errors import InputError

brief = settings(max_examples=40, deadline=None)  # the first call of a kernel may have to compile it

coordinates = st.floats(-1e3, 1e3, width=32)
embeddings = st.tuples(st.integers(1, 7), st.just(3)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=coordinates)
)
directions = embeddings.filter(lambda X: (np.abs(X).max(axis=1) > 1e-3).all())


def test_the_sides_of_a_right_triangle():
    np.testing.assert_array_equal(euclidean_matrix([[0, 0], [3, 0]], [[3, 4]]), [[5], [4]])


def test_orthogonal_embeddings_are_at_cosine_distance_one_and_opposite_ones_at_two():
    np.testing.assert_allclose(cosine_matrix([[1, 1]], [[1, -1], [-5, -5], [7, 7]]), [[1, 2, 0]], rtol=0, atol=1e-15)


@brief
@given(directions, directions)
def test_cosine_distance_is_one_minus_the_cosine(A, B):
    a, b = A.astype(float), B.astype(float)
    written_out = [[1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v)) for v in b] for u in a]
    np.testing.assert_allclose(cosine_matrix(A, B), written_out, rtol=0, atol=1e-14)  # the oracle itself cancels


@brief
@given(directions)
def test_an_embedding_is_at_distance_exactly_zero_from_itself(X):
    assert (np.diag(euclidean_matrix(X, X)) == 0).all()
    assert (np.diag(cosine_matrix(X, X)) == 0).all()


@brief
@given(directions, st.floats(1e-3, 1e3))
def test_cosine_distance_does_not_notice_loudness(X, gain):
    assert (np.diag(cosine_matrix(gain * X.astype(float), X)) == 0).all()


@brief
@given(directions, directions)
def test_distances_are_symmetric_to_the_last_bit_and_follow_permutations(A, B):
    for matrix in (euclidean_matrix, cosine_matrix):
        np.testing.assert_array_equal(matrix(A, B), matrix(B, A).T)
        np.testing.assert_array_equal(matrix(A[::-1], B), matrix(A, B)[::-1])


def test_equal_rows_are_at_equal_distances_wherever_they_stand():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(23, 301)), rng.normal(size=(17, 301))
    B[[2, 9, 16]] = B[5]
    for matrix in (euclidean_matrix, cosine_matrix):
        D = matrix(A, B)
        np.testing.assert_array_equal(D[:, [2, 9, 16]], D[:, [5, 5, 5]])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_nearest_is_the_minimum_of_the_matrix_in_blocks_of_any_size(metric, monkeypatch):
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(31, 5)), rng.normal(size=(12, 5))
    B[7] = B[3]
    A[4] = B[7]
    D = {"euclidean": euclidean_matrix, "cosine": cosine_matrix}[metric](A, B)
    for rows in (1, 4, 100):
        monkeypatch.setattr(neighbours, "BLOCK_BYTES", rows * 8 * len(B))
        index, distance = nearest(A, B, metric)
        np.testing.assert_array_equal(index, D.argmin(axis=1))
        np.testing.assert_array_equal(distance, D.min(axis=1))
    assert index[4] == 3
    assert distance[4] == 0


def test_very_long_embeddings_have_a_direction():
    np.testing.assert_allclose(cosine_matrix([[1e300, 1e300]], [[0, 1e-300]]), [[1 - 0.5**0.5]])


@pytest.mark.parametrize(
    ("A", "B", "message"),
    [
        ([[1.0, 2.0]], [[1.0]], "2 and 1 dimensions"),
        ([[1.0], [np.nan]], [[1.0]], "embedding 1 of A has a value that is not finite"),
        ([[1.0]], [1.0], r"B has shape \(1,\)"),
        ([[1.0]], np.empty((0, 1)), "B is empty"),
    ],
)
def test_bad_embeddings_are_named(A, B, message):
    with pytest.raises(InputError, match=message):
        nearest(A, B)


def test_an_embedding_of_silence_has_no_direction():
    with pytest.raises(InputError, match="embedding 1 has length zero"):
        cosine_matrix([[1, 0], [0, 0]], [[1, 0]])


def test_an_unknown_metric_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="'manhattan' is unknown; use one of 'euclidean', 'cosine', 'dtw'"):
        nearest([[1.0]], [[1.0]], "manhattan")
