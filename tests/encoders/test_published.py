"""Where files of weights are looked for, what is fetched, and how it is checked."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earwitness.encoders import load_encoder
from earwitness.encoders.published import Published, file_hash, find_weights
from earwitness.errors import EncoderError


@pytest.mark.parametrize(
    ("spec", "file", "place", "site"),
    [
        ("vggish", "vggish_model.ckpt", "vggish_model.ckpt", "https://storage.googleapis.com/audioset/"),
        ("yamnet", "yamnet.h5", "yamnet.h5", "https://storage.googleapis.com/audioset/"),
        (
            "openl3,content=env",
            "openl3_audio_mel256_env-v0_4_0.h5.gz",
            "openl3_audio_mel256_env-v0_4_0.h5.gz",
            "https://github.com/marl/openl3/raw/models/",
        ),
        (
            "hcnn",
            "best_model.pth",
            "jamendo/hcnn/best_model.pth",
            "https://github.com/minzwon/sota-music-tagging-models/tree/master/models/jamendo/hcnn",
        ),
    ],
)
def test_without_the_file_one_sentence_says_which_from_where_and_where_to(spec, file, place, site, offline):
    with pytest.raises(EncoderError) as caught:
        load_encoder(spec)
    message = str(caught.value)
    assert message.startswith(f"{spec} needs the file {file}, published at {site}")
    assert message.endswith(f"put it at {offline / 'weights' / place}, or say where it is, `{spec},weights=FILE`")
    assert "\n" not in message
    assert ("could not be fetched" in message) == (spec in ("vggish", "openl3,content=env"))


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        EncoderError, match=r"nowhere\.h5: there is no such file, nor a folder with yamnet\.h5 or yamnet\.pth"
    ):
        load_encoder(f"yamnet,weights={tmp_path / 'nowhere.h5'}")


def test_a_published_file_must_have_its_checksum(tmp_path, offline):
    for name in ("vggish_model.ckpt", "vggish-10086976.pth"):
        (tmp_path / name).write_bytes(b"damaged")
        with pytest.raises(EncoderError, match=f"{name} does not have the checksum of the published file"):
            load_encoder(f"vggish,weights={tmp_path / name}")
    place = offline / "weights" / "openl3_audio_mel256_music-v0_4_0.h5.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"damaged")
    with pytest.raises(EncoderError, match=r"does not have the checksum of the published file \(git:15e48"):
        load_encoder("openl3")


def test_gits_hash_is_that_of_git(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert file_hash(tmp_path / "empty", "git") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert file_hash(tmp_path / "hello", "git") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert file_hash(tmp_path / "empty", "md5") == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A site with one file, `weights.bin`; its address."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "weights.bin").write_bytes(b"hello\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


def test_a_file_is_fetched_once_and_only_with_its_checksum(server, tmp_path):
    good = Published("folder/mine.bin", f"{server}/weights.bin", "git:ce013625030ba8dba906f756967f9e9ca394464a")
    found = find_weights("x", (good,))
    assert found == tmp_path / "cache" / "weights" / "folder" / "mine.bin"
    assert found.read_bytes() == b"hello\n"
    (tmp_path / "site" / "weights.bin").unlink()
    assert find_weights("x", (good,)) == found  # the site is not asked again

    gone = Published("gone.bin", f"{server}/weights.bin", "md5:00")
    with pytest.raises(EncoderError, match="which could not be fetched"):
        find_weights("x", (gone,))


def test_what_is_fetched_damaged_is_not_kept(server, tmp_path):
    wrong = Published("mine.bin", f"{server}/weights.bin", "md5:d41d8cd98f00b204e9800998ecf8427e")
    with pytest.raises(EncoderError, match="does not have the checksum"):
        find_weights("x", (wrong,))
    assert [file.name for file in (tmp_path / "cache" / "weights").rglob("*.bin")] == []


def test_a_file_whose_checksum_is_unknown_is_never_fetched(server):
    unknown = Published("mine.bin", f"{server}/weights.bin")
    with pytest.raises(EncoderError, match=r"x needs the file mine\.bin, published at http"):
        find_weights("x", (unknown,))
