"""Bad input gets one clear sentence and exit status 2, never a traceback; what can be done is done."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

Run = Callable[..., tuple[int, str, str]]
RATE = 22_050


def tones(folder: Path, labels: tuple[str, ...] = ("high", "low"), each: int = 6, seconds: float = 1.0) -> Path:
    """A folder of sub-folders of short tones with a little noise."""
    rng = np.random.default_rng(0)
    for k, label in enumerate(labels):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            time_s = np.arange(int(RATE * seconds)) / RATE
            tone = np.sin(2 * np.pi * (300 + 500 * k + 7 * i) * time_s)
            soundfile.write(folder / label / f"{i}.wav", 0.3 * tone + rng.normal(0, 0.01, len(time_s)), RATE)
    return folder


def audit(run: Run, source: Path | str, out: Path, *more: str) -> tuple[int, str, str]:
    options = ["-e", "mfcc", "--no-controls", "--profile", "quick", "--jobs", "1", "--out", str(out)]
    return run("audit", str(source), *options, *more)


def assert_one_sentence(err: str) -> None:
    last = err.strip().splitlines()[-1]
    assert last.startswith("earwitness: "), err
    assert "Traceback" not in err
    assert len(last) < 500


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder / "missing", "missing"),
        (lambda folder: (folder / "empty").mkdir() or folder / "empty", "no audio"),
        (lambda folder: folder / "none.csv", "none.csv"),
    ],
    ids=["missing folder", "empty folder", "missing manifest"],
)
def test_a_source_that_is_not_there(run: Run, tmp_path: Path, make: Callable[[Path], Path], expected: str) -> None:
    code, _, err = audit(run, make(tmp_path), tmp_path / "out")
    assert code == 2
    assert_one_sentence(err)
    assert expected in err


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"sound": ["a.wav"]}, "sound"),
        ({"path": ["../outside.wav"]}, "outside"),
        ({"path": ["tones/high/0.wav", "tones/high/1.wav"], "clip": ["a", "a"]}, "'a'"),
        ({"path": ["tones/high/0.wav"], "start": ["soon"]}, "soon"),
    ],
    ids=["no audio column", "leaves its folder", "duplicate ids", "start is no number"],
)
def test_a_manifest_that_is_wrong(run: Run, tmp_path: Path, rows: dict[str, list[str]], expected: str) -> None:
    tones(tmp_path / "tones")
    soundfile.write(tmp_path.parent / "outside.wav", np.zeros(10), RATE)
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    code, _, err = audit(run, tmp_path / "manifest.csv", tmp_path / "out")
    assert code == 2
    assert_one_sentence(err)
    assert expected in err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--label", "genre"], "genre"),
        (["--audits", "transfr"], "transfr"),
        (["-e", "musicn-msd"], "Did you mean"),
        (["--fail-on", "transfer=3"], "--fail-on"),
        (["-e", "python:nowhere.py:x"], "nowhere.py"),
    ],
    ids=["label", "audit", "encoder", "condition", "python file"],
)
def test_an_option_that_is_wrong(run: Run, tmp_path: Path, options: list[str], expected: str) -> None:
    code, _, err = audit(run, tones(tmp_path / "tones"), tmp_path / "out", *options)
    assert code == 2
    assert_one_sentence(err)
    assert expected in err


def test_one_class_alone_is_said_and_the_rest_is_done(run: Run, tmp_path: Path) -> None:
    code, _, err = audit(run, tones(tmp_path / "tones", labels=("only",)), tmp_path / "out", "--audits", "robustness")
    assert code == 0
    assert "same label" in err
    code, _, err = audit(run, tmp_path / "tones", tmp_path / "out", "--audits", "transfer")
    assert code == 2
    assert_one_sentence(err)


def test_bad_files_among_good_ones_are_skipped_counted_and_listed(run: Run, tmp_path: Path) -> None:
    source = tones(tmp_path / "tones")
    (source / "high" / "text.wav").write_text("these are words")
    (source / "high" / "nothing.flac").write_bytes(b"")
    soundfile.write(source / "low" / "silent.wav", np.zeros(RATE), RATE)
    whole = (source / "low" / "0.wav").read_bytes()
    (source / "low" / "cut.wav").write_bytes(whole[: len(whole) // 3])
    code, out, err = audit(run, source, tmp_path / "out", "--audits", "robustness")
    assert code == 0, err
    page = (tmp_path / "out" / "report.html").read_text()
    for name in ("text.wav", "nothing.flac", "silent.wav", "cut.wav"):
        assert name in page
    assert "12" in out


def test_hostile_names_reach_the_page_as_text(run: Run, tmp_path: Path) -> None:
    source = tones(tmp_path / "tones", labels=("<script>document.title='owned'<", "new\nline"))
    code, _, err = audit(run, source, tmp_path / "out")
    assert code == 0, err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>document.title" not in page


def test_an_output_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = audit(run, tones(tmp_path / "tones"), tmp_path / "file" / "out")
    assert code == 2
    assert_one_sentence(err)


@pytest.mark.parametrize("fault", ["nan", "shape"])
def test_an_encoder_that_breaks_the_protocol(run: Run, tmp_path: Path, fault: str) -> None:
    source = tones(tmp_path / "tones")
    returned = {"nan": "np.full((len(audio), 4), np.nan)", "shape": "np.zeros((len(audio), 3))"}[fault]
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Mine:\n"
        "    name, revision, sample_rate, embedding_size, window = 'mine', '1', 16000, 4, None\n"
        f"    def encode(self, audio): return {returned}.astype(np.float32)\n"
    )
    code, _, err = run(
        "audit", str(source), "-e", f"python:{tmp_path / 'mine.py'}:Mine", "--no-controls", "--jobs", "1", "--out",
        str(tmp_path / "out"),
    )  # fmt: skip
    assert code == 2
    assert_one_sentence(err)
    assert "mine" in err
