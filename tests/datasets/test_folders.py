"""A folder of sound: labels, order, what is passed over, what is set aside."""

import json
import os
import stat
import subprocess
import sys

import fsspec
import numpy as np
import pytest
import soundfile as sf

from earwitness.datasets import load_clips
from earwitness.errors import InputError

RATE = 8000
SOUND = 0.3 * np.sin(np.arange(RATE) / 5)


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, SOUND, RATE)
    return root


def test_the_first_folder_is_the_label_and_order_is_natural(tmp_path):
    put(tmp_path, "b/10.wav", "b/9.wav", "A/x.ogg", "A/x.flac")
    clips = load_clips(tmp_path)
    assert clips.table["clip"].tolist() == ["A/x.flac", "A/x.ogg", "b/9.wav", "b/10.wav"]
    assert clips.table["label"].tolist() == ["A", "A", "b", "b"]
    assert "folder" not in clips.table
    assert clips.name == tmp_path.name
    np.testing.assert_allclose(clips.table["duration"], 1.0, atol=1e-9)


def test_deeper_folders_keep_the_label_and_say_the_way(tmp_path):
    table = load_clips(put(tmp_path, "rock/abba/1.wav", "rock/queen/live/1.wav", "jazz/1.wav", "0.wav")).table
    assert table["label"].fillna("-").tolist() == ["-", "jazz", "rock", "rock"]
    assert table["folder"].fillna("-").tolist() == ["-", "jazz", "rock/abba", "rock/queen/live"]


def test_folders_named_like_a_split_are_one(tmp_path):
    table = load_clips(put(tmp_path, "train/cello/1.wav", "test/flute/1.wav", "test/flute/2.wav")).table
    assert table["split"].tolist() == ["test", "test", "train"]
    assert table["label"].tolist() == ["flute", "flute", "cello"]


def test_a_flat_folder_has_no_label(tmp_path):
    assert "label" not in load_clips(put(tmp_path, "a.wav", "b.wav")).table


def test_hidden_and_other_files_are_passed_over_silently(tmp_path):
    put(tmp_path, "a.wav", ".hidden.wav", ".git/b.wav", "__MACOSX/c.wav")
    (tmp_path / "cover.jpg").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    clips = load_clips(tmp_path)
    assert clips.table["clip"].tolist() == ["a.wav"]
    assert clips.skipped.empty


def test_files_that_cannot_be_read_are_set_aside_with_the_reason(tmp_path):
    put(tmp_path, "good.wav")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "broken.mp3").write_bytes(bytes(100))
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "folder.wav").mkdir()
    skipped = load_clips(tmp_path).skipped.set_index("file")["reason"]
    assert sorted(skipped.index) == ["broken.mp3", "empty.wav", "gone.wav", "text.wav"]
    assert "empty" in skipped["empty.wav"]
    assert "does not exist" in skipped["gone.wav"]


def test_a_folder_in_which_nothing_can_be_read_is_refused_in_one_sentence(tmp_path):
    for name in ("1.wav", "2.wav"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"none of 2 clips can be used; the first, 1\.wav: is empty") as refusal:
        load_clips(tmp_path)
    assert "\n" not in str(refusal.value)


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder or file; give a folder"):
        load_clips(tmp_path / "nowhere")
    with pytest.raises(InputError, match="did you mean 'demo'"):
        load_clips("dmeo")
    with pytest.raises(InputError, match="has no audio file"):
        load_clips(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="neither a folder, an audio file nor a manifest"):
        load_clips(tmp_path / "a.txt")
    with pytest.raises(InputError, match="audio_column 'x' belongs to a manifest"):
        load_clips(tmp_path, audio_column="x")


def test_one_file_is_one_clip(tmp_path):
    clips = load_clips(put(tmp_path, "take.wav") / "take.wav")
    assert (len(clips), clips.name, clips[0].clip) == (1, "take", "take.wav")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>.wav", "two\nlines.wav", "quote\"'&.wav", "ünï 音.wav", "a\u202ewav.wav"]
)
def test_odd_names_are_kept_printable_and_readable(tmp_path, name):
    label = name.split("/")[0].removesuffix(".wav")
    put(tmp_path, f"{label}/{os.path.basename(name)}")
    clips = load_clips(tmp_path)
    table = clips.table
    assert table.to_json()
    assert "\n" not in table["clip"][0]
    assert "\u202e" not in table["clip"][0]
    assert clips[0].load().shape == (RATE,)
    assert clips[0].content_key()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps file names that are no text")
def test_names_that_are_no_text_are_escaped_and_still_opened(tmp_path):
    put(tmp_path, "a.wav")
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    os.rename(tmp_path / "a.wav", folder + b"/na\xefve.wav")
    (tmp_path / os.fsdecode(b"leer\xff.wav")).touch()
    clips = load_clips(tmp_path)
    json.dumps(clips.table.to_dict("records")).encode()
    clips.table.to_parquet(tmp_path / "out.parquet")
    assert clips.skipped["file"][0].encode() == rb"leer\udcff.wav"
    assert clips.table["clip"][0] == r"caf\udce9/na\udcefve.wav"
    assert clips.excerpt(0.5).sample(1)[0].load().shape == (RATE // 2,)
    assert clips[0].content_key()


def test_links_are_followed_inside_the_folder_but_not_out_of_it(tmp_path):
    outside = put(tmp_path / "outside", "x.wav", "sub/y.wav")
    inside = put(tmp_path / "inside", "a.wav")
    (inside / "b.wav").symlink_to(inside / "a.wav")
    (inside / "x.wav").symlink_to(outside / "x.wav")
    (inside / "sub").symlink_to(outside / "sub")
    (inside / "again").symlink_to(inside)
    clips = load_clips(inside)
    assert clips.table["clip"].tolist() == ["a.wav", "b.wav"]
    assert clips.skipped["file"].tolist() == ["sub", "x.wav"]
    assert clips.skipped["reason"].str.contains("leaves the folder").all()
    assert load_clips(inside, allow_outside=True).table["clip"].tolist() == ["a.wav", "b.wav", "sub/y.wav", "x.wav"]


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs Unix users")
def test_files_and_folders_without_permission_are_set_aside(tmp_path):
    """As root may read everything, another user looks."""
    put(tmp_path, "a.wav", "b.wav", "closed/c.wav")
    (tmp_path / "b.wav").chmod(0)
    (tmp_path / "closed").chmod(0)
    if os.getuid() == 0:
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(0o755)
    script = (
        "import os, sys, earwitness.audio, soundfile, earwitness.datasets.probing; from earwitness import load_clips\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "clips = load_clips(sys.argv[1]); print(clips.table['clip'].tolist(), clips.skipped.values.tolist())\n"
        "os.chdir('/')\n"
        "try: load_clips(sys.argv[1] + '/closed')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    (tmp_path / "closed").chmod(0o755)
    assert first.startswith("['a.wav'] ")
    assert "['closed', 'the folder cannot be opened (Permission denied)']" in first
    assert "['b.wav', 'may not be read: permission denied']" in first
    assert second.startswith("InputError")
    assert "cannot be opened (Permission denied)" in second


@pytest.fixture
def bucket(tmp_path):
    files = fsspec.filesystem("memory")
    put(tmp_path, "a.wav")
    for name in ("/music/cello/10.wav", "/music/cello/9.wav", "/music/flute/a.wav", "/music/.trash/a.wav"):
        files.pipe(name, (tmp_path / "a.wav").read_bytes())
    files.pipe("/music/readme.txt", b"x")
    yield files
    files.rm("/music", recursive=True)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_serves_as_well_as_a_folder():
    clips = load_clips("memory://music")
    assert clips.table["clip"].tolist() == ["cello/9.wav", "cello/10.wav", "flute/a.wav"]
    assert clips.table["label"].tolist() == ["cello", "cello", "flute"]
    assert clips.table["path"][0] == "memory://music/cello/9.wav"
    np.testing.assert_allclose(clips[2].load(), SOUND, atol=1e-4)
    assert clips[0].content_key() == clips[2].content_key()
    assert load_clips("memory://music/flute/a.wav")[0].clip == "a.wav"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no such folder or file"):
        load_clips("memory://nowhere")
    with pytest.raises(InputError, match="cannot be opened"):
        load_clips("nosuchprotocol://music")
