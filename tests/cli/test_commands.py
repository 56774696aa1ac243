"""Each command does what its help says, on real sound, and programs can read what it prints."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import typer.main

from earwitness.cli.app import app

Run = Callable[..., tuple[int, str, str]]
RATE = 16_000
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three pitches of tones, two groups each, told apart with ease."""
    rng = np.random.default_rng(1)
    rows = []
    for k, label in enumerate(("low", "middle", "high")):
        for i in range(8):
            time_s = np.arange(RATE) / RATE
            sound = 0.3 * np.sin(2 * np.pi * (200 + 600 * k + 9 * i) * time_s) + rng.normal(0, 0.02, RATE)
            soundfile.write(tmp_path / f"{label}-{i}.wav", sound, RATE)
            rows.append(
                {"path": f"{label}-{i}.wav", "pitch": label, "artist": f"artist {i}", "place": f"place {i % 2}"}
            )
    pd.DataFrame(rows).to_csv(tmp_path / "clips.csv", index=False)
    return tmp_path / "clips.csv"


def test_an_audit_of_real_sound_from_manifest_to_page_and_back(run: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [
        "--label",
        "pitch",
        "--domain",
        "place",
        "--profile",
        "quick",
        "--jobs",
        "1",
        "--out",
        str(out),
        "--json",
    ]
    code, printed, err = run("audit", str(source), "-e", "mfcc", *options)
    assert code == 0, err
    assert "(--group artist)" in err
    results = json.loads(printed)
    assert {(r["audit"], r["encoder"]) for r in results} == {
        (audit, encoder) for audit in ("transfer", "robustness", "structure") for encoder in ("mfcc", "random")
    }
    transfer = next(r for r in results if r["audit"] == "transfer" and r["encoder"] == "mfcc")
    table = pd.DataFrame(transfer["table"])
    overall = table[table["measure"] == "ROC-AUC"].iloc[0]
    assert overall["value"] == pytest.approx(1.0, abs=1e-6)
    assert {"place 0", "place 1"} <= set(table["by"].dropna())
    page = (out / "report.html").read_text()
    (out / "report.html").unlink()
    code, _, err = run("report", str(out / "results"), "--figures", "svg")
    assert code == 0, err
    assert (out / "report.html").read_text() == page
    assert list((out / "figures").glob("*.svg"))


def test_conditions_decide_the_exit_status(run: Run, source: Path, tmp_path: Path) -> None:
    options = [
        "--label",
        "pitch",
        "--audits",
        "transfer",
        "--no-controls",
        "--jobs",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    audit = ["audit", str(source), "-e", "mfcc", *options]
    assert run(*audit, "--fail-on", "transfer.roc_auc<0.9")[0] == 0
    code, _, err = run(*audit, "--fail-on", "transfer.roc_auc>0.9")
    assert code == 1
    assert "transfer.roc_auc>0.9" in err
    code, _, err = run(*audit, "--fail-on", "transfer.accuracy_of_nothing<1")
    assert code == 2
    assert "accuracy_of_nothing" in err


def test_embeddings_are_a_table_that_can_be_audited(run: Run, source: Path, tmp_path: Path) -> None:
    file = tmp_path / "vectors.parquet"
    code, printed, _ = run("embed", str(source), "-e", "mfcc", "-o", str(file), "--jobs", "1")
    assert code == 0
    assert "24 clips x 144 dimensions (mfcc)" in printed
    table = pd.read_parquet(file)
    assert np.stack(table["vector"]).shape == (24, 144)
    assert table["artist"].nunique() == 8
    options = ["--label", "pitch", "--no-controls", "--jobs", "1", "--out", str(tmp_path / "out"), "--json"]
    code, printed, err = run("audit", str(source), "-e", f"embeddings:{file}", *options)
    assert code == 0, err
    assert {r["audit"] for r in json.loads(printed)} == {"transfer", "structure"}


def test_perturbed_copies_are_as_long_as_asked_and_listed(run: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "changed"
    code, _, err = run("perturb", str(source), "-p", "tempo:0.5", "-p", "pitch:+100", "-o", str(out), "--jobs", "1")
    assert code == 0, err
    listed = pd.read_csv(out / "manifest.csv")
    assert len(listed) == 48
    for row in listed.itertuples():
        sound, rate = soundfile.read(out / row.path)
        seconds = 2.0 if "tempo" in row.perturbation else 1.0
        assert len(sound) / rate == pytest.approx(seconds, abs=256 / rate)


def test_a_perturbation_that_does_not_exist(run: Run, source: Path) -> None:
    code, _, err = run("perturb", str(source), "-p", "reverb:3")
    assert code == 2
    assert err.startswith("earwitness: ")


def test_an_encoder_is_checked(run: Run) -> None:
    code, printed, _ = run("check-encoder", "mfcc", "--json")
    assert code == 0
    assert {row["status"] for row in json.loads(printed)} <= {"pass", "warn"}


@pytest.mark.parametrize(("command", "expected"), [("encoders", "musicnn-msd"), ("datasets", "demo")])
def test_what_there_is_can_be_listed(run: Run, command: str, expected: str) -> None:
    assert expected in run(command)[1]
    assert expected in json.loads(run(command, "--json")[1])


def test_every_command_and_option_is_documented() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert f"earwitness {name}" in text
        for parameter in command.params:
            for option in parameter.opts:
                assert option.lstrip("-") in text, f"{name} {option}"


def test_the_version_is_printed(run: Run) -> None:
    code, printed, _ = run("--version")
    assert code == 0
    assert printed.startswith("earwitness 0.")


def test_new_labels_are_placed_and_clips_left_out(run: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "leave-out.txt").write_text("low-0\nnot-there\n")
    options = ["--label", "pitch", "--audits", "placement", "--no-controls", "--jobs", "1", "--json"]
    asked = ["--new", "middle", "--between", "middle:low:high", "--exclude", str(tmp_path / "leave-out.txt")]
    audit = ["audit", str(source), "-e", "mfcc", *options, "--out", str(tmp_path / "out")]
    code, printed, err = run(*audit, *asked)
    assert code == 0, err
    assert "1 names are of no clip; the first is 'not-there'" in err
    result = json.loads(printed)[0]
    assert result["parameters"]["clips"] == 23
    assert "left out by leave-out.txt" in result["skipped"]["reason"]
    table = pd.DataFrame(result["table"])
    t = table[(table["measure"] == "betweenness") & (table["to"] == "low – high")].iloc[0]
    assert t["of"] == "middle"
    assert 0 < t["value"] < 1
    code, _, err = run(*audit, "--new", "middle", "--between", "low:high")
    assert code == 2
    assert "write three labels, C:A:B" in err
    code, _, err = run(*audit)
    assert code == 2
    assert "name them with --new" in err
    code, _, err = run(*audit, "--new", "middle", "--colour", "mood")
    assert code == 2
    assert "--colour mood: the clips have no such column" in err
