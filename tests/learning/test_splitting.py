"""Groups stay on one side, a given split is followed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.splitting import split_clips


def clips(**columns: list[object]) -> Clips:
    count = len(next(iter(columns.values())))
    names = [f"{number}.wav" for number in range(count)]
    return Clips(pd.DataFrame({"clip": names, "path": names, **columns}))


@given(st.lists(st.integers(0, 8), min_size=12, max_size=60), st.floats(0.05, 0.5), st.integers(0, 9))
def test_no_artist_is_on_both_sides_and_the_share_is_kept(artists: list[int], share: float, seed: int) -> None:
    names = np.array([f"artist {number}" for number in artists])
    if len(set(names)) < 2:
        return
    split = split_clips(clips(artist=list(names)), share=share, seed=seed)
    assert not set(names[split.training]) & set(names[split.validation])
    assert (split.training ^ split.validation).all()
    largest = max(np.unique(names, return_counts=True)[1])
    assert 0 < split.validation.sum() <= max(share * len(names), largest)


def test_a_column_split_is_followed_and_its_test_clips_are_not_used() -> None:
    split = split_clips(clips(split=["train", "Training", "val", "test", None, "valid"]))
    assert split.training.tolist() == [True, True, False, False, False, False]
    assert split.validation.tolist() == [False, False, True, False, False, True]


def test_single_clips_are_drawn_where_there_are_no_groups_or_none_is_asked_for() -> None:
    table = clips(artist=["one"] * 20)
    assert split_clips(table, share=0.1).validation.sum() == 2
    assert split_clips(table, share=0.1, group="none").validation.sum() == 2
    assert split_clips(table, share=0.0).validation.sum() == 0
    seeds = [split_clips(table, seed=seed).validation.tolist() for seed in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_what_cannot_be_split_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="--group 'singer': the clips have no such column; they have clip, path"):
        split_clips(clips(artist=["a", "b"]), group="singer")
    with pytest.raises(InputError, match="every clip has one 'artist', so none is left to train on"):
        split_clips(clips(artist=["a", "a"]), group="artist")
    with pytest.raises(InputError, match="names no clip 'train'"):
        split_clips(clips(split=["test", "val"]))
    with pytest.raises(InputError, match="occur in more than one part of 'split'"):
        split_clips(clips(split=["train", "val"], artist=["a", "a"]), group="artist")
    with pytest.raises(InputError, match="a share of 1"):
        split_clips(clips(artist=["a", "b"]), share=1.0)
