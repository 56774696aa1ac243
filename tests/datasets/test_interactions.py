"""Interactions: what is read, what is left out and said, and the measures of users by hand."""

import bz2
import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earwitness.datasets import Interactions, load_interactions
from earwitness.datasets.interactions import from_tables
from earwitness.errors import InputError

PLAYS = pd.DataFrame(
    [("ann", "x", 3), ("ann", "y", 1), ("bob", "x", 2), ("bob", "z", 6), ("cid", "z", 4)],
    columns=["user", "item", "weight"],
)
TAGS = pd.DataFrame([("x", "jazz"), ("x", "live"), ("y", "jazz"), ("z", "rock")], columns=["item", "tag"])


def many(n_users: int = 50, n_items: int = 40, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    rows = [
        (u, i, int(rng.integers(1, 9))) for u in range(n_users) for i in rng.choice(n_items, 1 + u % 20, replace=False)
    ]
    tags = [(i, f"t{t}") for i in range(n_items) for t in rng.choice(8, 2, replace=False)]
    return from_tables(
        pd.DataFrame(rows, columns=["user", "item", "weight"]), pd.DataFrame(tags, columns=["item", "tag"]), name="many"
    )


def test_matrices_hold_what_the_tables_say() -> None:
    data = from_tables(PLAYS, TAGS)
    assert data.users.tolist() == ["ann", "bob", "cid"]
    assert data.counts.toarray().tolist() == [[3, 1, 0], [2, 0, 6], [0, 0, 4]]
    assert data.item_tags.toarray().tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert data.user_tags().toarray().tolist() == [[2, 1, 0], [1, 1, 1], [0, 0, 1]]
    assert data.describe()["density (%)"] == pytest.approx(500 / 9)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_tables_are_read_in_every_form_with_columns_of_any_name(tmp_path: Path, suffix: str) -> None:
    plays = PLAYS.rename(columns={"user": "listener", "item": "song", "weight": "plays"})
    tags = TAGS.rename(columns={"item": "track", "tag": "word"})
    for name, table in (("plays", plays), ("tags", tags)):
        if suffix == ".parquet":
            table.to_parquet(tmp_path / f"{name}.parquet")
        else:
            table.to_csv(tmp_path / f"{name}{suffix}", index=False, sep="\t" if suffix == ".tsv" else ",")
    data = load_interactions(
        tmp_path / f"plays{suffix}",
        tags=tmp_path / f"tags{suffix}",
        user="listener",
        item="song",
        weight="plays",
        tag="word",
        tag_item="track",
    )
    np.testing.assert_array_equal(data.counts.toarray(), from_tables(PLAYS, TAGS).counts.toarray())


def test_repeated_rows_are_added_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="1 rows repeat a user and an item"):
        data = from_tables(pd.concat([PLAYS, PLAYS.head(1)]), TAGS)
    assert data.counts[0, 0] == 6
    assert any("repeat" in reason for reason in data.skipped["reason"])


def test_what_cannot_be_used_is_left_out_and_counted() -> None:
    odd = pd.DataFrame([("dan", "x", 0), ("eve", None, 2), ("fay", "untagged", 3)], columns=PLAYS.columns)
    stranger = pd.DataFrame([("nobody's", "pop")], columns=TAGS.columns)
    data = from_tables(pd.concat([PLAYS, odd]), pd.concat([TAGS, stranger]), name="odd")
    assert data.users.tolist() == ["ann", "bob", "cid"]
    reasons = " ".join(data.skipped["reason"])
    for words in ("2 of 8 rows left out", "1 tagged items left out", "1 of 4 items left out", "1 of 4 users left out"):
        assert words in reasons


@pytest.mark.parametrize(
    ("plays", "tags", "words"),
    [
        (PLAYS, TAGS.assign(item="other"), "no item of the tags occurs .* 'other'"),
        (PLAYS, TAGS.assign(tag="jazz"), "only one tag is left .'jazz'"),
        (PLAYS.assign(weight=-1), TAGS, "none of its 5 rows"),
        (PLAYS.drop(columns="user"), TAGS, "no column 'user' among item, weight"),
    ],
)
def test_tables_that_nothing_can_be_done_with(plays: pd.DataFrame, tags: pd.DataFrame, words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_tables(plays, tags)


def test_filters_hold_for_all_that_is_left() -> None:
    data = many().filter(users_an_item=8, items_a_user=5, items_a_tag=3)
    assert (data.presence().sum(0) >= 8).all()
    assert (data.presence().sum(1) >= 5).all()
    assert (data.item_tags.sum(0) >= 3).all()
    assert (data.item_tags.sum(1) >= 1).all()
    with pytest.raises(InputError, match="nothing is left with 99 users an item"):
        many().filter(users_an_item=99)


def test_a_split_deals_each_interaction_once_and_spares_light_users() -> None:
    data = many()
    train, validation, test = data.split(seed=3)
    np.testing.assert_array_equal(
        sum(part.counts for part in (train, validation, test)).toarray(), data.counts.toarray()
    )
    size, kept = np.diff(data.counts.indptr), np.diff(train.counts.indptr)
    assert (kept[size < 4] == size[size < 4]).all()
    assert (np.diff(test.counts.indptr)[size >= 4] >= 1).all()
    ten = size == 10
    assert (kept[ten] == 8).all()
    assert (np.diff(validation.counts.indptr)[ten] == 1).all()
    assert (data.split(seed=3).test.counts != test.counts).nnz == 0
    assert (data.split(seed=4).test.counts != test.counts).nnz > 0


def test_mainstreaminess_by_hand() -> None:
    plays = pd.DataFrame(
        [("a", "x", 2), ("a", "y", 1), ("a", "z", 1), ("b", "x", 6), ("b", "y", 3), ("b", "z", 3), ("c", "x", 1)],
        columns=PLAYS.columns,
    )
    tags = pd.DataFrame([("x", "s"), ("y", "t"), ("z", "s")], columns=TAGS.columns)
    kl = from_tables(plays, tags).mainstreaminess()
    p, q = np.array([2, 1, 1]) / 4, np.array([9, 4, 4]) / 17
    ratio = np.log(p / q)
    expected = 1 - ((1 - np.exp(-(p @ ratio))) + (1 - np.exp(q @ ratio))) / 2
    assert kl[0] == pytest.approx(expected)
    assert kl[1] == pytest.approx(expected)
    assert np.isnan(kl[2])
    assert from_tables(plays, tags).mainstreaminess("tau")[0] == pytest.approx(1)


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.write_bytes(text.encode(encoding))


def lastfm_2k(folder: Path) -> None:
    write(folder / "user_artists.dat", "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t228\n")
    write(
        folder / "user_taggedartists.dat",
        "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t13\t1\t4\t2009\n3\t51\t15\t1\t4\t2009\n",
    )
    write(folder / "tags.dat", "tagID\ttagValue\n13\tchillout\n15\tcafé\n", "latin-1")
    write(folder / "artists.dat", 'id\tname\turl\n51\tDuran "Duran\thttp\n52\tMorcheeba\thttp\n')


def movielens(folder: Path) -> None:
    write(folder / "ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,9\n2,1,3.5,9\n2,3,2,9\n")
    write(folder / "movies.csv", 'movieId,title,genres\n1,"Toy, the",Comedy|Drama\n3,Old,(no genres listed)\n')
    write(folder / "tags.csv", "userId,movieId,tag,timestamp\n2,3,Quiet,9\n2,1,comedy,9\n")


def goodbooks(folder: Path) -> None:
    write(folder / "ratings.csv", "user_id,book_id,rating\n1,1,5\n1,2,1\n2,2,4\n")
    write(folder / "books.csv", "book_id,goodreads_book_id,title\n1,900,One\n2,901,Two\n")
    write(folder / "book_tags.csv", "goodreads_book_id,tag_id,count\n900,7,50\n901,8,3\n")
    write(folder / "tags.csv", "tag_id,tag_name\n7,to-read\n8,fantasy\n")


def lfm_1b(folder: Path) -> None:
    write(folder / "LFM-1b_LEs.txt", "1\t10\t100\t1000\t9\n1\t10\t100\t1000\t10\n2\t11\t101\t1001\t11\n")
    write(folder / "LFM-1b_tracks.txt", "1000\tSong\t10\n1001\tAir\t11\n")
    write(folder / "LFM-1b_artists.txt", "10\tBand\n11\tBach\n")
    write(folder / "LFM-1b_artist_genres_allmusic.txt", "Band\t0\t1\nBach\t1\n")
    write(folder / "genres_allmusic.txt", "rock\nold\n")


def lfm_2b(folder: Path) -> None:
    counts = "user_id\ttrack_id\tcount\n1\t7\t3\n2\t8\t1\n"
    (folder / "listening-counts.tsv.bz2").write_bytes(bz2.compress(counts.encode()))
    write(folder / "tracks.tsv", "track_id\tartist\ttrack\n7\tBand\tSong\n8\tBach\tAir\n")
    lines = [
        {"_id": {"artist": "Band", "track": "Song"}, "tags": {"rock": 90}},
        {"_id": {"artist": "Bach", "track": "Air"}, "tags": {"old": 100}},
    ]
    write(folder / "tags-micro-genres.json", "\n".join(json.dumps(line) for line in lines))


def msd(folder: Path) -> None:
    write(folder / "train_triplets.txt", "u1\tSO1\t2\nu2\tSO2\t1\n")
    write(folder / "unique_tracks.txt", "TR1<SEP>SO1<SEP>Band<SEP>Song\nTR2<SEP>SO2<SEP>Bach<SEP>Air\n")
    with sqlite3.connect(folder / "lastfm_tags.db") as base:
        base.execute("CREATE TABLE tids (tid TEXT)")
        base.execute("CREATE TABLE tags (tag TEXT)")
        base.execute("CREATE TABLE tid_tag (tid INT, tag INT, val FLOAT)")
        base.executemany("INSERT INTO tids VALUES (?)", [("TR1",), ("TR2",)])
        base.executemany("INSERT INTO tags VALUES (?)", [("rock",), ("old",)])
        base.executemany("INSERT INTO tid_tag VALUES (?, ?, ?)", [(1, 1, 100.0), (2, 2, 50.0)])
    base.close()


@pytest.mark.parametrize(
    ("make", "users", "tags", "titles", "total"),
    [
        (lastfm_2k, 2, ["café", "chillout"], ['Duran "Duran', "Morcheeba"], 13883 + 11690 + 228),
        (movielens, 2, ["Comedy", "Drama", "comedy", "quiet"], ["Toy, the", "Old"], 9.5),
        (goodbooks, 2, ["fantasy", "to-read"], ["One", "Two"], 3),
        (lfm_1b, 2, ["old", "rock"], ["Song", "Air"], 3),
        (lfm_2b, 2, ["old", "rock"], ["Band - Song", "Bach - Air"], 4),
        (msd, 2, ["old", "rock"], ["Band - Song", "Bach - Air"], 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_public_layouts_are_told_by_their_files(tmp_path: Path, make, users, tags, titles, total) -> None:
    make(tmp_path)
    data = load_interactions(tmp_path)
    assert data.n_users == users
    assert data.tags.tolist() == tags
    assert data.titles.tolist() == titles
    assert data.counts.sum() == pytest.approx(total)


def test_sources_that_are_not_there_or_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_interactions(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not in the layout of a known data set"):
        load_interactions(tmp_path)
    with pytest.raises(InputError, match="layout 'spotify' is unknown"):
        load_interactions(tmp_path, layout="spotify")
    PLAYS.to_csv(tmp_path / "plays.csv", index=False)
    with pytest.raises(InputError, match="name the table of tags too"):
        load_interactions(tmp_path / "plays.csv")
    with pytest.raises(InputError, match="no column 'track' for the item; it has user, item, weight"):
        load_interactions(tmp_path / "plays.csv", tags=tmp_path / "plays.csv", item="track")


def test_the_key_follows_content() -> None:
    data = from_tables(PLAYS, TAGS)
    assert data.key() == from_tables(PLAYS.sample(frac=1, random_state=0), TAGS).key()
    assert data.key() != from_tables(PLAYS.assign(weight=PLAYS["weight"] + 1), TAGS).key()
