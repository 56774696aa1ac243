"""Statements about consistency under change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import special_ortho_group

from earwitness.audits import robustness
from earwitness.audits._neighbours import own_ranks
from earwitness.embeddings import Embeddings
from earwitness.errors import InputError
from earwitness.results import AuditResult

SQUARE = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -4.0]])


def ranks(result, perturbation, distance):
    items = result.items
    return items[(items["perturbation"] == perturbation) & (items["distance"] == distance)]["rank"].tolist()


def test_four_clips_worked_out_by_hand(embed_rows, changed):
    original = embed_rows(SQUARE)
    # The second lies nearest to the first; the third halfway to the first; the fourth has moved little.
    moved = np.array([[1.0, 0.5], [0.9, 0.1], [-1.0, 0.0], [0.5, -4.0]])
    result = robustness(original, [changed(original, moved)])
    assert ranks(result, "pitch +25 cents", "euclidean") == [1, 2, 2, 1]
    assert ranks(result, "pitch +25 cents", "cosine") == [1, 2, 1, 1]
    assert result.estimate("consistency", distance="euclidean").value == 0.5
    assert result.estimate("consistency", distance="cosine").value == 0.75
    assert result.estimate("reciprocal rank", distance="euclidean").value == 0.75
    assert result.estimate("nearer than another", distance="euclidean").value == pytest.approx(1 - (1 / 3 + 1 / 3) / 4)
    assert result.estimate("moved", distance="euclidean", family="").value == 0.5
    assert result.estimate("chance", of="consistency").value == 0.25
    nearest = result.items.query("distance == 'euclidean'")["nearest"].tolist()
    assert nearest == ["clip-0001", "clip-0000", "clip-0000", "clip-0000"]  # the nearest other one


def test_displacement_is_in_units_of_the_mean_distance_between_originals(embed_rows, changed):
    original = embed_rows(np.array([[1.0, 1.0], [5.0, 1.0]]))
    result = robustness(original, [changed(original, np.array([[1.0, 2.0], [5.0, 4.0]]))])
    assert result.estimate("displacement", distance="euclidean").value == pytest.approx((1 / 4 + 3 / 4) / 2)


def test_an_equally_near_stranger_is_an_error(embed_rows, changed):
    twins = embed_rows(np.array([[1.0, 1.0], [1.0, 1.0], [-5.0, 2.0]]))
    result = robustness(twins, [changed(twins, twins.vectors)])
    assert result.estimate("consistency", distance="euclidean").value == pytest.approx(1 / 3)
    assert result.parameters["repeated clips"] == 2
    assert any("2 clips" in verdict.text and "copies" in verdict.text for verdict in result.verdicts)


def test_no_change_moves_no_clip_and_is_not_counted_as_a_change(embed_rows, changed):
    original = embed_rows(np.random.default_rng(0).normal(size=(30, 5)))
    same = changed(original, original.vectors, 0.0)
    result = robustness(original, [same, changed(original, original.vectors[::-1])])
    assert set(result.rows("consistency", perturbation="pitch +0 cents")["value"]) == {1.0}
    assert result.estimate("moved", distance="cosine", family="").value == 1.0


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_a_swap_planted_for_three_in_ten_clips_is_found(embed_rows, changed, distance):
    original = embed_rows(np.random.default_rng(1).normal(size=(200, 12)))
    vectors = original.vectors.copy()
    swapped = np.random.default_rng(2).permutation(200)[:60]
    vectors[swapped] = vectors[np.roll(swapped, 1)]
    result = robustness(original, [changed(original, vectors)])
    moved = result.estimate("moved", distance=distance, family="")
    assert moved.value == pytest.approx(0.3)
    assert 0.2 < moved.low < 0.3 < moved.high < 0.4
    assert result.verdicts[0].status == "breaks"
    assert "**30 %**" in result.verdicts[0].text


def test_an_encoder_that_does_not_move_holds(embed_rows, changed):
    original = embed_rows(np.random.default_rng(1).normal(size=(150, 12)))
    result = robustness(original, [changed(original, original.vectors + 1e-3)])
    assert result.verdicts[0].status == "holds"
    moved = result.estimate("moved", distance="cosine", family="")
    assert (moved.value, moved.low) == (0, 0)
    assert moved.high == pytest.approx(1 - 0.025 ** (1 / 150))  # not [0, 0]: 150 clips cannot rule out 2 %


def test_a_few_clips_without_an_error_prove_nothing(embed_rows, changed):
    original = embed_rows(np.random.default_rng(1).normal(size=(12, 12)))
    result = robustness(original, [changed(original, original.vectors + 1e-3)])
    assert result.verdicts[0].status == "open"


def test_blocks_do_not_change_ranks(monkeypatch):
    rng = np.random.default_rng(0)
    originals, queries = rng.normal(size=(23, 4)).astype("f4"), rng.normal(size=(17, 4)).astype("f4")
    own = rng.integers(0, 23, 17)
    whole = own_ranks(originals, queries, own, "cosine")
    monkeypatch.setattr("earwitness.audits._neighbours.BLOCK_BYTES", 8 * 23 * 3)
    parts = own_ranks(originals, queries, own, "cosine")
    for name in ("rank", "own", "nearest", "nearest_distance"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


seeds = st.integers(0, 10_000)


@given(seeds, st.lists(st.integers(-8, 8), min_size=9, max_size=9))
@settings(max_examples=25, deadline=None)
def test_cosine_ranks_do_not_notice_the_length_of_a_vector(seed, exponents):
    rng = np.random.default_rng(seed)
    originals = rng.normal(size=(9, 3)).astype("f4")
    queries = originals + rng.normal(size=(9, 3)).astype("f4")
    gains = (2.0 ** np.array(exponents, float)).astype("f4")[:, None]
    plain = own_ranks(originals, queries, np.arange(9), "cosine")
    louder = own_ranks(gains * originals, gains[::-1] * queries, np.arange(9), "cosine")
    np.testing.assert_array_equal(plain.rank, louder.rank)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_euclidean_ranks_do_not_notice_a_rotation(seed):
    rng = np.random.default_rng(seed)
    originals = rng.normal(size=(11, 4))
    queries = originals + rng.normal(size=(11, 4))
    turn = special_ortho_group.rvs(4, random_state=seed)
    plain = own_ranks(originals, queries, np.arange(11), "euclidean")
    turned = own_ranks(originals @ turn, queries @ turn, np.arange(11), "euclidean")
    np.testing.assert_array_equal(plain.rank, turned.rank)
    np.testing.assert_allclose(plain.own, turned.own, rtol=1e-9)


def test_other_changed_clips_do_not_compete(embed_rows, changed):
    original = embed_rows(np.random.default_rng(3).normal(size=(40, 6)))
    noisy = original.vectors + np.random.default_rng(4).normal(size=(40, 6)).astype("f4")
    half = changed(original, noisy).take(np.arange(20))
    alone = robustness(original, [half]).items.query("distance == 'cosine'")
    among = robustness(original, [changed(original, noisy)]).items.query("distance == 'cosine'")
    assert alone["rank"].tolist() == among["rank"].tolist()[:20]


def test_a_clip_that_is_missing_is_left_out_and_counted(embed_rows, changed):
    original = embed_rows(np.random.default_rng(3).normal(size=(10, 6)))
    result = robustness(original, [changed(original, original.vectors).take(np.array([7, 2, 5]))])
    row = result.rows("consistency", distance="euclidean").iloc[0]
    assert row["note"].startswith("7 clips without a vector")
    assert result.items.query("distance == 'euclidean'")["clip"].tolist() == ["clip-0007", "clip-0002", "clip-0005"]
    assert row["value"] == 1


def test_the_same_inputs_and_seed_give_the_same_result(embed_rows, changed):
    original = embed_rows(np.random.default_rng(3).normal(size=(50, 6)), artist=[f"a{i // 5}" for i in range(50)])
    noisy = changed(original, original.vectors + np.random.default_rng(4).normal(size=(50, 6)))
    first, second = (robustness(original, [noisy], group="artist", seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.provenance["inputs"] == second.provenance["inputs"]
    assert first.estimate("moved", distance="cosine", family="").n == 10  # artists are drawn, not clips


def test_groups_widen_the_interval_where_their_clips_move_together(embed_rows, changed):
    original = embed_rows(np.random.default_rng(0).normal(size=(120, 8)), artist=[f"a{i // 10}" for i in range(120)])
    vectors = original.vectors.copy()
    vectors[:40] = np.roll(vectors[:40], 1, axis=0)  # four artists move, eight do not
    by_clip = robustness(original, [changed(original, vectors)]).estimate("moved", distance="cosine", family="")
    by_artist = robustness(original, [changed(original, vectors)], group="artist")
    grouped = by_artist.estimate("moved", distance="cosine", family="")
    assert grouped.value == by_clip.value == pytest.approx(1 / 3)
    assert grouped.high - grouped.low > 2 * (by_clip.high - by_clip.low)


def test_the_difference_to_itself_is_nothing_and_to_a_worse_one_is_paired(embed_rows, changed):
    original = embed_rows(np.random.default_rng(5).normal(size=(80, 6)))
    noisy = original.vectors + 0.9 * np.random.default_rng(6).normal(size=(80, 6)).astype("f4")
    control = robustness(original, [changed(original, noisy)], role="control")
    again = AuditResult.from_json(control.to_json())
    result = robustness(original, [changed(original, noisy)], controls=[again])
    for distance in ("cosine", "euclidean"):
        same = result.estimate("difference", of="moved", distance=distance)
        assert (same.value, same.low, same.high) == (0, 0, 0)
    assert result.verdicts[1].status == "open"
    steady = robustness(original, [changed(original, original.vectors)], controls=[control])
    difference = steady.estimate("difference", of="moved", distance="cosine", control="planted")
    assert difference.value == -control.estimate("moved", distance="cosine", family="").value
    assert difference.high < 0
    assert steady.verdicts[1].status == "holds"
    worse = robustness(original, [changed(original, noisy)], controls=[replace(steady, encoder="rock")])
    assert worse.verdicts[1].status == "breaks"


def test_a_vector_of_length_zero_has_no_direction_and_is_left_out_of_the_cosine_only(embed_rows, changed):
    vectors = np.random.default_rng(8).normal(size=(9, 3))
    vectors[4] = 0
    original = embed_rows(vectors)
    result = robustness(original, [changed(original, vectors + 0.01)])
    assert result.rows("consistency", distance="cosine")["note"].iloc[0].startswith("1 clips without")
    assert len(result.items.query("distance == 'euclidean'")) == 9
    assert result.parameters["without length"] == 1
    nothing = embed_rows(np.zeros((3, 2)))
    with pytest.raises(InputError, match="does it return zeros"):
        robustness(nothing, [changed(nothing, nothing.vectors)])


def test_bad_input_is_said_in_a_sentence(embed_rows, changed):
    original = embed_rows(np.random.default_rng(0).normal(size=(5, 3)))
    fine = changed(original, original.vectors)
    with pytest.raises(InputError, match="there is 1: give two or more"):
        robustness(original.take(np.array([0])), [fine])
    with pytest.raises(InputError, match="embed them with a perturbation"):
        robustness(original, [])
    with pytest.raises(InputError, match="embed them with a perturbation"):
        robustness(original, [original])
    with pytest.raises(InputError, match="is there twice"):
        robustness(original, [fine, fine])
    with pytest.raises(InputError, match="use one encoder for both"):
        robustness(original, [replace(fine, encoder="other")])
    with pytest.raises(InputError, match="no column 'artist'"):
        robustness(original, [fine], group="artist")
    with pytest.raises(InputError, match="role is 'judge'"):
        robustness(original, [fine], role="judge")
    strangers = Embeddings(fine.vectors, fine.clips.assign(clip=list("vwxyz")), "planted", "1", "", fine.perturbation)
    with pytest.raises(InputError, match="embed the same clips"):
        robustness(original, [strangers])
