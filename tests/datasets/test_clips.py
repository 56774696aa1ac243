"""Clips: the table, the ways to a part of it, and the sound behind it."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.datasets import Clip, Clips, load_clips
from earwitness.errors import ClipError, InputError

RATE = 8000


def tone(seconds: float, frequency: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def folder(tmp_path):
    for name in ("cello/take 10.wav", "cello/take 2.wav", "flute/a.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sf.write(tmp_path / name, tone(2.0), RATE)
    return tmp_path


def table_of(n: int) -> pd.DataFrame:
    return pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "path": [f"c{i}.wav" for i in range(n)], "x": range(n)})


def test_the_table_cannot_be_changed_from_outside(folder):
    clips = load_clips(folder)
    table = clips.table
    table.loc[0, "label"] = "changed"
    del table["path"]
    assert clips.table["label"].tolist() == ["cello", "cello", "flute"]
    assert list(clips.table.columns) == ["clip", "path", "start", "duration", "label"]
    with pytest.raises(AttributeError):
        clips.name = "other"


def test_rows_and_clips_say_the_same(folder):
    clips = load_clips(folder)
    assert len(clips) == 3
    assert [clip.clip for clip in clips] == clips.table["clip"].tolist() == [clips[i].clip for i in range(3)]
    assert clips[-1].metadata == {"label": "flute"}
    assert clips[1:].table["clip"].tolist() == clips.table["clip"].tolist()[1:]
    with pytest.raises(IndexError):
        clips[3]


def test_where_keeps_matching_rows_and_names_the_columns_when_there_is_no_such(folder):
    clips = load_clips(folder)
    assert len(clips.where(label="cello")) == 2
    assert len(clips.where(label="cello", clip="flute/a.flac")) == 0
    with pytest.raises(InputError, match="no column 'artist'; they have clip, path, start, duration, label"):
        clips.where(artist="x")


def test_where_never_matches_an_empty_cell():
    table = table_of(3).assign(label=["a", None, "b"])
    assert Clips(table).where(label="a").table["clip"].tolist() == ["c0"]
    assert len(Clips(table).where(label=None)) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_sample_does_not_depend_on_the_order_of_the_table(n, size, seed, random):
    order = list(range(n))
    random.shuffle(order)
    clips = Clips(table_of(n))
    drawn = set(clips.sample(size, seed).table["clip"])
    assert drawn == set(clips.take(order).sample(size, seed).table["clip"])
    assert len(drawn) == min(n, size)
    assert drawn <= set(clips.sample(size + 3, seed).table["clip"])


def test_every_clip_is_drawn_equally_often():
    clips = Clips(table_of(20))
    times = sum(np.isin(clips.table["clip"], clips.sample(5, seed).table["clip"]) for seed in range(800))
    # 200 expected, standard deviation 12.2: four of them, for the most extreme of twenty.
    assert np.all(np.abs(times - 200) < 4 * np.sqrt(800 * 0.25 * 0.75))


def test_a_sample_of_none_is_refused():
    with pytest.raises(InputError, match="one clip or more, but 0"):
        Clips(table_of(3)).sample(0)


def test_excerpts_are_cut_from_the_middle_and_never_longer_than_the_clip(folder):
    clips = load_clips(folder)
    middle = clips.excerpt(0.5)
    assert middle.table["start"].tolist() == [0.75] * 3
    assert middle.table["duration"].tolist() == [0.5] * 3
    np.testing.assert_array_equal(middle[0].load(), clips[0].load()[6000:10000])
    assert clips.excerpt(0.5, "start").table["start"].tolist() == [0.0] * 3
    pd.testing.assert_frame_equal(clips.excerpt(5.0).table, clips.table)
    assert middle.excerpt(0.25).table["start"].tolist() == [0.875] * 3
    assert middle.table["clip"].tolist() == clips.table["clip"].tolist()


@pytest.mark.parametrize(("seconds", "place", "said"), [(0.0, "centre", "above 0 seconds"), (1.0, "end", "'end'")])
def test_impossible_excerpts_are_refused(seconds, place, said):
    with pytest.raises(InputError, match=said):
        Clips(table_of(1)).excerpt(seconds, place)


def test_ids_that_repeat_are_refused():
    with pytest.raises(InputError, match="'c0' occurs twice"):
        Clips(pd.concat([table_of(2), table_of(1)]))
    with pytest.raises(InputError, match="column 'path'"):
        Clips(table_of(2).drop(columns="path"))


def test_eight_channels_are_mixed_to_one(tmp_path):
    channels = np.stack([tone(0.5, 200.0 + 50 * k) for k in range(8)], axis=1)
    sf.write(tmp_path / "eight.wav", channels, RATE, subtype="FLOAT")
    clip = load_clips(tmp_path)[0]
    np.testing.assert_allclose(clip.load(), channels.mean(axis=1), atol=1e-6)
    assert clip.load(mono=False).shape == (8, 4000)
    audio, rate = clip.audio()
    assert (audio.shape, rate, audio.dtype) == ((4000,), RATE, np.float32)
    assert clip.load(sample_rate=16000).shape == (8000,)


@pytest.mark.parametrize("gain", [0.0, 10 ** (-100 / 20)])
def test_silence_has_no_direction(tmp_path, gain):
    sf.write(tmp_path / "a.wav", gain * tone(1.0) / 0.3, RATE, subtype="FLOAT")
    with pytest.raises(ClipError, match=r"^a\.wav: silent: an embedding of silence has no direction"):
        load_clips(tmp_path)[0].load()


def test_a_whisper_above_minus_ninety_decibels_is_kept(tmp_path):
    sf.write(tmp_path / "a.wav", 10 ** (-80 / 20) * tone(1.0) / 0.3, RATE, subtype="FLOAT")
    assert load_clips(tmp_path)[0].load().size == RATE


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_make_a_clip_error(tmp_path, value):
    sound = tone(1.0)
    sound[100] = value
    sf.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    with pytest.raises(ClipError, match=r"^a\.wav: "):
        load_clips(tmp_path)[0].load()


def test_a_file_that_goes_away_makes_a_clip_error(folder):
    clips = load_clips(folder)
    (folder / "flute" / "a.flac").unlink()
    for use in (clips[2].load, clips[2].content_key):
        with pytest.raises(ClipError, match=r"^flute/a\.flac: "):
            use()


def test_the_content_key_follows_the_content_and_the_excerpt(folder):
    before = load_clips(folder)
    shutil.copy(folder / "flute" / "a.flac", folder / "flute" / "b.flac")
    clips = load_clips(folder).where(label="flute")
    assert clips[0].content_key() == clips[1].content_key() == before[2].content_key()
    assert clips[0].content_key() != before[0].content_key()
    cut = clips.excerpt(1.0)
    assert cut[0].content_key() == cut[1].content_key() != clips[0].content_key()
    sf.write(folder / "flute" / "b.flac", tone(2.0, 300.0), RATE)
    assert clips[0].content_key() != clips[1].content_key()


def test_a_clip_goes_to_another_process_whole(folder):
    clip = load_clips(folder).excerpt(1.0)[2]
    again = pickle.loads(pickle.dumps(clip))
    assert again == clip
    np.testing.assert_array_equal(again.load(), clip.load())


def test_a_clip_stands_alone(folder):
    clip = Clip("x", str(folder / "flute" / "a.flac"), start=0.5, duration=0.25)
    assert clip.load().shape == (2000,)
    assert Clip("x", str(folder / "flute" / "a.flac")).load().shape == (16000,)


def test_the_table_can_be_written_as_json_and_parquet(folder):
    clips = load_clips(folder)
    assert len(json.loads(clips.table.to_json(orient="records"))) == 3
    clips.table.to_parquet(folder / "table.parquet")


def test_two_collections_can_be_joined_and_short_clips_left_out():
    first = Clips(
        pd.DataFrame({"clip": ["a", "b"], "path": ["a.wav", "b.wav"], "duration": [3.0, 1.0], "label": ["x", "y"]})
    )
    other = Clips(pd.DataFrame({"clip": ["c"], "path": ["c.wav"]}))
    both = first.joined(other)
    assert [clip.clip for clip in both] == ["a", "b", "c"]
    assert [clip.to_end for clip in both] == [False, False, True]
    with pytest.raises(InputError, match="'a' occurs twice"):
        first.joined(first)
    long = both.lasting(2.995, "too short")
    assert [clip.clip for clip in long] == ["a", "c"]  # the length of c is not known
    assert long.skipped.to_dict("records") == [{"file": "b.wav", "reason": "too short"}]
    assert len(both.skipped) == 0
    assert len(both.lasting(3.009, "")) == 2
