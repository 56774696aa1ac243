"""`earwitness correct`: fit on one table, apply to another, audit what comes out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer.main

from earwitness.cli import correct
from earwitness.embeddings import Embeddings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two data sets that differ by a shift, four genres of which one is in the second only."""
    rng = np.random.default_rng(0)
    n = 240
    second = rng.integers(0, 2, n)
    genre = np.array(["pop_rock", "jazz_blue", "classical", "country_folk"])[rng.integers(0, 4, n)]
    genre[(genre == "country_folk") & (second == 0)] = "pop_rock"
    vectors = rng.normal(size=(n, 8)) + 3 * second[:, None] * np.eye(8)[0]
    columns = {"clip": [f"c{i}" for i in range(n)], "dataset": np.array(["IRMAS", "OpenMIC"])[second], "genre": genre}
    Embeddings(vectors.astype(np.float32), pd.DataFrame(columns), "enc", "1", "both").to_parquet(
        tmp_path / "in.parquet"
    )
    return tmp_path / "in.parquet"


def test_fit_and_apply_take_the_shift_out(run: Run, table: Path, tmp_path: Path) -> None:
    fitted, out = tmp_path / "mean.json", tmp_path / "out.parquet"
    code, printed, err = run("correct", "fit", str(table), "--domain", "dataset", "--method", "mean", "-o", str(fitted))
    assert code == 0, err
    assert "1 of 8 dimensions removed" in printed
    assert "mean.safetensors" in printed
    code, printed, err = run("correct", "apply", str(fitted), str(table), "--out", str(out))
    assert code == 0, err
    assert "240 clips x 8 dimensions" in printed
    before, after = Embeddings.from_parquet(table), Embeddings.from_parquet(out)
    assert after.encoder == "enc+mean"

    def gap(e: Embeddings) -> float:
        first = e.column("dataset") == "IRMAS"
        return float(np.linalg.norm(e.vectors[first].mean(0) - e.vectors[~first].mean(0)))

    assert gap(before) > 2.5
    assert gap(after) < 1e-5


def test_a_degenerate_genre_is_left_out_and_said(run: Run, table: Path, tmp_path: Path) -> None:
    fit = ["correct", "fit", str(table), "--domain", "dataset", "--strata", "genre", "--method", "mlda"]
    code, printed, err = run(*fit, "--out", str(tmp_path / "mlda.json"))
    assert code == 0, err
    assert "3 of 8 dimensions removed" in printed
    assert "stratum country_folk left out: 0, " in err
    published = ["--option", "on_degenerate=as_published", "--option", "standardize=none", "--json"]
    code, printed, err = run(*fit, *published, "--out", str(tmp_path / "published.json"))
    assert code == 0, err
    found = json.loads(printed)
    assert found["removed"] == 4
    assert found["clips"]["IRMAS"] + found["clips"]["OpenMIC"] == 240
    assert found["method"] == "mlda"


def test_programs_can_read_what_is_printed(run: Run, table: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "z.json")
    code, printed, _ = run(
        "correct", "fit", str(table), "--domain", "dataset", "--method", "zscore", "-o", out, "--json"
    )
    assert code == 0
    assert json.loads(printed)["removed"] is None
    code, printed, _ = run("correct", "apply", out, str(table), "-o", str(tmp_path / "o.parquet"), "--json")
    assert code == 0
    assert json.loads(printed)["dimensions"] == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--domain", "data"], "no column 'data'"),
        (["--domain", "dataset", "--method", "lad"], "Did you mean 'lda'"),
        (["--domain", "dataset", "--method", "mlda"], "needs strata"),
        (["--domain", "dataset", "--option", "kernel"], "write NAME=VALUE"),
        (["--domain", "dataset", "--option", "kernal=rff"], "has no option 'kernal'"),
        (["--domain", "dataset", "--option", "kernel=rbf"], "choose 'rff'"),
        (["--domain", "dataset", "--option", "shrinkage=full"], "choose 'auto' or a number"),
        (["--domain", "dataset", "--method", "inlp", "--option", "C=-1"], "C above 0"),
        (["--domain", "clip", "--method", "inlp"], "needs 3 clips"),
    ],
)
def test_wrong_options_get_one_sentence(run: Run, table: Path, tmp_path: Path, options: list[str], words: str) -> None:
    code, _, err = run("correct", "fit", str(table), *options, "--out", str(tmp_path / "c.json"))
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert last.startswith("earwitness: ")
    assert words in last
    assert not (tmp_path / "c.json").exists()


def test_files_that_are_not_what_they_should_be_get_one_sentence(run: Run, table: Path, tmp_path: Path) -> None:
    code, _, err = run("correct", "apply", str(table), str(table), "--out", str(tmp_path / "o.parquet"))
    assert code == 2
    assert err.startswith("earwitness: ")
    code, _, err = run("correct", "fit", str(tmp_path / "nowhere.parquet"), "--domain", "dataset")
    assert code == 2
    assert "nowhere.parquet" in err


def test_both_commands_and_their_options_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in typer.main.get_command(correct.app).commands.items():  # type: ignore[attr-defined]
        assert f"earwitness correct {name}" in text
        for parameter in command.params:
            for option in parameter.opts:
                assert option.lstrip("-") in text, f"correct {name} {option}"
