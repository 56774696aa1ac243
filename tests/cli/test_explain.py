"""`earwitness explain` and `earwitness reproduce`, from tables on disk to a page, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    taste, kind = rng.integers(0, 3, 40), rng.integers(0, 3, 30)
    like = rng.random((40, 30)) < np.where(taste[:, None] == kind[None, :], 0.6, 0.15)
    rows = [(f"u{u}", f"i{i}", 1) for u, i in zip(*np.nonzero(like), strict=True)]
    pd.DataFrame(rows, columns=["user", "item", "weight"]).to_csv(tmp_path / "plays.csv", index=False)
    tags = [(f"i{i}", f"t{t}") for i in range(30) for t in {3 * kind[i], 3 * kind[i] + 1, *rng.choice(9, 2)}]
    pd.DataFrame(tags, columns=["item", "tag"]).to_csv(tmp_path / "tags.csv", index=False)
    return tmp_path / "plays.csv", tmp_path / "tags.csv"


def test_explanations_are_audited_from_tables_to_page(run: Run, tables: tuple[Path, Path], tmp_path: Path) -> None:
    plays, tags = tables
    out = tmp_path / "out"
    chosen = ["-r", "inn-3", "-r", "unn-3", "-r", "most-popular", "-x", "lime", "-x", "random", "--omega", "1,4"]
    code, text, noise = run("explain", str(plays), "--tags", str(tags), *chosen, "--out", str(out), "-j", "1")
    assert code == 0, noise
    assert "lime" in text
    assert "39 users, 30 items, 9 tags" in noise
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Fidelity against the number of tags" in page
    assert "What is said of inn-3" in page
    assert {"explanation", "explanation_model"} <= {name.name.split("-")[0] for name in (out / "results").iterdir()}


def test_programs_can_read_what_is_printed(run: Run, tables: tuple[Path, Path], tmp_path: Path) -> None:
    plays, tags = tables
    options = ["-r", "inn-3", "-x", "saliency", "--omega", "2", "--users", "10", "--items", "20", "--json", "-j", "1"]
    code, text, _ = run("explain", str(plays), "--tags", str(tags), *options, "--out", str(tmp_path / "out"))
    assert code == 0
    (result,) = json.loads(text)
    assert result["audit"] == "explanation"
    assert result["parameters"]["users"] == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-r", "wmrf-32"], "Did you mean 'wrmf'"),
        (["-x", "lme"], "Did you mean 'lime'"),
        (["--omega", "one"], "write whole numbers"),
        (["--item-column", "song"], "no column 'song' for the item"),
        (["--min-users", "1000"], "nothing is left"),
    ],
)
def test_bad_options_are_one_sentence(
    run: Run, tables: tuple[Path, Path], tmp_path: Path, options: list[str], words: str
) -> None:
    plays, tags = tables
    code, _, noise = run(
        "explain", str(plays), "--tags", str(tags), *options, "--out", str(tmp_path / "out"), "-j", "1"
    )
    assert code == 2
    assert words in noise
    assert "Traceback" not in noise


def test_recipes_are_listed_and_named(run: Run, tmp_path: Path) -> None:
    assert "kim-explain" in run("reproduce")[1]
    assert "kim-explain" in json.loads(run("reproduce", "--json")[1])
    code, _, noise = run("reproduce", "kim-explian", "--out", str(tmp_path))
    assert code == 2
    assert "Did you mean 'kim-explain'" in noise
    code, _, noise = run("reproduce", "kim-explain", "--out", str(tmp_path))
    assert code == 2
    assert "name the folder" in noise


@pytest.mark.slow
def test_the_thesis_experiment_runs_on_a_small_set_in_a_public_layout(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "set"
    folder.mkdir()
    like = [(u, i, 9) for u in range(80) for i in rng.choice(60, 25, replace=False)]
    pd.DataFrame(like, columns=["userID", "artistID", "weight"]).to_csv(
        folder / "user_artists.dat", sep="\t", index=False
    )
    tags = [(0, i, t, 1, 1, 2009) for i in range(60) for t in rng.choice(40, 20, replace=False)]
    names = ["userID", "artistID", "tagID", "day", "month", "year"]
    pd.DataFrame(tags, columns=names).to_csv(folder / "user_taggedartists.dat", sep="\t", index=False)
    words = pd.DataFrame({"tagID": range(40), "tagValue": [f"word {t}" for t in range(40)]})
    words.to_csv(folder / "tags.dat", sep="\t", index=False)
    artists = pd.DataFrame({"id": range(60), "name": [f"artist {i}" for i in range(60)]})
    artists.to_csv(folder / "artists.dat", sep="\t", index=False)
    out = tmp_path / "out"
    code, text, noise = run("reproduce", "kim-explain", str(folder), "--quick", "--out", str(out), "-j", "1")
    assert code == 0, noise
    assert "LIME is truest" in text
    written = {path.name for path in out.iterdir()}
    assert {"table-5.1.csv", *(f"figure-5.{n}.svg" for n in range(2, 7)), "report.html"} <= written
