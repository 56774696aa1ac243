"""Learning sources: a clip's target says what was planted in its sound or table, and nothing leaks from validation."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from numpy.typing import NDArray

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.sources import (
    LabelOptions,
    Source,
    make_sources,
    offered_sources,
    source_from_files,
    source_to_files,
)
from earwitness.learning.sources.harmony import key_shares, mean_chroma
from earwitness.learning.sources.loudness import level_and_range
from earwitness.learning.sources.source import information

RATE = 22050
FEW = LabelOptions(least_clips=8)


def table_clips(**columns: Sequence[object]) -> Clips:
    """Clips whose sound is never opened."""
    n = len(next(iter(columns.values())))
    own = {"clip": [f"c{i}" for i in range(n)], "path": [f"c{i}.wav" for i in range(n)], "duration": 30.0}
    return Clips(pd.DataFrame({**own, **columns}))


def one(clips: Clips, name: str, training: NDArray[np.bool_] | None = None, **options: object) -> Source:
    training = np.ones(len(clips), bool) if training is None else training
    return make_sources(clips, [name], training=training, options=replace(FEW, **options))[0]


def tone(*frequencies: float, seconds: float = 3.0) -> NDArray[np.float32]:
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(0.1 * np.sin(2 * np.pi * f * t) for f in frequencies).astype(np.float32)


def clicks(bpm: float, seconds: float = 12.0) -> NDArray[np.float32]:
    audio = np.zeros(round(seconds * RATE), np.float32)
    burst = np.random.default_rng(0).normal(size=400) * np.exp(-np.arange(400) / 60)
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        place = round(start * RATE)
        audio[place : place + 400] += 0.5 * burst
    return audio


def write_clips(folder: Path, sounds: list[NDArray[np.float32]]) -> Clips:
    for i, sound in enumerate(sounds):
        sf.write(folder / f"{i}.wav", sound, RATE)
    n = len(sounds)
    seconds = [len(sound) / RATE for sound in sounds]
    paths = [str(folder / f"{i}.wav") for i in range(n)]
    return Clips(pd.DataFrame({"clip": [str(i) for i in range(n)], "path": paths, "start": 0.0, "duration": seconds}))


def test_the_tempo_that_is_played_is_the_tempo_that_is_expected(tmp_path: Path) -> None:
    played = [80.0, 100.0, 140.0] * 10
    clips = write_clips(tmp_path, [clicks(bpm, 8 + i / 50) for i, bpm in enumerate(played)])
    source = one(clips, "tempo")
    found = source.model.expected(source.targets)["value"]
    np.testing.assert_allclose(found, played, rtol=0.04)  # librosa's lag grid is 3 % wide at 140 BPM
    assert all("BPM" in line for line in source.outputs)


def test_the_notes_that_are_played_are_the_pitch_classes_and_the_key() -> None:
    c_major = mean_chroma(tone(261.63, 329.63, 392.0), RATE).astype(float)
    assert set(np.argsort(c_major)[-3:]) == {0, 4, 7}
    assert c_major.sum() == pytest.approx(1)
    rows = np.stack([c_major, np.roll(c_major, 2), mean_chroma(tone(220.0, 261.63, 329.63), RATE)])
    keys = key_shares(rows, temperature=0.1)
    assert keys.argmax(1).tolist() == [0, 2, 12 + 9]  # C major, D major, A minor
    np.testing.assert_allclose(keys.sum(1), 1)
    assert np.isnan(key_shares(np.full((1, 12), 1 / 12), 0.1)).all()


def test_level_and_range_are_those_of_a_tone_that_steps_down_by_twenty_decibels() -> None:
    steady = tone(1000.0)
    level, span = level_and_range(steady, RATE)
    assert level == pytest.approx(-23.01, abs=0.05)  # an amplitude of 0.1: -20 - 3 dB
    assert span == pytest.approx(0, abs=0.1)
    stepped = np.concatenate([steady, steady / 10])
    level, span = level_and_range(stepped, RATE)
    assert level == pytest.approx(-33.01, abs=0.2)
    assert span == pytest.approx(20, abs=0.1)


def test_labels_of_sound_are_the_same_for_any_number_of_workers_and_kept(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, [tone(110.0 * 2 ** (i / 12), seconds=1 + i / 40) for i in range(20)])
    heard: list[str] = []

    def told(done: int, total: int, stage: str) -> None:
        heard.append(f"{stage} {done <= total}")

    training = np.arange(20) % 5 > 0
    first = make_sources(clips, ["chroma"], training=training, options=FEW, jobs=1, progress=told)[0]
    assert set(heard) == {"listening for chroma True"}
    heard.clear()
    again = make_sources(clips, ["chroma", "key"], training=training, options=FEW, jobs=1, progress=told)[0]
    assert not heard
    np.testing.assert_array_equal(first.targets, again.targets)
    code = (
        "import os, sys, numpy as np, pandas as pd\n"
        "from earwitness.datasets import Clips\n"
        "from earwitness.learning.sources import LabelOptions, make_sources\n"
        "clips = Clips(pd.read_json(sys.argv[1], dtype={'clip': str}))\n"
        "source = make_sources(clips, ['chroma'], training=np.arange(20) % 5 > 0,\n"
        "                      options=LabelOptions(least_clips=8), jobs=2)[0]\n"
        "np.save(sys.argv[2], source.targets)\n"
    )
    clips.table.to_json(tmp_path / "clips.json")
    other = {"EARWITNESS_CACHE": str(tmp_path / "other"), "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "clips.json", tmp_path / "two.npy"],
        check=True,
        env={**os.environ, **other},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "two.npy"), first.targets)


def test_an_unreadable_clip_has_no_label_and_is_named(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, [tone(110.0 * 2 ** (i / 12), seconds=1.0) for i in range(12)])
    (tmp_path / "3.wav").write_bytes(b"no sound")
    sf.write(tmp_path / "4.wav", np.zeros(RATE), RATE)
    (tmp_path / "5.wav").unlink()
    source = one(clips, "chroma")
    assert np.flatnonzero(~source.labelled).tolist() == [3, 4, 5]
    assert len(source.model.facts["unreadable"]) == 3


def test_years_bin_and_unknown_years_are_no_label() -> None:
    years = [1970, 1990, 2010] * 10 + [0, None, "1990-05-01"]
    source = one(table_clips(year=years), "year")
    assert source.labelled.tolist() == [True] * 30 + [False, False, True]
    values = source.model.expected(source.targets[source.labelled])["value"]
    np.testing.assert_allclose(values, [1970, 1990, 2010] * 10 + [1990], atol=0.01)
    assert source.outputs == ("1970 [1968, 1972]", "1990 [1988, 1992]", "2010 [2008, 2012]")


def test_a_genre_is_one_output_and_two_share_evenly() -> None:
    source = one(table_clips(genre=["rock", "pop", "jazz"] * 4 + ["rock|jazz", None]), "genre")
    assert source.outputs == ("jazz", "pop", "rock")
    np.testing.assert_array_equal(source.targets[:3], [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(source.targets[12], [0.5, 0, 0.5])
    assert not source.labelled[13]


def test_a_genre_that_training_has_not_is_no_label() -> None:
    clips = table_clips(genre=["rock", "pop"] * 6 + ["polka"])
    training = np.arange(13) < 12
    source = one(clips, "genre", training)
    assert source.outputs == ("pop", "rock")
    assert not source.labelled[12]


def test_tags_become_topics_with_their_words() -> None:
    groups = (["indie", "rock"], ["jazz", "swing", "bop"], ["techno"])
    cells = ["|".join(f"{tag}:{1 + (i + j) % 3}" for j, tag in enumerate(groups[i % 3])) for i in range(60)]
    source = one(table_clips(tags=cells), "tags", components=3)
    strongest = [set(words) for words in source.model.strongest_terms(2)]
    assert {"techno"} in [words & {"techno"} for words in strongest]
    owner = source.targets.argmax(1)
    assert len({(i % 3, z) for i, z in enumerate(owner)}) == 3
    shares = source.model.label_shares(source.targets[2:3])[0]
    assert source.model.vocabulary[shares.argmax()] == "techno"


def test_lift_prefers_what_is_particular_to_a_topic() -> None:
    cells = ["common:5|a:2" if i % 2 else "common:5|b:2" for i in range(60)]
    model = one(table_clips(tags=cells), "tags", components=2).model
    assert [words[0] for words in model.strongest_terms(1)] == ["common", "common"]
    assert {words[0] for words in model.strongest_terms(1, order="lift")} == {"a", "b"}


@pytest.mark.parametrize("name", ["tags", "genre", "year", "artist_tags", "artist", "lyrics"])
def test_models_of_labels_do_not_see_clips_outside_training(name: str) -> None:
    rng = np.random.default_rng(0)
    n = 60
    training = np.arange(n) < 40
    words = ["red", "green", "blue", "black", "white"]
    columns: dict[str, Sequence[object]] = {
        "tags": ["|".join(rng.choice(words, 2, replace=False)) for _ in range(n)],
        "genre": list(rng.choice(words, n)),
        "year": list(rng.integers(1960, 2000, n)),
        "artist": [f"artist {i % 5}" for i in range(n)],
        "lyrics": [" ".join(rng.choice(words, 2)) for _ in range(n)],
    }
    changed = {key: values[:40] + [values[0]] * 20 for key, values in columns.items() if key != "artist"}
    first = one(table_clips(**columns), name, training)
    second = one(table_clips(**{**columns, **changed}), name, training)
    np.testing.assert_array_equal(first.targets[training], second.targets[training])
    assert first.outputs == second.outputs


def test_models_may_be_fitted_on_all_clips_as_the_published_code_did() -> None:
    clips = table_clips(genre=["rock", "pop"] * 6 + ["polka"])
    assert one(clips, "genre", np.arange(13) < 12, fit_on="all").outputs == ("polka", "pop", "rock")


def test_clips_of_one_artist_share_its_topics_wherever_they_are() -> None:
    tags = ["rock|a", "rock|b", "jazz|c", "jazz|d"] * 5
    artists = ["x", "x", "y", "y"] * 5
    training = np.arange(20) % 4 != 3
    source = one(table_clips(tags=tags, artist=artists), "artist_tags", training, components=2)
    x, y = source.targets[0], source.targets[2]
    np.testing.assert_array_equal(source.targets[1], x)
    np.testing.assert_array_equal(source.targets[3], y)
    assert np.abs(x - y).max() > 0.9


def test_an_artist_with_few_training_clips_is_no_class() -> None:
    source = one(table_clips(artist=["x"] * 6 + ["y"] * 5 + ["z"] * 4 + [None]), "artist")
    assert source.outputs == ("x", "y")
    assert source.labelled.tolist() == [True] * 11 + [False] * 5


def test_pairs_need_clips_of_a_chunk_and_say_when_chunks_overlap() -> None:
    clips = Clips(table_clips(a=[1] * 12).table.assign(duration=[30.0] * 9 + [4.0, 2.0, np.nan]))
    source = one(clips, "self")
    assert source.targets.shape == (12, 0)
    assert source.labelled.tolist() == [True] * 10 + [False, True]
    assert source.model.facts["note"] == "chunks overlap in clips shorter than 5.0 s, which are 1"


@pytest.mark.parametrize(
    ("columns", "name", "said"),
    [
        ({"genre": ["rock"] * 12}, "genre", "tells the clips not apart"),
        ({"genre": ["rock", "pop"] * 3 + [None] * 6}, "genre", "needs 8 training clips with a label, but has 6 of 12"),
        ({"genre": ["rock", "pop"] * 6}, "year", "needs a column 'year'"),
        ({"year": [1990] * 12}, "year", "the same year for every clip"),
        ({"genre": ["rock", "pop"] * 6}, "gnre", "did you mean 'genre'"),
        ({"artist": list("abcdefghijkl")}, "artist", "needs two artists with 5 training clips"),
        ({"tags": ["rock"] * 12}, "tags", "fewer than two different words"),
        ({"lyrics": ["la"] * 12}, "lyrics", "no word in at least two"),
    ],
)
def test_a_source_that_cannot_be_had_says_why_in_one_sentence(
    columns: dict[str, Sequence[object]], name: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        one(table_clips(**columns), name)


def test_the_table_of_sources_says_what_there_is_and_why_not(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, [tone(110.0 * 2 ** (i / 12), seconds=3.0) for i in range(12)])
    clips = Clips(clips.table.assign(genre=["rock", "pop"] * 6))
    table = offered_sources(clips, options=FEW, jobs=1).set_index("source")
    assert {"self", "chroma", "key", "genre"} <= set(table.index[table["offered"]])
    assert table.loc["genre", "clips"] == 12
    assert table.loc["genre", "outputs"] == 2
    assert "column 'year'" in table.loc["year", "why"]


def test_information_is_the_mutual_information_of_clip_and_output() -> None:
    assert information(np.eye(4)) == pytest.approx(np.log(4))
    assert information(np.full((5, 3), 1 / 3)) == pytest.approx(0, abs=1e-15)


def test_a_source_comes_back_from_its_files() -> None:
    made = one(table_clips(tags=["a|b", "c|d"] * 10), "tags", components=2)
    facts, arrays = source_to_files(made)
    back = source_from_files(json.loads(json.dumps(facts)), arrays)
    np.testing.assert_array_equal(back.targets, made.targets)
    assert back.outputs == made.outputs == back.model.descriptions()
    assert back.model.strongest_terms() == made.model.strongest_terms()
    with pytest.raises(InputError, match="lacks 'form'"):
        source_from_files({key: value for key, value in facts.items() if key != "form"}, arrays)
