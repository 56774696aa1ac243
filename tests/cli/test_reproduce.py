"""A published experiment runs from a folder of sound to tables and figures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

Run = Callable[..., tuple[int, str, str]]
RATE = 16_000


def test_an_experiment_that_does_not_exist_is_answered_with_the_nearest(run: Run, tmp_path: Path) -> None:
    code, _, err = run("reproduce", "kim2018", str(tmp_path), "-e", "mfcc", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "Did you mean 'kim2019'?" in err


def test_without_an_encoder_there_is_nothing_to_compare(run: Run, tmp_path: Path) -> None:
    code, _, err = run("reproduce", "kim2019", "demo", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "an encoder or more" in err


@pytest.mark.slow
def test_kim_2019_runs_at_the_small_scale_and_again_from_what_was_kept(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(12):
        time_s = np.arange(2 * RATE) / RATE
        sound = 0.2 * np.sin(2 * np.pi * 220 * 2 ** (i / 3) * time_s) + 0.02 * rng.normal(size=len(time_s))
        (tmp_path / "clips" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "clips" / "ab"[i % 2] / f"{i}.wav", sound, RATE)
    out = tmp_path / "out"
    command = ["reproduce", "kim2019", str(tmp_path / "clips"), "-e", "mfcc-120", "--out", str(out), "--jobs", "1"]
    code, _, err = run(*command)
    assert code == 0, err
    assert "encoder F(" in (out / "analyses.txt").read_text()
    order = pd.read_csv(out / "tables" / "ranking.csv")
    assert set(order["encoder"]) == {"mfcc", "random", "mfcc-120"}
    assert {"mfcc-dtw", "chroma-dtw", "stft-dtw"} <= set(order["reference"].dropna())
    assert (out / "figures" / "4.07-consistency-cosine.svg").stat().st_size > 10_000
    assert (out / "report.html").stat().st_size < 10_000_000
    before = order.to_csv()
    assert run(*command)[0] == 0
    assert pd.read_csv(out / "tables" / "ranking.csv").to_csv() == before
