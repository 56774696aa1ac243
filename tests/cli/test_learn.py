"""`earwitness learn` as a person runs it: what it prints, what it refuses and how it goes on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

Run = Callable[..., tuple[int, str, str]]
RATE = 22050
QUICK = ("--epochs", "1", "--width", "0.125", "--features", "8", "--batch", "8", "--jobs", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        tone = np.sin(2 * np.pi * (200 + 50 * number) * np.arange(int(RATE * 3)) / RATE)
        soundfile.write(folder / f"{number}.wav", 0.3 * tone + rng.normal(0, 0.01, len(tone)), RATE)
        rows.append({"path": f"{number}.wav", "genre": ("low", "high")[number // 10], "one": "same"})
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"


def learn(run: Run, manifest: Path, out: Path, *more: str) -> tuple[int, str, str]:
    return run("learn", str(manifest), "--out", str(out), "--least-clips", "8", *QUICK, *more)


def refused(err: str) -> str:
    last = err.strip().splitlines()[-1]
    assert last.startswith("earwitness: "), err
    assert "Traceback" not in err
    assert len(last) < 400
    return last


def test_an_encoder_is_trained_told_of_and_audited(run: Run, manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    code, told, err = learn(run, manifest, out, "--sources", "genre,self", "--strategy", "ms-sr@fc")
    assert code == 0, err
    assert "parameters" in err  # how large, and how long it will take
    assert "seconds of training" in err
    assert "validation clips" in told
    assert f"-e learned:{out}" in told
    assert [row["source"] for row in json.loads((out / "model.json").read_text())["learnt"]] == ["genre", "self"]
    code, _, err = run("check-encoder", f"learned:{out}")
    assert code == 0, err
    code, told, _ = learn(run, manifest, out, "--sources", "genre,self", "--strategy", "ms-sr@fc", "--json")
    assert code == 0
    assert json.loads(told)["run"]["strategy"] == "ms-sr@fc"


def test_sources_are_listed_with_what_is_missing(run: Run, manifest: Path, tmp_path: Path) -> None:
    more = ("--list-sources", "--json")
    code, told, err = run("learn", str(manifest), "--least-clips", "8", "--jobs", "1", *more)
    assert code == 0, err
    rows = {row["source"]: row for row in json.loads(told)}
    assert rows["genre"]["offered"]
    assert rows["genre"]["clips"] == 20
    assert not rows["tags"]["offered"]
    assert "needs a column 'tags'" in rows["tags"]["why"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--sources", "tags"), "the source tags needs a column"),
        (("--sources", "genre", "--least-clips", "100"), "needs 100 training clips with a label, but has 18"),
        (("--sources", "genres"), "did you mean 'genre'?"),
        (("--sources", ""), "none is named"),
        (("--strategy", "ms-cr@3"), "no strategy 'ms-cr@3'"),
        (("--strategy", "ss-r", "--sources", "self,genre"), "ss-r learns from one source"),
        (("--scale", "huge"), "no scale 'huge': there are full and desk"),
        (("--group", "singer"), "--group 'singer': the clips have no such column"),
        (("--coverage", "some"), "no coverage 'some'"),
        (("--learning-rate", "-1"), "a learning rate is above 0"),
        (("--width", "0"), "a width lies above 0"),
        (("--device", "abacus"), "torch has no device 'abacus'"),
    ],
)
def test_bad_options_get_one_sentence(run: Run, manifest: Path, tmp_path: Path, more: tuple, expected: str) -> None:
    code, _, err = learn(run, manifest, tmp_path / "model", *more)
    assert code == 2
    assert expected in refused(err)


def test_one_class_short_clips_and_a_checkpoint_of_another_architecture_get_one_sentence(
    run: Run, manifest: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(manifest)
    one = manifest.parent / "one.csv"
    table.assign(genre="jazz").to_csv(one, index=False)
    code, _, err = learn(run, one, tmp_path / "one", "--sources", "genre")
    assert code == 2
    assert "genre" in refused(err)
    short = manifest.parent / "short.csv"
    table.assign(start=0.0, duration=1.0).to_csv(short, index=False)
    code, _, err = learn(run, short, tmp_path / "short", "--sources", "genre")
    assert code == 2
    assert "20 of 20 clips are shorter than a chunk of 2.51 s" in refused(err)
    out = tmp_path / "model"
    assert learn(run, manifest, out, "--sources", "genre", "--strategy", "ss-r")[0] == 0
    (out / "run.json").unlink()
    code, _, err = learn(run, manifest, out, "--sources", "genre", "--strategy", "ss-r", "--features", "16")
    assert code == 2
    assert "holds files that no training left there" in refused(err)
    (tmp_path / "other").mkdir()
    assert (
        learn(run, manifest, tmp_path / "other", "--sources", "genre", "--strategy", "ss-r", "--features", "16")[0] == 0
    )
    (tmp_path / "other" / "checkpoint.pt").write_bytes((out / "checkpoint.pt").read_bytes())
    code, _, err = learn(
        run, manifest, tmp_path / "other", "--sources", "genre", "--strategy", "ss-r", "--features", "16"
    )
    assert code == 2
    assert "is a checkpoint of another architecture" in refused(err)
