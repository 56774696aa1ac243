"""How the weights are fetched, checked and kept."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earwitness.encoders import load_encoder
from earwitness.encoders.musicnn.checkpoint import read_checkpoint
from earwitness.encoders.musicnn.weights import CHECKSUMS, load_weights
from earwitness.errors import EncoderError

WHEEL = "musicnn-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published wheel, as a user would fetch it by hand."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "musicnn==0.1.0"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / WHEEL


@pytest.fixture
def unpacked(wheel: Path, tmp_path: Path) -> Path:
    shutil.unpack_archive(wheel, tmp_path, "zip")
    return tmp_path / "musicnn"


def test_every_variable_of_the_checkpoints_is_read(unpacked):
    for model, (variables, values) in {"MSD_musicnn": (150, 792_079), "MTT_vgg": (86, 607_030)}.items():
        parts = [(unpacked / model / name).read_bytes() for name in (".index", ".data-00000-of-00001")]
        found = read_checkpoint(*parts)
        assert len(found) == variables
        assert 4 * sum(value.size for value in found.values()) == len(parts[1])
        assert sum(value.size for value in load_weights(model, str(unpacked)).values()) == values


def test_a_file_that_is_no_index_is_refused():
    with pytest.raises(ValueError, match="does not end as a table"):
        read_checkpoint(b"x" * 100, b"")


def test_a_wheel_a_folder_and_the_cache_give_the_same_weights(wheel, unpacked):
    cached = load_weights("MTT_vgg")
    for source in (wheel, unpacked):
        given = load_weights("MTT_vgg", str(source))
        assert given.keys() == cached.keys()
        assert all(np.array_equal(given[name], cached[name]) for name in given)


def test_a_damaged_file_is_refused_by_its_checksum(unpacked):
    data = unpacked / "MSD_vgg" / ".data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    with pytest.raises(EncoderError, match=r"MSD_vgg/\.data-00000-of-00001 does not have its checksum"):
        load_encoder("musicnn-msd-vgg", weights=str(unpacked))


def test_a_source_without_weights_is_named(tmp_path):
    with pytest.raises(EncoderError, match=r"holds no MSD_musicnn/\.index"):
        load_encoder(f"musicnn-msd,weights={tmp_path}")


def test_without_a_network_the_message_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(variable, (tmp_path / "nothing").as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for variable in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(EncoderError, match=f"pip download --no-deps musicnn==0.1.0` and put {WHEEL} into") as caught:
        load_encoder("musicnn-msd")
    assert str(tmp_path / "musicnn") in str(caught.value)


def test_a_wheel_put_into_the_cache_serves_workers_that_start_at_once(wheel, tmp_path, monkeypatch):
    (tmp_path / "musicnn").mkdir()
    shutil.copy(wheel, tmp_path / "musicnn" / WHEEL)
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    ask = "from earwitness.encoders.musicnn.weights import load_weights; print(len(load_weights('MSD_vgg')))"
    workers = [subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE) for _ in range(2)]
    assert [int(worker.communicate(timeout=120)[0]) for worker in workers] == [36, 36]
    assert len(list((tmp_path / "musicnn").glob("*.npz"))) == len(CHECKSUMS)
    assert "ISC" in (tmp_path / "musicnn" / "LICENSE.md").read_text(encoding="utf-8")


def test_a_damaged_cache_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    file = tmp_path / "musicnn" / f"MSD_vgg-{CHECKSUMS['MSD_vgg'].data_file[:12]}.npz"
    file.parent.mkdir()
    file.write_bytes(b"half")
    with pytest.raises(EncoderError, match="delete the file, it is fetched anew"):
        load_encoder("musicnn-msd-vgg")
