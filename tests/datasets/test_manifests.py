"""Manifests: what is read from them, in which spelling, and what is refused or set aside."""

import json
import os
import sys

import fsspec
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from earwitness.datasets import load_clips
from earwitness.errors import InputError

RATE = 8000
SOUND = 0.3 * np.sin(np.arange(4 * RATE) / 5)


@pytest.fixture
def home(tmp_path):
    root = tmp_path / "set"
    (root / "sub").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        sf.write(root / name, SOUND, RATE)
    return root


def write(home, text, name="list.csv", encoding="utf-8"):
    (home / name).write_bytes(text.encode(encoding))
    return home / name


def reasons(clips):
    return dict(zip(clips.skipped["file"], clips.skipped["reason"], strict=True))


ROWS = [
    {"path": "b.wav", "label": "x", "year": 1990, "score": 0.5},
    {"path": "sub/c.wav", "label": "y|z", "year": 2001, "score": None},
]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_clips(home, suffix):
    path = home / f"list.{suffix}"
    frame = pd.DataFrame(ROWS)
    match suffix:
        case "csv" | "tsv":
            frame.to_csv(path, index=False, sep="," if suffix == "csv" else "\t")
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
        case "parquet":
            frame.to_parquet(path)
    clips = load_clips(path)
    table = clips.table
    assert clips.name == "list"
    assert table["clip"].tolist() == ["b.wav", "sub/c.wav"]
    assert table["label"].tolist() == ["x", "y|z"]
    assert table["year"].dtype == np.int64
    assert table["year"].tolist() == [1990, 2001]
    np.testing.assert_array_equal(table["score"], [0.5, np.nan])
    assert table["duration"].tolist() == [4.0, 4.0]
    assert clips[1].load().shape == SOUND.shape


@pytest.mark.parametrize("column", ["path", "file", "filename", "audio", "File", "AUDIO"])
def test_the_audio_column_goes_by_several_names(home, column):
    assert len(load_clips(write(home, f"label,{column}\nx,a.wav\n"))) == 1


def test_the_audio_column_can_be_named(home):
    manifest = write(home, "song,path\na.wav,kept as metadata\n")
    assert load_clips(manifest, audio_column="song").table["clip"].tolist() == ["a.wav"]
    with pytest.raises(InputError, match=r"^list\.csv: no column 'tune' of audio files; it has 'song', 'path'$"):
        load_clips(manifest, audio_column="tune")
    with pytest.raises(InputError, match=r"it has 'song', 'label'\. Name it path, file, filename or audio"):
        load_clips(write(home, "song,label\na.wav,x\n"))


def test_excerpts_are_cut_and_named(home):
    clips = load_clips(write(home, "path,start,duration\na.wav,1,0.5\na.wav,2.25,\nb.wav,,1\nb.wav,,\n"))
    assert clips.table["clip"].tolist() == ["a.wav@1+0.5", "a.wav@2.25", "b.wav@0+1", "b.wav"]
    assert clips.table["start"].tolist() == [1.0, 2.25, 0.0, 0.0]
    assert clips.table["duration"].tolist() == [0.5, 1.75, 1.0, 4.0]
    np.testing.assert_allclose(clips[0].load(), SOUND[8000:12000], atol=1e-4)
    assert [len(clip.load()) for clip in clips] == [4000, 14000, 8000, 32000]


def test_an_end_rounded_beyond_the_file_is_the_end_of_the_file(home):
    assert load_clips(write(home, "path,start,duration\na.wav,1,3.05\n")).table["duration"].tolist() == [3.0]


def test_impossible_excerpts_are_set_aside_with_the_reason(home):
    rows = ["a.wav,-1,", "a.wav,9,", "a.wav,0,9", "a.wav,soon,", "a.wav,0,0", "a.wav,0,-2", "a.wav,inf,", "b.wav,1,1"]
    clips = load_clips(write(home, "path,start,duration\n" + "\n".join(rows) + "\n"))
    assert clips.table["clip"].tolist() == ["b.wav@1+1"]
    assert clips.skipped["reason"].tolist() == [
        "start 'soon' is not a number of seconds",
        "start 'inf' is not a number of seconds",
        "start is negative (-1 s)",
        "start lies at 9 s, but the file ends at 4.00 s",
        "the excerpt runs to 9 s, but the file ends at 4.00 s",
        "duration is not above zero (0 s)",
        "duration is not above zero (-2 s)",
    ]


def test_rows_without_a_file_are_set_aside(home):
    clips = load_clips(write(home, "path,label\na.wav,x\n,y\ngone.wav,z\nsub,z\n"))
    assert len(clips) == 1
    found = reasons(clips)
    assert found["list.csv, row 2"] == "the cell of column 'path' is empty"
    assert "does not exist" in found["gone.wav"]
    assert "folder" in found["sub"]
    with pytest.raises(InputError, match=r"none of 2 clips can be used; the first, 1\.wav: does not exist"):
        load_clips(write(home, "path\n1.wav\n2.wav\n"))


@pytest.mark.parametrize("text", ["", "path,label\n", "\n\n", " \n"])
@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.jsonl"])
def test_an_empty_manifest_is_refused(home, text, name):
    with pytest.raises(InputError, match=rf"^{name}: (the manifest is empty|line 1 is no JSON)"):
        load_clips(write(home, text, name))


def test_manifests_that_are_not_there_or_not_readable_are_refused(home):
    with pytest.raises(InputError, match="no such manifest"):
        load_clips(home / "nowhere.csv")
    (home / "x.csv").mkdir()
    with pytest.raises(InputError, match="cannot be opened"):
        load_clips(home / "x.csv")
    with pytest.raises(InputError, match=r"^p\.parquet: not a readable Parquet file"):
        load_clips(write(home, "no", "p.parquet"))
    with pytest.raises(InputError, match="line 2 is no JSON"):
        load_clips(write(home, '{"path": "a.wav"}\n{"path": \n', "j.jsonl"))
    with pytest.raises(InputError, match="line 1 is no JSON object"):
        load_clips(write(home, "[1]\n", "j.jsonl"))
    with pytest.raises(InputError, match="row 1 has 3 cells for 2 columns"):
        load_clips(write(home, "path,label\na.wav,x,y\n"))
    with pytest.raises(InputError, match="column 'label' occurs twice"):
        load_clips(write(home, "path,label,label\na.wav,x,y\n"))
    with pytest.raises(InputError, match="quotation marks"):
        load_clips(write(home, 'path,label\na.wav,"x\n'))


@pytest.mark.parametrize("path", ["../a.wav", "sub/../../a.wav", "/etc/hostname.wav", "link.wav", "memory://a.wav"])
def test_a_path_that_leaves_the_folder_is_refused(home, path):
    sf.write(home.parent / "a.wav", SOUND, RATE)
    (home / "link.wav").symlink_to(home.parent / "a.wav")
    with pytest.raises(InputError, match=r"row 2 names '.*', which lies outside the manifest's folder"):
        load_clips(write(home, f"path\nb.wav\n{path}\n"))


def test_a_path_may_leave_the_folder_where_that_is_allowed(home):
    sf.write(home.parent / "a.wav", SOUND, RATE)
    manifest = write(home, f"path\n../a.wav\n{home / 'b.wav'}\nsub/../a.wav\n")
    clips = load_clips(manifest, allow_outside=True)
    assert [len(clip.load()) for clip in clips] == [32000] * 3
    assert len(load_clips(write(home, f"path\n{home / 'b.wav'}\nsub/../a.wav\n"))) == 2


def test_repeated_ids_are_refused(home):
    with pytest.raises(InputError, match="list: clips 1 and 3 have the same id 'q'"):
        load_clips(write(home, "id,path\nq,a.wav\nr,b.wav\nq,sub/c.wav\n"))
    with pytest.raises(InputError, match=r"clips 1 and 2 have the same id 'a\.wav'"):
        load_clips(write(home, "path\na.wav\na.wav\n"))


def test_identifiers_stay_text_and_numbers_stay_numbers(home):
    rows = "id,path,artist_id,zip,bpm,key,loud,flag\n"
    rows += "007,a.wav,12,01234,120,1,-9.5,True\n8,b.wav,3,99999,NaN,minor,1e1,False\n"
    table = load_clips(write(home, rows)).table
    assert table["clip"].tolist() == ["007", "8"]
    assert table["artist_id"].tolist() == ["12", "3"]
    assert table["zip"].tolist() == ["01234", "99999"]
    np.testing.assert_array_equal(table["bpm"], [120.0, np.nan])
    assert table["key"].tolist() == ["1", "minor"]
    assert table["loud"].tolist() == [-9.5, 10.0]
    assert table["flag"].tolist() == ["True", "False"]


def test_a_genre_called_none_is_a_genre(home):
    assert load_clips(write(home, "path,genre\na.wav,None\nb.wav,rock\n")).table["genre"].tolist() == ["None", "rock"]


def test_lists_become_cells_of_several_values(home):
    rows = [{"path": "a.wav", "tags": ["calm", "dark"], "more": {"x": 1}}, {"path": "b.wav", "tags": []}]
    table = load_clips(write(home, "\n".join(map(json.dumps, rows)), "list.jsonl")).table
    assert table["tags"][0] == "calm|dark"
    assert table["tags"].isna()[1]
    assert table["more"][0] == '{"x": 1}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_every_encoding(home, encoding):
    assert load_clips(write(home, "path,label\na.wav,Flöte 笛\n", encoding=encoding)).table["label"][0] == "Flöte 笛"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_older_encodings_are_read_with_a_warning(home, encoding):
    with pytest.warns(UserWarning, match="not UTF-8, read as Windows-1252"):
        clips = load_clips(write(home, "path,label\na.wav,Flöte\n", encoding=encoding))
    assert clips.table["label"][0] == "Flöte"


def test_text_in_no_encoding_is_refused(home):
    (home / "list.csv").write_bytes(b"path,label\na.wav,\x81\xff\n")
    with pytest.raises(InputError, match="neither UTF-8, UTF-16 nor Windows-1252; save it as UTF-8"):
        load_clips(home / "list.csv")
    (home / "list.csv").write_bytes(b"\xef\xbb\xbfpath,label\na.wav,\xff\n")
    with pytest.raises(InputError, match="is damaged; save it as UTF-8"):
        load_clips(home / "list.csv")


def test_a_spreadsheet_with_semicolons_is_read(home):
    table = load_clips(write(home, 'path;label\r\n"a.wav";"x, y"\r\nsub\\c.wav;z\r\n')).table
    assert table["label"].tolist() == ["x, y", "z"]
    assert table["duration"].tolist() == [4.0, 4.0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps file names as they are spelt")
def test_accents_are_found_however_the_disk_spells_them(home):
    for name in (b"composed-\xc3\xa9.wav", b"apart-e\xcc\x81.wav", b"latin-\xe9.wav"):
        os.link(home / "a.wav", os.fsencode(home) + b"/" + name)
    text = "path\ncomposed-e\u0301.wav\napart-\u00e9.wav\nlatin-\u00e9.wav\n"
    clips = load_clips(write(home, text))
    assert [len(clip.load()) for clip in clips] == [32000] * 3
    assert clips.table.to_json().encode()


def test_a_file_name_that_is_no_text_can_stand_in_json_lines(home):
    os.rename(home / "a.wav", os.fsencode(home) + b"/\xe9.wav")
    clips = load_clips(write(home, json.dumps({"path": "\udce9.wav", "label": "\ud800"}) + "\n", "list.jsonl"))
    assert len(clips[0].load()) == 32000
    assert clips.table.to_json().encode()


def test_own_names_in_the_manifest_do_not_shadow_ours(home):
    table = load_clips(write(home, "file,path,clip,duration\na.wav,b.wav,one,1\n")).table
    assert list(table.columns) == ["clip", "path", "start", "duration", "file"]
    assert table["file"][0] == "a.wav"
    assert table["path"][0].endswith("b.wav")


@pytest.mark.parametrize(("name", "called"), [("manifest.csv", "set"), ("tunes.csv", "tunes")])
def test_a_manifest_called_manifest_takes_its_folders_name(home, name, called):
    assert load_clips(write(home, "path\na.wav\n", name)).name == called


def test_a_manifest_in_a_bucket(home):
    files = fsspec.filesystem("memory")
    files.pipe("/bucket/a.wav", (home / "a.wav").read_bytes())
    files.pipe("/bucket/list.csv", b"path,start\na.wav,1\n")
    files.pipe("/bucket/out.csv", b"path\n../a.wav\n")
    try:
        clips = load_clips("memory://bucket/list.csv")
        assert (clips[0].clip, clips.name) == ("a.wav@1", "list")
        np.testing.assert_allclose(clips[0].load(), SOUND[8000:], atol=1e-4)
        with pytest.raises(InputError, match="outside the manifest's folder"):
            load_clips("memory://bucket/out.csv")
        with pytest.raises(InputError, match="no such manifest"):
            load_clips("memory://bucket/nowhere.csv")
    finally:
        files.rm("/bucket", recursive=True)
