"""Files are whole or absent; shards are found by content."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import InputError
from earwitness.store import ArrayFiles, Shards, cache_dir, content_hash, shards_of, whole_file


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_parts_have_different_hashes(first: list[str], second: list[str]) -> None:
    assert (content_hash(*first) == content_hash(*second)) == (first == second)


def test_a_failed_writer_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")

    def fail_half_way() -> None:
        with whole_file(target) as draft:
            draft.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_written_file_replaces_the_old_one_and_obeys_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "new" / "result.json"
    for text in ("first", "second"):
        with whole_file(target) as draft:
            draft.write_text(text)
    assert target.read_text() == "second"
    before = os.umask(0o022)
    os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o666 & ~before


def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path) -> None:
    def fill() -> None:
        with whole_file(tmp_path / "x.bin"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError, match="no space left"):
        fill()


def test_a_really_full_device_is_said_in_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    def fill() -> None:
        with whole_file(Path("/dev/shm/earwitness-test")), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(InputError, match="no space left"):
        fill()


def test_a_cache_below_a_file_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="cannot write"):
        cache_dir()


def test_a_folder_that_the_system_does_not_let_anybody_make_is_said_in_one_sentence() -> None:
    if not Path("/proc").exists():
        pytest.skip("this system has no /proc")
    with pytest.raises(InputError, match="cannot write /proc/earwitness"), whole_file("/proc/earwitness/result.json"):
        pass


@pytest.mark.parametrize("place", ["folder", "memory://shards"])
def test_vectors_come_back_from_a_folder_and_from_a_bucket(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARWITNESS_CACHE", place if "://" in place else str(tmp_path))
    shards = shards_of("mfcc", "1", place)
    assert shards.keys() == set()
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    shards.write(["a", "b"], vectors[:2])
    shards.write(["c"], vectors[2:])
    assert shards.keys() == {"a", "b", "c"}
    found = shards.read(["c", "a", "never"])
    assert set(found) == {"a", "c"}
    np.testing.assert_array_equal(found["c"], vectors[2])


def test_a_half_written_shard_is_never_read(tmp_path: Path) -> None:
    shards = Shards(str(tmp_path))
    shards.write(["a"], np.ones((1, 2), np.float32))
    (tmp_path / ".draft.npz").write_bytes(b"PK\x03\x04 half")
    assert shards.keys() == {"a"}


def test_a_shard_with_a_pickle_in_it_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", keys=np.array([{"a": 1}], dtype=object), vectors=np.ones((1, 2)))
    with pytest.raises(ValueError, match="allow_pickle"):
        Shards(str(tmp_path)).keys()


def test_arrays_are_kept_bit_for_bit_and_a_damaged_file_is_named(tmp_path):
    kept = ArrayFiles(tmp_path / "arrays")
    assert len(kept) == 0
    assert "a" not in kept
    arrays = {"x": np.array([1.5, np.nan, -0.0], np.float32), "n": np.array(7.0, np.float32), "none": np.empty(0)}
    kept["a"] = arrays
    kept["a"] = {**arrays, "more": np.arange(3)}
    again = ArrayFiles(tmp_path / "arrays")["a"]
    assert {name: array.tobytes() for name, array in arrays.items()} == {name: again[name].tobytes() for name in arrays}
    assert again["n"].shape == ()
    assert list(kept) == ["a"]
    assert [file.name for file in (tmp_path / "arrays").iterdir()] == ["a.safetensors"]
    (tmp_path / "arrays" / "a.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"a\.safetensors cannot be read .* remove it"):
        kept["a"]
    del kept["a"]
    with pytest.raises(KeyError):
        kept["a"]
