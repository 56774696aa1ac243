"""`earwitness invert`, from sound on disk to a page, sounds and pictures; and what it refuses."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from earwitness.audits import Descent
from earwitness.datasets import load_clips
from earwitness.inverting import Wish, invert
from earwitness.pipeline import Workers
from earwitness.store import ArrayFiles

Run = Callable[..., tuple[int, str, str]]
RATE = 8000

ENCODER = '''
import numpy as np, torch
from earwitness.encoders import frontends

class Projection:
    """A random projection of log-mel frames, in torch."""
    name, revision, sample_rate, embedding_size, window = "projection", "1", 8000, 10, 0.5

    def embed_tensor(self, audio):
        power = frontends.mel_spectrogram(audio, 8000, n_fft=256, hop=128, n_mels=20)
        W = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 10)).astype(np.float32))
        return (torch.log10(power + 1e-10).mean(2) @ W) / 20

    def encode(self, audio):
        with torch.no_grad():
            return self.embed_tensor(torch.from_numpy(audio)).numpy()

def encoder():
    return Projection()
'''


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Three labels of six tones of a second and a half, one label of a single clip, and a clip that is too short."""
    folder = tmp_path / "music"
    rng = np.random.default_rng(0)
    for k, label in enumerate(("low", "middle", "high <b>")):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            time_s = np.arange(RATE * 3 // 2) / RATE
            tone = 0.2 * np.sin(2 * np.pi * (200 * 3**k + 7 * i) * time_s) + 0.02 * rng.normal(size=len(time_s))
            soundfile.write(folder / label / f"{i}.wav", tone, RATE)
    (folder / "single").mkdir()
    soundfile.write(folder / "single" / "one.wav", 0.1 * rng.normal(size=RATE), RATE)
    soundfile.write(folder / "low" / "short.wav", 0.1 * rng.normal(size=RATE // 4), RATE)
    (tmp_path / "mine.py").write_text(ENCODER, encoding="utf-8")
    return folder


def command(music: Path, out: Path, *more: str) -> list[str]:
    spec = f"python:{music.parent / 'mine.py'}:encoder"
    return ["invert", str(music), "-e", spec, "--listener", "mfcc", "-j", "1", "--out", str(out), *more]


def test_a_label_is_inverted_from_sound_to_page(run: Run, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text, err = run(*command(music, out, "--target", "high <b>", "--steps", "30", "--starts", "2"))
    assert code == 0, err
    assert "A sound made of noise lies nearer to the mean of “high <b>”" in " ".join(text.split())
    page = (out / "report.html").read_text(encoding="utf-8")
    assert len(page) < 10_000_000
    assert "high <b>" not in page
    assert "Hear what was made" in page
    assert page.count("<audio") >= 6 * 2
    assert "Spectrogram of the sound made for the mean of" in page
    runs = {"class", "class-2", "thresholded", "regularised", "clip", "other", "untrained"}
    assert {file.stem for file in (out / "sounds").iterdir()} == runs
    assert len(list((out / "pictures").glob("*.png"))) == 5
    result = json.loads(next((out / "results").glob("inversion*.json")).read_text(encoding="utf-8"))
    assert result["parameters"]["untrained"] == "random"  # a stranger's network has no untrained twin
    assert "shorter than the sound of 0.5 s" in result["skipped"]["reason"][0]
    page_before = page
    (out / "report.html").unlink()
    assert run("report", str(out / "results"))[0] == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page_before


def test_the_sound_that_is_written_is_the_one_that_was_measured(run: Run, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--target", "low", "--steps", "30", "--starts", "1", "--no-controls", "--json"]
    code, printed, err = run(*command(music, out, *options))
    assert code == 0, err
    (result,) = json.loads(printed)
    table = pd.DataFrame(result["table"])
    measured = table[(table["measure"] == "loss") & (table["run"] == "class")]["value"].item()
    sound, rate = soundfile.read(out / "sounds" / "class.flac", dtype="float32")
    assert (rate, len(sound)) == (RATE, RATE // 2)
    scope: dict = {}
    exec(ENCODER, scope)
    encoder = scope["encoder"]()
    clips = load_clips(music).where(label="low").take(range(6)).excerpt(0.5)
    target = np.concatenate([encoder.encode(clip.load()[None]) for clip in clips]).astype(float).mean(0)
    again = np.square(encoder.encode(sound[None])[0].astype(float) - target.astype(np.float32)).mean()
    assert measured == pytest.approx(again, rel=1e-6)


SOUGHT = """
import sys
from pathlib import Path
from earwitness.audits import Descent
from earwitness.datasets import load_clips
from earwitness.inverting import Wish, invert
from earwitness.pipeline import Workers

music, out, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
descent = Descent(steps=steps, patience=steps, total_variation=1.0, jitter=20)
wish = Wish("low", label="label", descent=descent, controls=False, starts=1)
invert(load_clips(music), f"python:{music.parent / 'mine.py'}:encoder", wish, out, Workers(jobs=1))
"""


def sought(music: Path, out: Path, steps: int) -> list[str]:
    return [sys.executable, "-c", SOUGHT, str(music), str(out), str(steps)]


def test_killed_and_started_again_it_writes_the_same_sound(music: Path, tmp_path: Path) -> None:
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    checkpoint = killed / "checkpoints" / "class.safetensors"
    with subprocess.Popen(sought(music, killed, 1_000_000)) as process:
        while not checkpoint.is_file() and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    steps = len(ArrayFiles(killed / "checkpoints")["class"]["losses"])
    for out in (killed, straight):
        subprocess.run(sought(music, out, steps + 50), check=True)
    sounds = [(out / "sounds" / "class.flac").read_bytes() for out in (killed, straight)]
    assert sounds[0] == sounds[1]


def test_the_numbers_are_the_same_for_any_number_of_descents_side_by_side(music: Path, tmp_path: Path) -> None:
    clips, spec = load_clips(music), f"python:{music.parent / 'mine.py'}:encoder"
    wish = Wish("middle", label="label", descent=Descent(steps=30), listeners=("mfcc",))
    first, second = (invert(clips, spec, wish, tmp_path / str(n), Workers(jobs=n))[0] for n in (1, 2))
    pd.testing.assert_frame_equal(first.table, second.table)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "hgih <b>"], "Did you mean 'high <b>'?"),
        (["--target", "single"], "'single' has one clip, whose mean is the clip itself"),
        (["--target", "low", "--seconds", "2"], "none of the 20 clips lasts 2 s"),
        (["--target", "low", "--seconds", "0.1"], "shorter than the window of projection"),
        (["--target", "low", "--label", "genre"], "no column 'genre'"),
        (["--target", "low", "--rate", "0"], "learning rate is 0"),
        (["--target", "low", "-e", "mfcc"], "mfcc has no gradients"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, music: Path, tmp_path: Path, options: list[str], words: str) -> None:
    code, _, err = run(*command(music, tmp_path / "out", *options, "--no-controls"))
    assert code == 2
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("earwitness: ")
    assert words in sentence


def test_clips_that_are_the_same_are_one_sentence(run: Run, music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "same"
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for i in range(2):
            (folder / label / f"{i}.wav").write_bytes((music / "low" / "0.wav").read_bytes())
    code, _, err = run(*command(folder, tmp_path / "out", "--target", "a", "--no-controls"))
    assert code == 2
    assert "all 4 clips have the same vector" in err


def test_a_damaged_checkpoint_is_named(run: Run, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "checkpoints").mkdir(parents=True)
    (out / "checkpoints" / "class.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00notjson!")
    code, _, err = run(*command(music, out, "--target", "low", "--no-controls", "--steps", "5"))
    assert code == 2
    assert "class.safetensors cannot be read" in err
    assert "remove it" in err
