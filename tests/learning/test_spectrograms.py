"""Spectrograms that are kept: the numbers of the front end, by content, with the statistics of training clips alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from earwitness.audio import frontends
from earwitness.datasets import load_clips
from earwitness.learning.spectrograms import FrontEnd, SpectrogramCache

RATE = 22050


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    place = tmp_path / "sounds"
    place.mkdir()
    for name, seconds, channels in (("a", 3.0, 1), ("b", 4.0, 2), ("c", 1.0, 1)):
        sound = 0.1 * rng.standard_normal((int(RATE * seconds), channels)) * np.linspace(0.1, 1, channels)
        soundfile.write(place / f"{name}.wav", sound, RATE, subtype="FLOAT")
    soundfile.write(place / "silent.wav", np.zeros(RATE * 3), RATE)
    (place / "torn.wav").write_bytes(b"RIFF no sound")
    return place


def level(sound: np.ndarray, magnitude: bool = False) -> np.ndarray:
    bands = frontends.mel_spectrogram(sound, RATE, n_fft=1024, hop=256, n_mels=128, magnitude=magnitude)
    decibels = frontends.decibels(bands, range_db=None)
    return np.maximum(decibels, decibels.max() - 80)


@pytest.mark.parametrize(("channels", "power"), [(1, 2), (2, 2), (2, 1)])
def test_frames_are_decibels_within_80_of_the_loudest_of_both_channels(folder: Path, channels: int, power: int) -> None:
    clips = load_clips(folder)
    cache = SpectrogramCache(clips, FrontEnd(channels, power), jobs=1)  # type: ignore[arg-type]
    row = [clip.name for clip in clips].index("b.wav")
    sound = clips[row].load(RATE, mono=channels == 1)
    expected = level(np.atleast_2d(sound), magnitude=power == 1).transpose(2, 0, 1)
    frames = cache.frames(row)
    assert frames.dtype == np.float16
    assert isinstance(frames, np.memmap)
    # Half precision: 11 bits of at most 128 dB.
    np.testing.assert_allclose(frames, expected, atol=128 / 2**11)
    assert cache.lengths[row] == 1 + 4 * RATE // 256
    np.testing.assert_array_equal(cache.crop(row, 5, 10), frames[5:15])


def test_a_mono_clip_is_doubled_and_a_short_one_filled_with_its_minimum_or_0_db(folder: Path) -> None:
    clips = load_clips(folder)
    names = [clip.name for clip in clips]
    cache = SpectrogramCache(clips, FrontEnd(2), jobs=1)
    doubled = cache.frames(names.index("a.wav"))
    np.testing.assert_array_equal(doubled[:, 0], doubled[:, 1])
    short = names.index("c.wav")
    assert cache.short.tolist() == [name == "c.wav" for name in names]
    assert cache.lengths[short] == 216
    frames = np.asarray(cache.frames(short))
    assert np.all(frames[87:] == frames[:87].min())
    zeros = SpectrogramCache(clips, FrontEnd(2, pad="zero_db"), jobs=1).frames(short)
    assert not np.any(zeros[87:])


def test_files_that_cannot_be_used_are_listed_and_left_out(folder: Path) -> None:
    clips = load_clips(folder)
    cache = SpectrogramCache(clips, FrontEnd(1), jobs=1)
    listed = {*cache.skipped["file"], *clips.skipped["file"]}
    assert listed == {"silent.wav", "torn.wav"}
    assert cache.usable.sum() == 3


def test_statistics_are_those_of_all_frames_of_the_training_clips(folder: Path) -> None:
    clips = load_clips(folder)
    cache = SpectrogramCache(clips, FrontEnd(2), jobs=1)
    training = np.array([clip.name != "c.wav" for clip in clips])
    rows = np.flatnonzero(training & cache.usable)
    values = np.concatenate([np.asarray(cache.frames(int(row)), np.float64).reshape(-1, 128) for row in rows])
    found = cache.band_statistics(training)
    np.testing.assert_allclose(found.mean, values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.deviation, values.std(0), rtol=1e-5)


def test_chunks_from_files_and_from_a_device_are_the_same(folder: Path) -> None:
    clips = load_clips(folder)
    cache = SpectrogramCache(clips, FrontEnd(2), jobs=1)
    rows = np.flatnonzero(cache.usable)[[2, 0, 1, 0]]
    starts = np.minimum([3, 0, 9, 42], cache.lengths[rows] - 216)
    chunks = cache.crops(rows, starts)
    assert chunks.shape == (4, 2, 216, 128)
    for chunk, row, start in zip(chunks, rows, starts, strict=True):
        np.testing.assert_array_equal(chunk, cache.crop(int(row), int(start)).transpose(1, 0, 2))
    assert torch.equal(cache.on_device(torch.device("cpu")).crops(rows, starts), chunks)


def test_a_renamed_file_is_found_again_and_an_edited_one_is_made_anew(folder: Path) -> None:
    clips = load_clips(folder)
    cache = SpectrogramCache(clips, FrontEnd(1), jobs=1)
    made = {file: file.stat().st_mtime_ns for file in cache.files if file}
    (folder / "a.wav").rename(folder / "z.wav")
    again = SpectrogramCache(load_clips(folder), FrontEnd(1), jobs=1)
    assert {file: file.stat().st_mtime_ns for file in again.files if file} == made
    soundfile.write(folder / "z.wav", 0.1 * np.random.default_rng(1).standard_normal(3 * RATE), RATE)
    edited = SpectrogramCache(load_clips(folder), FrontEnd(1), jobs=1)
    assert len({file for file in edited.files if file} - set(made)) == 1
