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
    code, _, err = run("reproduce", "kim2119", str(tmp_path), "-e", "mfcc", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "Did you mean 'kim2019'?" in err


def test_without_an_encoder_there_is_nothing_to_compare(run: Run, tmp_path: Path) -> None:
    code, _, err = run("reproduce", "kim2019", "demo", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "an encoder or more" in err


def test_training_is_refused_where_a_recipe_has_nothing_to_train(run: Run, tmp_path: Path) -> None:
    code, _, err = run("reproduce", "shenanigans", "demo", "--train", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "--train has no effect with shenanigans" in err


@pytest.mark.slow
@pytest.mark.timeout(3600)
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


def test_a_table_of_vectors_cannot_be_changed_by_linear_maps(run: Run, tmp_path: Path) -> None:
    tones(tmp_path / "clips", 4)
    file = tmp_path / "vectors.parquet"
    assert run("embed", str(tmp_path / "clips"), "-e", "mfcc", "--out", str(file), "--jobs", "1")[0] == 0
    audit = ["audit", str(tmp_path / "clips"), "-e", f"embeddings:{file}", "--audits", "linear_maps", "--no-controls"]
    code, _, err = run(*audit, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "the linear_maps audit must change the sound" in err


def test_shenanigans_say_what_they_want(run: Run, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert "shenanigans wants a folder of genres" in run("reproduce", "shenanigans", *out)[2]
    tones(tmp_path / "one", 4, names=("only",))
    code, _, err = run("reproduce", "shenanigans", str(tmp_path / "one"), *out)
    assert code == 2
    assert "there are no two labels to compare groups with" in err


@pytest.mark.slow
def test_shenanigans_run_from_folders_to_the_printed_tables(run: Run, tmp_path: Path) -> None:
    tones(tmp_path / "genres", 24, names=("blues", "jazz", "pop"))
    (tmp_path / "genres" / "jazz" / "jazz.00054.wav").write_bytes((tmp_path / "genres/jazz/1.wav").read_bytes())
    tones(tmp_path / "new", 6, names=("gaana",), high=2)
    out = tmp_path / "out"
    sources = [str(tmp_path / "genres"), str(tmp_path / "new")]
    code, _, err = run("reproduce", "shenanigans", *sources, "-e", "mfcc-120", "--out", str(out), "--jobs", "1")
    assert code == 0, err
    assert "jazz.00054 is left out: corrupt" in (out / "notes.txt").read_text()
    assert "Figure 4: none of the encoders has gradients" in (out / "notes.txt").read_text()
    first = pd.read_csv(out / "tables" / "table-1.csv")
    fcn = first[(first["model"] == "FCN") & (first["clusters"] == 7)].iloc[0]
    assert fcn[["K-Means printed", "GMM s.d. printed"]].tolist() == [0.611, 0.0293]
    assert np.isnan(fcn["K-Means raw"])
    ours = first[first["encoder"] == "mfcc-120"]
    assert ours["clusters"].tolist() == [7, 10]
    assert ours["K-Means raw"].between(0, 1).all()
    assert len(pd.read_csv(out / "tables" / "table-1-runs.csv")) == 3 * 2 * 2 * 3 * 2
    second = pd.read_csv(out / "tables" / "table-2.csv")
    affine = second[(second["map"] == "affine") & (second["encoder"] == "mfcc-120")]
    assert set(affine["change"]) == {"tempo +50 %", "pitch +702 cents"}
    assert set(affine["MSE printed"]) == {8.7669}
    assert (affine["MSE train"] < affine["MSE held out"]).all()
    for name in (
        "figure-1-map-mfcc-120",
        "figure-2-number-of-groups",
        "figure-3-confusion-7-mfcc-120",
        "figure-5-map-mfcc-120",
    ):
        assert (out / "figures" / f"{name}.svg").stat().st_size > 5_000
    assert "gaana" in (out / "report.html").read_text()


def tones(folder: Path, count: int, names: tuple[str, ...] = ("a", "b"), high: int = 0) -> None:
    """Two seconds of tones with noise, in one sub-folder a name, each name an octave above the one before."""
    rng = np.random.default_rng(high)
    for i in range(count):
        place = i % len(names)
        time_s = np.arange(2 * RATE) / RATE
        sound = 0.2 * np.sin(2 * np.pi * 220 * 2 ** (place + high + i / 50) * time_s)
        (folder / names[place]).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / names[place] / f"{i}.wav", sound + 0.02 * rng.normal(size=len(time_s)), RATE)
