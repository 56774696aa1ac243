"""`earwitness learn --task` as a person types it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

Run = Callable[..., tuple[int, str, str]]
RATE = 16_000


def tones(folder: Path, n: int = 10) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        time_s = np.arange(round(2.5 * RATE)) / RATE
        sound = 0.2 * np.sin(2 * np.pi * (300 if i % 2 else 3000) * time_s) + 0.02 * rng.normal(size=len(time_s))
        soundfile.write(folder / f"{i}.wav", sound, RATE)
        rows.append({"path": f"{i}.wav", "label": "ab"[i % 2]})
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"


def test_a_task_is_learnt_with_copies_audited_and_told(run: Run, tmp_path: Path) -> None:
    clips, model = str(tones(tmp_path)), tmp_path / "model"
    small = ["--width", "0.0625", "--features", "8", "--batch", "4", "--steps", "2", "--jobs", "1"]
    copies = ["--consistency", "loss", "--perturb", "pink-noise:12", "--validation", "0.2"]
    code, out, err = run("learn", clips, "--task", "instruments", "--out", str(model), *small, *copies)
    assert code == 0, err
    assert "accuracy, network:" in out
    assert "most frequent class" in out
    card = (model / "model-card.md").read_text()
    assert "the relative distance of changed copies in the loss, with weight 1 (pink noise 12 dB)" in card
    code, _, err = run("check-encoder", f"learned:{model}")
    assert code == 0, err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--consistency", "loss"], "--consistency has no effect without --task"),
        (["--steps", "3"], "--steps has no effect without --task"),
        (["--task", "autoencoder", "--strategy", "ss-r"], "--strategy has no effect with --task"),
        (["--task", "autoencoder", "--scale", "tiny"], "no scale 'tiny': there are desk and full"),
        (["--task", "autoencoder", "--consistency", "loss", "--perturb", "pich:3"], "Did you mean 'pitch'"),
        (["--task", "separation"], "which clips are of the target: --target VALUE"),
        (["--task", "tagging"], "no column 'tags' of tags"),
    ],
)
def test_bad_options_are_told_in_one_sentence(run: Run, tmp_path: Path, options: list[str], words: str) -> None:
    code, _, err = run("learn", str(tones(tmp_path, 2)), "--out", str(tmp_path / "model"), *options)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
