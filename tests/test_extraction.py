"""The loop that runs encoders: the same numbers whatever the workers, nothing done twice, nothing lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earwitness.audio.perturbations import PROFILES, PinkNoise, PitchShift
from earwitness.datasets import Clips, load_clips
from earwitness.encoders import load_encoder
from earwitness.errors import EncoderError, InputError
from earwitness.extraction import cut_windows, embed, embed_all

RATE = 22_050


class Level:
    """Mean and spread of the level of half-second windows; counts how often it is run."""

    name, revision = "level", "1"
    sample_rate, embedding_size, window = RATE, 2, 0.5

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, audio: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.stack([np.abs(audio).mean(1), audio.std(1)], axis=1).astype(np.float32)


class Moody(Level):
    """Not finite for the two loudest clips."""

    name = "moody"

    def encode(self, audio: np.ndarray) -> np.ndarray:
        vectors = super().encode(audio)
        vectors[np.abs(audio).max(1) > 0.49] = np.nan
        return vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("noise", "tone"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for i in range(10):
            time_s = np.arange(RATE * (1 + i % 3)) / RATE
            tone = np.sin(2 * np.pi * (220 + 20 * i) * time_s)
            sound = 0.05 * (i + 1) * (tone if label == "tone" else rng.uniform(-1, 1, len(time_s)))
            soundfile.write(tmp_path / "clips" / label / f"{i}.wav", sound, RATE)
    return tmp_path / "clips"


@pytest.fixture
def clips(folder: Path) -> Clips:
    return load_clips(folder)


def test_windows_do_not_overlap_and_an_incomplete_last_one_is_dropped() -> None:
    sound = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(cut_windows(sound, 4, 1), [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.testing.assert_array_equal(cut_windows(sound, None, 1), [sound])
    np.testing.assert_array_equal(cut_windows(sound[:3], 7, 1), [[0, 1, 2, 0, 1, 2, 0]])


def test_a_vector_is_the_mean_over_windows_and_perhaps_their_spread(clips: Clips) -> None:
    mean, both = embed(clips, Level(), jobs=1), embed(clips, Level(), pooling="mean+std", jobs=1)
    sound = clips[2].load()
    windows = Level().encode(cut_windows(sound, 0.5, RATE))
    np.testing.assert_allclose(mean.vectors[2], windows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(both.vectors[2], np.r_[windows.mean(0), windows.std(0)], rtol=1e-6)
    assert both.size == 4


def test_numbers_do_not_depend_on_workers_or_order(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changes = [None, PinkNoise(0.0), PitchShift(100.0)]

    def vectors(name: str, chosen: Clips, jobs: int) -> list[np.ndarray]:
        monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / name))
        rows = embed_all(chosen, ["mfcc", "random"], changes, jobs=jobs, seed=3)
        return [e.aligned_with(clips.table["clip"].to_numpy()).vectors for row in rows for e in row]

    alone = vectors("alone", clips, 1)
    backwards = clips.take(np.arange(len(clips))[::-1])
    for other in (vectors("two", clips, 2), vectors("backwards", backwards, 1)):
        for ours, theirs in zip(alone, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(alone[0], alone[1])


def test_numbers_are_the_same_on_a_dask_cluster(clips: Clips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = embed(clips, "mfcc", PinkNoise(10.0), jobs=1)
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cluster"))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", processes=True
    ) as cluster:
        there = embed(clips, "mfcc", PinkNoise(10.0), cluster=cluster.scheduler_address)
    np.testing.assert_array_equal(here.vectors, there.vectors)


def test_a_missing_scheduler_is_said_in_one_sentence(clips: Clips) -> None:
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        embed(clips, "mfcc", cluster="tcp://127.0.0.1:9")


def test_what_is_finished_is_not_done_again(clips: Clips) -> None:
    first, second = Level(), Level()
    embed(clips.take(np.arange(5)), first, jobs=1)
    assert first.calls == 5
    embed(clips, second, jobs=1)
    assert second.calls == len(clips) - 5
    embed(clips, second, jobs=1)
    assert second.calls == len(clips) - 5


def test_a_renamed_file_is_known_and_an_edited_one_is_not(folder: Path) -> None:
    encoder = Level()
    embed(load_clips(folder), encoder, jobs=1)
    (folder / "tone" / "0.wav").rename(folder / "tone" / "renamed.wav")
    before = encoder.calls
    embed(load_clips(folder), encoder, jobs=1)
    assert encoder.calls == before
    soundfile.write(folder / "tone" / "1.wav", np.full(RATE, 0.5), RATE)
    embed(load_clips(folder), encoder, jobs=1)
    assert encoder.calls == before + 1


def test_a_new_revision_is_another_encoder(clips: Clips) -> None:
    encoder = Level()
    embed(clips, encoder, jobs=1)
    encoder.revision = "2"
    embed(clips, encoder, jobs=1)
    assert encoder.calls == 2 * len(clips)


def test_bad_clips_are_skipped_listed_and_lose_nothing(folder: Path) -> None:
    (folder / "tone" / "text.wav").write_text("these are words")
    soundfile.write(folder / "tone" / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "tone" / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    embeddings = embed(load_clips(folder), "mfcc", PinkNoise(0.0), jobs=1)
    assert len(embeddings) == 20
    reasons = dict(zip(embeddings.skipped["file"], embeddings.skipped["reason"], strict=True))
    assert {Path(file).name for file in reasons} == {"text.wav", "silent.wav", "nan.wav"}
    assert any("silent" in reason for reason in reasons.values())


def test_a_clip_for_which_one_encoder_is_not_finite_is_left_out_of_all(clips: Clips) -> None:
    rows = embed_all(clips, [Level(), Moody()], jobs=1)
    assert [len(row[0]) for row in rows] == [len(clips) - 2] * 2
    assert "moody" in rows[1][0].skipped["reason"].iloc[-1]


def test_an_encoder_of_the_wrong_shape_is_said_in_one_sentence(clips: Clips) -> None:
    class Wrong(Level):
        name = "wrong"
        embedding_size = 3

    with pytest.raises(EncoderError, match="wrong"):
        embed(clips, Wrong(), jobs=1)


def test_no_usable_clip_is_said_in_one_sentence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    with pytest.raises(InputError, match="silent"):
        embed(load_clips(tmp_path), "mfcc", jobs=1)


def test_precomputed_vectors_are_taken_as_they_are(clips: Clips, tmp_path: Path) -> None:
    made = embed(clips, "mfcc", jobs=1)
    made.to_parquet(tmp_path / "made.parquet")
    again = embed(clips, load_encoder(f"embeddings:{tmp_path / 'made.parquet'}"))
    np.testing.assert_array_equal(again.vectors, made.vectors)
    with pytest.raises(EncoderError, match="cannot hear"):
        embed(clips, f"embeddings:{tmp_path / 'made.parquet'}", PinkNoise(0.0))


RUN = """
import sys
from earwitness.audio.perturbations import PROFILES
from earwitness.datasets import load_clips
from earwitness.extraction import embed_all
import numpy as np
rows = embed_all(load_clips(sys.argv[1]), ["mfcc"], [None, *PROFILES["quick"][:6]], jobs=1)
np.save(sys.argv[2], np.stack([e.vectors for row in rows for e in row]))
"""


def test_killed_at_any_moment_it_goes_on_to_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    def run(cache: str, kill_after_shards: int | None = None) -> Path:
        out = tmp_path / f"{cache}.npy"
        environment = {**os.environ, "EARWITNESS_CACHE": str(tmp_path / cache)}
        process = subprocess.Popen([sys.executable, "-c", RUN, str(folder), str(out)], env=environment)
        while kill_after_shards is not None and process.poll() is None:
            if len(list((tmp_path / cache).rglob("*.npz"))) >= kill_after_shards:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        process.wait(timeout=120)
        return out

    for kill_after in (1, 5):
        run("killed", kill_after)
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("[!.]*.npz")}
    assert 0 < len(finished) < 21
    killed = np.load(run("killed"))
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    rows = embed_all(load_clips(folder), ["mfcc"], [None, *PROFILES["quick"][:6]], jobs=1)
    np.testing.assert_array_equal(killed, np.stack([e.vectors for row in rows for e in row]))
