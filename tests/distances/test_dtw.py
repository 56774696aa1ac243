"""Dynamic time warping: closed forms, a written-out loop, other programs' numbers, and what must hold for any clips."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earwitness.distances import dtw, dtw_matrix, fastdtw
from earwitness.errors import InputError

brief = settings(max_examples=25, deadline=None)  # the first call of a kernel may have to compile it

ORACLE = json.loads((Path(__file__).parents[1] / "oracles/distances/dtw.json").read_text())["pairs"]
FLOAT32 = 2e-6  # relative; float32 rounds each cell of a path once: 1e-6 was measured on music


def written_out(a, b):
    """Cost of the best path and the fewest cells of such a path, by the definition."""

    @cache
    def best(i, j):
        if i < 0 or j < 0:
            return (0.0, 0) if i == j == -1 else (np.inf, 0)
        cost, cells = min(best(i - 1, j), best(i, j - 1), best(i - 1, j - 1))
        return cost + np.sqrt(((a[i] - b[j]) ** 2).sum()), cells + 1

    a, b = np.asarray(a, float), np.asarray(b, float)
    return best(len(a) - 1, len(b) - 1)


def random_clips(rng, lengths, dims):
    return [np.cumsum(rng.normal(size=(n, dims)), axis=0).astype(np.float32) for n in lengths]


whole = st.integers(-9, 9).map(float)
clip = st.integers(1, 12).flatmap(lambda frames: arrays(np.float32, (frames, 2), elements=whole))


def test_two_held_notes_are_apart_by_their_interval_times_the_longer_one():
    for n, m in [(1, 1), (1, 7), (20, 6), (9, 33)]:
        a, b = np.full((n, 3), 1.0), np.full((m, 3), [1.0, 4.0, 5.0])
        assert dtw(a, b) == 5 * max(n, m)
        assert dtw(a, b, normalize="path") == 5


def test_playing_every_note_longer_changes_nothing():
    (a,) = random_clips(np.random.default_rng(0), [25], 4)
    assert dtw(a, np.repeat(a, 3, axis=0)) == 0
    assert dtw_matrix([np.repeat(a, 3, axis=0)], [a])[0, 0] == 0


@pytest.mark.parametrize("pair", ORACLE)
def test_librosa_and_dtaidistance_agree(pair):
    assert dtw(pair["a"], pair["b"]) == pytest.approx(pair["librosa"], rel=1e-12)
    assert dtw(pair["a"], pair["b"]) == pytest.approx(pair["dtaidistance"], rel=1e-12)


@pytest.mark.parametrize("pair", ORACLE)
def test_the_fastdtw_package_agrees_at_every_radius(pair):
    for radius, distance in pair["fastdtw"].items():
        assert fastdtw(pair["a"], pair["b"], radius=int(radius)) == pytest.approx(distance, rel=1e-12)


@brief
@given(clip, clip)
def test_the_distance_and_the_path_are_those_of_the_written_out_loop(a, b):
    total, cells = written_out(a, b)
    assert dtw(a, b) == pytest.approx(total, rel=1e-12)
    assert dtw(a, b, normalize="path") == pytest.approx(total / cells, rel=1e-12)


@pytest.mark.parametrize("dims", [1, 3, 24, 37])
def test_the_matrix_is_that_of_the_written_out_loop(dims):
    rng = np.random.default_rng(dims)
    A = random_clips(rng, [1, 5, 6, 7, 29], dims)
    B = random_clips(rng, [1, 2, 31, 30, 12, 13, 5, 6, 18, 25, 24, 3, 9, 9, 9, 11, 40, 1, 22], dims)
    expected = [[written_out(a, b)[0] for b in B] for a in A]
    np.testing.assert_allclose(dtw_matrix(A, B), expected, rtol=FLOAT32)


@brief
@given(st.lists(clip, min_size=1, max_size=20))
def test_the_matrix_of_a_set_with_itself_is_symmetric_with_a_zero_diagonal(clips):
    D = dtw_matrix(clips, clips)
    np.testing.assert_array_equal(D, D.T)
    assert (np.diag(D) == 0).all()


@brief
@given(st.lists(clip, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_the_order_and_the_company_of_clips_change_nothing(clips, random):
    order = random.sample(range(len(clips)), len(clips))
    D = dtw_matrix(clips, clips)
    np.testing.assert_array_equal(dtw_matrix(clips, [clips[i] for i in order]), D[:, order])
    np.testing.assert_array_equal(dtw_matrix([clips[i] for i in order], clips[:1]), D[order, :1])


@brief
@given(clip, clip)
def test_a_path_pays_at_least_for_both_ends(a, b):
    a, b = a.astype(float), b.astype(float)
    first, last = np.linalg.norm(a[0] - b[0]), np.linalg.norm(a[-1] - b[-1])
    ends = first + last if max(len(a), len(b)) > 1 else first
    assert dtw(a, b) >= ends * (1 - 1e-12)


@brief
@given(clip, clip, st.integers(1, 4))
def test_fastdtw_never_finds_a_better_path_and_with_a_wide_radius_the_best(a, b, radius):
    assert fastdtw(a, b, radius=radius) >= dtw(a, b) * (1 - 1e-12)
    assert fastdtw(a, b, radius=12) == pytest.approx(dtw(a, b), rel=1e-12)


def test_the_options_of_the_matrix_are_those_of_the_pair():
    rng = np.random.default_rng(3)
    A, B = random_clips(rng, [4, 15], 2), random_clips(rng, [7, 1, 20], 2)
    per_cell = [[dtw(a, b, normalize="path") for b in B] for a in A]
    np.testing.assert_allclose(dtw_matrix(A, B, normalize="path"), per_cell, rtol=1e-7)
    fast = [[fastdtw(a, b, radius=2) for b in B] for a in A]
    np.testing.assert_allclose(dtw_matrix(A, B, radius=2), fast, rtol=1e-7)


def test_the_number_of_threads_changes_nothing():
    rng = np.random.default_rng(4)
    A, B = random_clips(rng, rng.integers(1, 30, 70), 5), random_clips(rng, rng.integers(1, 30, 40), 5)
    one = dtw_matrix(A, B, jobs=1)
    for jobs in (2, 5, None):
        np.testing.assert_array_equal(dtw_matrix(A, B, jobs=jobs), one)


def test_float32_holds_on_long_loud_clips():
    rng = np.random.default_rng(5)
    A = [(1000 * clip + 5000).astype(np.float32) for clip in random_clips(rng, [400, 333], 24)]
    np.testing.assert_allclose(dtw_matrix(A, A[::-1]), [[dtw(a, b) for b in A[::-1]] for a in A], rtol=FLOAT32)


def test_no_clips_make_an_empty_matrix():
    assert dtw_matrix([], []).shape == (0, 0)
    assert dtw_matrix([[[1.0]]], []).shape == (1, 0)


@pytest.mark.parametrize(
    ("A", "B", "message"),
    [
        ([[[1.0]]], [[[1.0]], np.empty((0, 1))], r"clip 1 of B has shape \(0, 1\)"),
        ([[1.0, 2.0]], [[[1.0]]], r"clip 0 of A has shape \(2,\)"),
        ([[[1.0]]], [[[np.nan]]], "clip 0 of B has a value that is not finite"),
        ([[[1.0]]], [[[1e16]]], "clip 0 of B has a value that is not finite or beyond 1e\\+15"),
        ([[[1.0]]], [[[1.0, 2.0]]], "1 and 2 dimensions"),
    ],
)
def test_bad_clips_are_named(A, B, message):
    with pytest.raises(InputError, match=message):
        dtw_matrix(A, B)


def test_options_that_cannot_be_are_refused():
    one = [[[1.0]]]
    with pytest.raises(InputError, match="normalize is 'length'"):
        dtw_matrix(one, one, normalize="length")
    with pytest.raises(InputError, match="either normalize or radius"):
        dtw_matrix(one, one, normalize="path", radius=1)
    with pytest.raises(InputError, match="radius is 0"):
        dtw_matrix(one, one, radius=0)
    with pytest.raises(InputError, match="radius is 0"):
        fastdtw(one[0], one[0], radius=0)
    with pytest.raises(InputError, match="jobs is 0"):
        dtw_matrix(one, one, jobs=0)
