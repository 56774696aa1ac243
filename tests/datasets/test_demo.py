"""The bundled demo: what it promises, and that every file of it is credited."""

from pathlib import Path

import pytest

import earwitness.datasets
from earwitness.datasets import list_datasets, load_clips

FOLDER = Path(earwitness.datasets.__file__).parent / "demo"
INSTRUMENTS = ["cello", "clarinet", "flute", "guitar", "saxophone", "violin"]


def test_two_domains_share_six_labels():
    clips = load_clips("demo")
    table = clips.table
    assert clips.skipped.empty
    counts = table.groupby(["domain", "label"]).size().unstack()
    assert counts.columns.tolist() == INSTRUMENTS
    assert counts.loc["recorded"].tolist() == [15] * 6
    assert counts.loc["rendered"].tolist() == [20] * 6
    assert table["duration"].between(1, 4).all()
    assert not set(table["group"][table["domain"] == "recorded"]) & set(table["group"][table["domain"] == "rendered"])


@pytest.mark.parametrize("name", ["demo", "demo-excerpts"])
def test_every_clip_can_be_heard(name):
    for clip in load_clips(name):
        assert clip.load().size


def test_the_excerpts_are_music_speech_and_animals():
    assert load_clips("demo-excerpts").table["label"].value_counts().to_dict() == {
        "music": 18,
        "speech": 9,
        "animal": 9,
    }


def test_the_demo_is_small_and_only_of_free_licences():
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 12e6
    assert set(load_clips("demo").table["licence"]) == {"CC-BY", "CC0-1.0", "free to use"}
    assert set(load_clips("demo-excerpts").table["licence"]) == {"CC-BY-3.0", "CC-BY-4.0", "Public domain"}


def test_every_file_is_credited_and_listed():
    text = (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    files = {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.ogg")}
    listed = {
        Path(path).relative_to(FOLDER).as_posix()
        for name in ("demo", "demo-excerpts")
        for path in load_clips(name).table["path"]
    }
    assert files == listed
    assert [file for file in sorted(files) if f"| {file} |" not in text] == []


def test_the_catalogue_lists_the_demo_first():
    names = [dataset.name for dataset in list_datasets()]
    assert names[:2] == ["demo", "demo-excerpts"]
    assert len(set(names)) == len(names)
    assert all(dataset.about for dataset in list_datasets())
