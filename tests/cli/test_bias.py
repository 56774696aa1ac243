"""`earwitness audit --domain`: bias and correction from sound to page, and a sentence where they cannot be asked."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

Run = Callable[..., tuple[int, str, str]]
RATE = 8000


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three notes, each with and without a hum."""
    folder = tmp_path_factory.mktemp("domains")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        note, hum = i % 3, (i // 3) % 2
        t = np.arange(RATE) / RATE
        sound = 0.2 * np.sin(2 * np.pi * (300 + 40 * note) * t) + 0.05 * rng.normal(size=RATE)
        sound += 0.1 * hum * np.sin(2 * np.pi * 100 * t)
        soundfile.write(folder / f"{i}.wav", sound, RATE)
        rows.append({"path": f"{i}.wav", "label": "abc"[note], "microphone": ("near", "far")[hum], "half": i < 30})
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"


def test_bias_and_correction_are_printed_and_written(run: Run, manifest: Path, tmp_path: Path) -> None:
    ask = ["--domain", "microphone", "--audits", "bias,correction", "--no-controls", "--jobs", "1"]
    code, out, err = run("audit", str(manifest), "-e", "mfcc", *ask, "--out", str(tmp_path))
    assert code == 0, err
    assert "What it knows of the domain" in out
    assert "What is left of the domain" in out
    result = json.loads((tmp_path / "results" / "bias-mfcc.json").read_text())
    assert result["parameters"]["domains"] == ["far", "near"]
    assert result["verdicts"][1]["status"] == "breaks"
    page = (tmp_path / "report.html").read_text()
    assert "Does it know the data set better than the music?" in page
    assert "Bias" in (tmp_path / "model-card-mfcc.md").read_text()


def test_where_label_and_domain_say_the_same_a_line_says_so_and_the_rest_is_done(
    run: Run, manifest: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(manifest)
    table["site"] = table["label"].map({"a": "x", "b": "y", "c": "z"})
    table.to_csv(manifest.with_name("same.csv"), index=False)
    ask = ["--domain", "site", "--audits", "bias", "--no-controls", "--out", str(tmp_path)]
    code, _, err = run("audit", str(manifest.with_name("same.csv")), "-e", "mfcc", *ask)
    assert code == 2
    assert "the bias audit cannot be done: 'label' says the same as 'site'" in err
    code, _, err = run("audit", str(manifest), "-e", "mfcc", "--audits", "bias", "--out", str(tmp_path))
    assert code == 2
    assert "needs a column of domains (--domain)" in err
