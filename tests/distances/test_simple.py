"""SiMPle: closed forms, the written-out definition, exact zeros, and clips too short for the window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.distances import simple_matrix, simple_profile
from earwitness.errors import InputError

brief = settings(max_examples=25, deadline=None)  # the first call of a kernel may have to compile it


def profile_written_out(a, b, m):
    a, b = np.asarray(a, float), np.asarray(b, float)
    return [
        min(((a[i : i + m] - b[j : j + m]) ** 2).sum() for j in range(len(b) - m + 1)) for i in range(len(a) - m + 1)
    ]


def noise(rng, lengths, dims=3):
    return [rng.normal(size=(n, dims)).astype(np.float32) for n in lengths]


def test_a_step_of_one_costs_one_per_frame_and_dimension():
    assert simple_profile(np.zeros((6, 3)), np.ones((9, 3)), m=4).tolist() == [12, 12, 12]
    assert simple_matrix([np.zeros((6, 3))], [np.ones((9, 3))], m=4).tolist() == [[12]]


@pytest.mark.parametrize("m", [1, 2, 5, 6, 7, 16, 17])
def test_profile_and_matrix_are_those_of_the_written_out_definition(m):
    rng = np.random.default_rng(m)
    A, B = noise(rng, [17, 18, 23, 40]), noise(rng, [17, 32, 33, 60, 20])
    for i, a in enumerate(A):
        for j, b in enumerate(B):
            expected = profile_written_out(a, b, m)
            np.testing.assert_allclose(simple_profile(a, b, m), expected, rtol=1e-12)
            # Float32 sums m * dims squares one by one.
            np.testing.assert_allclose(simple_matrix(A, B, m)[i, j], np.median(expected), rtol=1e-6)


@brief
@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_the_matrix_is_the_median_of_the_profile(m, more_a, more_b, dims, seed):
    a, b = noise(np.random.default_rng(seed), [m + more_a, m + more_b], dims)
    np.testing.assert_allclose(simple_matrix([a], [b], m)[0, 0], np.median(simple_profile(a, b, m)), rtol=1e-6)


def test_long_profiles_come_in_parts_that_fit_together():
    a, b = noise(np.random.default_rng(0), [700, 50])
    np.testing.assert_allclose(simple_profile(a, b, 20), profile_written_out(a, b, 20), rtol=1e-12)


def test_a_clip_holds_all_its_own_passages_however_loud_it_is_elsewhere():
    rng = np.random.default_rng(1)
    clips = [1e4 * clip for clip in noise(rng, [60, 75, 90])]
    assert (np.diag(simple_matrix(clips, clips, m=11)) == 0).all()
    assert (simple_profile(clips[0], clips[0], m=11) == 0).all()


def test_a_passage_planted_between_loud_ones_is_found_exactly():
    rng = np.random.default_rng(2)
    passage, *others = noise(rng, [40, 30, 30, 30])
    query = np.concatenate([passage, 100 * others[0]])
    other = np.concatenate([1e4 * others[1], passage, 1e4 * others[2]])
    profile = simple_profile(query, other, m=10)
    assert (profile[:31] == 0).all()
    assert (profile[31:] > 0).all()
    assert simple_matrix([query], [other], m=10)[0, 0] == 0  # 31 of 61 passages: the median is one of them


def test_it_is_not_symmetric():
    a = np.concatenate([np.zeros((30, 1)), np.ones((10, 1))])
    b = np.zeros((20, 1))
    assert simple_profile(b, a, 5).max() == 0
    assert simple_profile(a, b, 5).max() == 5


def test_order_of_clips_and_number_of_threads_change_nothing():
    rng = np.random.default_rng(3)
    A, B = noise(rng, rng.integers(9, 40, 8)), noise(rng, rng.integers(9, 40, 70))
    order = rng.permutation(70)
    D = simple_matrix(A, B, 9, jobs=1)
    np.testing.assert_array_equal(simple_matrix(A, [B[i] for i in order], 9, jobs=3), D[:, order])
    np.testing.assert_array_equal(simple_matrix(A[::-1], B, 9), D[::-1])


def test_no_clips_make_an_empty_matrix():
    assert simple_matrix([], [np.zeros((3, 1))], 2).shape == (0, 1)


def test_clips_shorter_than_the_window_are_named_on_either_side():
    long, short = np.zeros((50, 2)), np.zeros((49, 2))
    with pytest.raises(InputError, match="clip 1 of A has 49 frames, fewer than the window of 50"):
        simple_matrix([long, short], [long], 50)
    with pytest.raises(InputError, match="clip 0 of B has 49 frames"):
        simple_profile(long, short, 50)
    with pytest.raises(InputError, match="the window is 0 frames"):
        simple_profile(long, long, 0)
