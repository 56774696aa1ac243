"""The files of the Million Song Dataset in their published layouts, in miniature."""

import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.learning.sources import LabelOptions, make_sources, with_million_song_labels

N = 24
TRACKS = [f"TRAAAA{i:012d}" for i in range(N)]
OPTIONS = LabelOptions(least_clips=8)


@pytest.fixture
def clips() -> Clips:
    return Clips(pd.DataFrame({"clip": TRACKS, "path": [f"{track}.mp3" for track in TRACKS]}))


def write_metadata(folder: Path) -> None:
    with sqlite3.connect(folder / "track_metadata.db") as db:
        db.execute(
            "CREATE TABLE songs (track_id text PRIMARY KEY, title text, song_id text, release text, artist_id text, "
            "artist_mbid text, artist_name text, duration real, artist_familiarity real, artist_hotttnesss real, "
            "year int, track_7digitalid int, shs_perf int, shs_work int)"
        )
        for i, track in enumerate(TRACKS):
            row = (
                track,
                "t",
                f"SO{i // 2}",
                "r",
                f"AR{i % 3}",
                "",
                "n",
                200.0,
                0.5,
                0.5,
                [1970, 1990, 0][i % 3],
                0,
                0,
                0,
            )
            db.execute(f"INSERT INTO songs VALUES ({','.join('?' * 14)})", row)
    db.close()


def write_tags(folder: Path) -> None:
    with sqlite3.connect(folder / "lastfm_tags.db") as db:
        db.execute("CREATE TABLE tags (tag TEXT)")
        db.execute("CREATE TABLE tids (tid TEXT)")
        db.execute("CREATE TABLE tid_tag (tid INT, tag INT, val FLOAT)")
        for tag in ("rock", "drum: n | bass", "jazz"):
            db.execute("INSERT INTO tags VALUES (?)", (tag,))
        for i, track in enumerate([*reversed(TRACKS), "TRZZZZ000000000000"]):
            db.execute("INSERT INTO tids VALUES (?)", (track,))
            db.execute("INSERT INTO tid_tag VALUES (?, ?, ?)", (i + 1, i % 3 + 1, 100.0))
            db.execute("INSERT INTO tid_tag VALUES (?, ?, ?)", (i + 1, (i + 1) % 3 + 1, 0.0))
    db.close()


def write_words(folder: Path) -> None:
    head = "# a comment\n%i,the,love,rain\n"
    lines = [f"{track},{i},1:{i % 2 + 1},{3 + i % 2}:5\n" for i, track in enumerate(TRACKS)]
    (folder / "mxm_dataset_train.txt").write_text(head + "".join(lines[:20]))
    (folder / "mxm_dataset_test.txt").write_text(head + "".join(lines[20:]) + "TRZZZZ000000000000,1,1:1\n")


def write_summary(folder: Path) -> None:
    with h5py.File(folder / "msd_summary_file.h5", "w") as file:
        tables = {
            "analysis": (
                [("track_id", "S32"), ("tempo", "f8")],
                [(t, 100.0 + i % 2 * 40) for i, t in enumerate(TRACKS)],
            ),
            "metadata": ([("artist_id", "S32"), ("song_id", "S32")], [(f"AR{i % 3}", f"SO{i}") for i in range(N)]),
            "musicbrainz": ([("idx_artist_terms", "i4"), ("year", "i4")], [(0, 1980 + i % 3) for i in range(N)]),
        }
        for name, (kinds, rows) in tables.items():
            file[f"{name}/songs"] = np.array(rows, dtype=kinds)


def test_the_chapter_s_sources_come_out_of_the_files(clips: Clips, tmp_path: Path) -> None:
    write_metadata(tmp_path)
    write_tags(tmp_path)
    write_words(tmp_path)
    (tmp_path / "album_genres.csv").write_text(
        "track_id,genre\n" + "".join(f"{t},g{i % 2}\n{t},h{i % 2}\n" for i, t in enumerate(TRACKS))
    )
    (tmp_path / "train_triplets.txt").write_text(
        "".join(f"user{i % 2}{k}\tSO{i}\t{k + 1}\n" for i in range(N // 2) for k in range(3)) + "u\tSOX\t1\n"
    )
    told, plays = with_million_song_labels(clips, tmp_path)
    table = told.table
    assert table["year"].tolist()[:2] == [1970, 1990]
    assert table["year"].isna()[2]
    assert table["tags"][N - 1] == "rock:100|drum: n / bass:1"
    assert table["lyrics_words"][1] == "i:2|rain:5"
    assert table["lyrics_words"][22] == "i:1|love:5"
    assert table["album_genres"][0] == "g0:1|h0:1"
    assert len(plays) == 2 * 3 * N // 2  # each song has two tracks
    names = ["year", "tags", "lyrics", "cdr_tag", "artist_tags", "taste"]
    made = make_sources(told, names, training=np.ones(N, bool), options=OPTIONS, listening=plays, components=2)
    by_name = {source.name: source for source in made}
    assert by_name["year"].labelled.sum() == 16
    assert set(by_name["tags"].model.vocabulary) == {"rock", "jazz", "drum: n / bass"}
    assert (by_name["cdr_tag"].targets.argmax(1) == by_name["cdr_tag"].targets[:1].argmax(1)[0])[::2].all()
    for source in made:
        np.testing.assert_allclose(source.targets[source.labelled].sum(1), 1, rtol=1e-5)


def test_tempo_comes_from_hdf5_which_wins_over_the_data_base(clips: Clips, tmp_path: Path) -> None:
    write_metadata(tmp_path)
    write_summary(tmp_path)
    told, plays = with_million_song_labels(clips, tmp_path)
    assert told.table["bpm"].tolist()[:2] == [100.0, 140.0]
    assert told.table["year"].tolist()[:3] == [1980, 1981, 1982]
    assert not len(plays)
    source = make_sources(told, ["bpm"], training=np.ones(N, bool), options=OPTIONS)[0]
    np.testing.assert_allclose(source.model.expected(source.targets)["value"], [100.0, 140.0] * 12, rtol=1e-3)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "track_metadata.db",
            b"no data base at all, but long enough to look at",
            "is not a data base in the published",
        ),
        ("lastfm_tags.db", b"", "is not a data base in the published layout"),
        ("msd_summary_file.h5", b"no HDF5", "is not in the layout of the Million Song Dataset"),
        ("mxm_dataset_train.txt", f"%a\n{TRACKS[0]},1,7:1\n".encode(), "line 2 is not in the published layout"),
        ("train_triplets.txt", b"u\ts\t1\n", "nothing tells which song a track is of"),
        ("album_genres.csv", b"track,genre\na,b\n", "needs columns track_id and genre"),
        ("readme.txt", b"", "none of the files of the Million Song Dataset"),
    ],
)
def test_a_file_in_another_layout_is_named(clips: Clips, tmp_path: Path, file: str, content: bytes, said: str) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=said):
        with_million_song_labels(clips, tmp_path)


def test_clips_without_track_ids_are_told_so(tmp_path: Path) -> None:
    clips = Clips(pd.DataFrame({"clip": ["a"], "path": ["a.wav"]}))
    with pytest.raises(InputError, match="holds track ids of the Million Song Dataset"):
        with_million_song_labels(clips, tmp_path)


def test_a_column_that_says_where_a_clip_lies_is_not_assigned(clips: Clips) -> None:
    assert clips.assign(year=1990).table["year"].tolist() == [1990] * N
    with pytest.raises(InputError, match="'path' says where a clip lies"):
        clips.assign(path="x")
