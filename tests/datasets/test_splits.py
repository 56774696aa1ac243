"""A split leaks where one artist is on both sides of it."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from earwitness.datasets import group_overlap, load_clips, require_separate_groups
from earwitness.errors import InputError

TABLE = pd.DataFrame(
    {
        "artist": ["a", "b", "a", "c", None, None, "c"],
        "split": ["train", "train", "test", "test", "train", "test", None],
    }
)


def test_only_groups_in_two_parts_overlap():
    assert group_overlap(TABLE, "split", "artist").to_dict("records") == [
        {"group": "a", "parts": "test|train", "clips": 2}
    ]
    assert group_overlap(TABLE[1:], "split", "artist").empty


def test_an_overlap_is_refused_where_groups_must_be_apart():
    with pytest.raises(InputError, match=r"1 values of 'artist' occur .* \(the first: 'a' in test and train\)"):
        require_separate_groups(TABLE, "split", "artist")
    require_separate_groups(TABLE[1:], "split", "artist")
    with pytest.raises(InputError, match="no column 'album'; they have artist, split"):
        group_overlap(TABLE, "split", "album")


def test_a_manifest_whose_split_leaks_says_so(tmp_path):
    for name in "ab":
        sf.write(tmp_path / f"{name}.wav", np.sin(np.arange(8000)), 8000)
    (tmp_path / "leak.csv").write_text("path,artist,split\na.wav,x,train\nb.wav,x,test\n")
    with pytest.warns(UserWarning, match="leak: 1 values of 'artist' occur in more than one part of 'split'"):
        load_clips(tmp_path / "leak.csv")
    (tmp_path / "clean.csv").write_text("path,artist,split\na.wav,x,train\nb.wav,y,test\n")
    assert len(load_clips(tmp_path / "clean.csv")) == 2
