"""Nearest sequences without the whole matrix: the answer must be that of the whole matrix, ties and all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earwitness.distances import dtw, dtw_matrix, nearest, own_nearest
from earwitness.distances.neighbours import BOXES, Originals
from earwitness.errors import InputError

brief = settings(max_examples=25, deadline=None)  # the first call of a kernel may have to compile it

whole = st.integers(-4, 4).map(float)
clip = st.integers(1, 9).flatmap(lambda frames: arrays(np.float32, (frames, 2), elements=whole))


def walks(rng, count, shortest=1, longest=40, dims=6):
    lengths = rng.integers(shortest, longest + 1, count)
    return [np.cumsum(rng.normal(size=(n, dims)), axis=0).astype(np.float32) for n in lengths]


def strictly_nearest(queries, originals, own):
    D = np.array([[dtw(q, o) for o in originals] for q in queries])
    mine = D[np.arange(len(own)), own].copy()
    D[np.arange(len(own)), own] = np.inf
    return mine < D.min(axis=1)


@pytest.mark.parametrize("noise", [0, 0.1, 1, 3, 10, 100])
def test_own_nearest_is_that_of_the_full_matrix_under_any_disturbance(noise):
    rng = np.random.default_rng(int(10 * noise))
    originals = walks(rng, 61)
    own = rng.integers(0, 61, 40)
    queries = [(originals[i] + noise * rng.normal(size=originals[i].shape)).astype(np.float32) for i in own]
    answer = own_nearest(queries, originals, own)
    np.testing.assert_array_equal(answer, strictly_nearest(queries, originals, own))
    if noise == 0:
        assert answer.all()
    if noise == 100:
        assert not answer.all()


@brief
@given(st.lists(clip, min_size=1, max_size=20), st.lists(clip, min_size=1, max_size=20), st.data())
def test_own_nearest_and_nearest_agree_with_the_matrix_where_ties_abound(queries, originals, data):
    own = np.array(
        data.draw(st.lists(st.integers(0, len(originals) - 1), min_size=len(queries), max_size=len(queries)))
    )
    np.testing.assert_array_equal(own_nearest(queries, originals, own), strictly_nearest(queries, originals, own))
    D = np.array([[dtw(q, o) for o in originals] for q in queries])
    index, distance = nearest(queries, originals, "dtw")
    np.testing.assert_array_equal(index, D.argmin(axis=1))
    np.testing.assert_array_equal(distance, D.min(axis=1))


def test_a_copy_of_the_own_original_takes_its_place_away():
    originals = walks(np.random.default_rng(1), 20, shortest=5)
    queries = originals[:3]
    assert own_nearest(queries, originals, np.arange(3)).all()
    assert own_nearest(queries, [*originals, originals[1]], np.arange(3)).tolist() == [True, False, True]


def test_a_rival_that_is_nearer_only_in_float64_is_seen():
    original = np.full((30, 3), 1000, np.float32)
    query = original + np.float32(1)
    rival = original.copy()
    rival[-1, 0] = np.nextafter(np.float32(1000), np.float32(1001))  # nearer by 6e-5 of 52
    assert own_nearest([query], [original, rival], [1]).tolist() == [True]
    assert own_nearest([query], [original, rival], [0]).tolist() == [False]


def test_rivals_given_up_in_the_last_rows_are_not_taken_for_near():
    query = np.zeros((60, 1), np.float32)
    own = np.zeros((60, 1), np.float32)
    own[0] = 1
    rivals = [np.zeros((60, 1), np.float32) for _ in range(33)]
    for i, rival in enumerate(rivals):
        rival[-1 - i] = 2  # at distance 2, which shows late; the boxes say 0
    assert own_nearest([query], [own, *rivals], [0]).tolist() == [True]


@brief
@given(clip, st.lists(clip, min_size=1, max_size=20))
def test_the_boxes_bound_the_distance_from_below(query, originals):
    from earwitness.distances._dtw_kernels import bounds_all
    from earwitness.distances.sequences import LANES, pack_rows

    boxes = Originals.of(originals)
    packed, _, (rows,) = pack_rows([query])
    rest = np.empty((len(boxes.low), (-(-rows // 6) + 1) * LANES), np.float32)
    bounds_all(packed, rows, boxes.low, boxes.high, BOXES, 2, rest)
    bound = rest[:, :LANES].ravel()[: len(originals)]
    assert (bound <= np.array([dtw(query, original) for original in originals]) * (1 + 1e-6)).all()


def test_nearest_sequences_of_the_lanes_matrix_and_of_the_search_agree():
    rng = np.random.default_rng(2)
    queries, originals = walks(rng, 30), walks(rng, 50)
    index, distance = nearest(queries, originals, "dtw", jobs=2)
    D = dtw_matrix(queries, originals)
    np.testing.assert_array_equal(index, D.argmin(axis=1))
    np.testing.assert_allclose(distance, D.min(axis=1), rtol=2e-6)


def test_the_number_of_threads_changes_no_answer():
    rng = np.random.default_rng(3)
    queries, originals = walks(rng, 25), walks(rng, 40)
    own = rng.integers(0, 40, 25)
    np.testing.assert_array_equal(
        own_nearest(queries, originals, own, jobs=1), own_nearest(queries, originals, own, jobs=4)
    )


def test_an_only_original_is_the_nearest_and_no_query_has_no_answer():
    one = [np.zeros((3, 1), np.float32)]
    assert own_nearest(one, one, [0]).tolist() == [True]
    assert own_nearest([], one, np.empty(0, int)).tolist() == []


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([0, 0], "one index for each of 1 queries"),
        ([0.0], "type float64"),
        ([1], "original 1 of 1"),
        ([-1], "original -1"),
    ],
)
def test_an_owner_that_does_not_exist_is_refused(own, message):
    one = [np.zeros((3, 1), np.float32)]
    with pytest.raises(InputError, match=message):
        own_nearest(one, one, own)


def test_nothing_to_be_near_to_is_said():
    with pytest.raises(InputError, match="B is empty"):
        nearest([np.zeros((3, 1))], [], "dtw")
