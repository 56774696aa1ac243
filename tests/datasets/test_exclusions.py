"""Clips that are to be left out are left out, and said to be."""

import numpy as np
import pytest
import soundfile

from earwitness.datasets import excluding, load_clips, read_exclusions
from earwitness.errors import InputError


@pytest.fixture
def clips(tmp_path):
    for name in ("blues/blues.00000", "blues/blues.00001", "jazz/jazz.00054"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * np.random.default_rng(0).normal(size=8000), 8000)
    return load_clips(tmp_path)


@pytest.mark.parametrize("name", ["jazz.00054", "jazz.00054.wav", "jazz/jazz.00054.wav"])
def test_a_clip_is_left_out_by_its_id_its_file_or_its_stem(clips, name):
    kept, unknown = excluding(clips, {name: "corrupt", "pop.00001": "not here"})
    assert [clip.clip for clip in kept] == [clip.clip for clip in clips][:2]
    assert unknown == ["pop.00001"]
    assert kept.skipped[["file", "reason"]].to_numpy().tolist() == [["jazz/jazz.00054.wav", "corrupt"]]
    assert kept[0].audio()[1] == 8000  # what is left can still be heard
    assert len(clips) == 3


def test_a_list_is_read_without_its_comments(tmp_path, clips):
    path = tmp_path / "leave-out.txt"
    path.write_text("# twice in the set\nblues.00001  # the same as 00000\n\n", encoding="utf-8")
    kept, unknown = excluding(clips, read_exclusions(path), "left out by leave-out.txt")
    assert len(kept) == 2
    assert unknown == []
    assert kept.skipped["reason"].tolist() == ["left out by leave-out.txt"]


def test_bad_lists_are_said_in_a_sentence(tmp_path, clips):
    with pytest.raises(InputError, match="cannot read the list of clips to leave out"):
        read_exclusions(tmp_path / "missing.txt")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="names no clip to leave out"):
        read_exclusions(tmp_path / "empty.txt")
    with pytest.raises(InputError, match="all 3 clips would be left out"):
        excluding(clips, ["blues.00000", "blues.00001", "jazz.00054"])
