"""Each file that cannot be used gets one sentence that says why: no traceback, no chatter, no hours of memory."""

import os
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from earwitness.audio import info, read
from earwitness.errors import ClipError


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def reason(path, **options):
    with pytest.raises(ClipError) as caught:
        read(path, **options)
    assert caught.value.path == str(path)
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_a_missing_file(tmp_path):
    assert reason(tmp_path / "none.wav") == "does not exist"
    with pytest.raises(ClipError, match="does not exist"):
        info(tmp_path / "none.wav")


def test_a_folder(tmp_path):
    assert reason(tmp_path) == "is a folder, not a sound file"


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.mp3"
    path.touch()
    assert reason(path) == "is empty (0 bytes)"


@pytest.mark.parametrize("name", ["text.wav", "text.mp3", "text.m4a", "text.raw", "text.flac"])
@pytest.mark.parametrize(
    "content",
    [b"These are words.\n" * 300, b"\0" * 5000, b"RIFF", b"fLaC", b"ID3", b"\xff\xfb", bytes(range(256)) * 40],
)
def test_what_is_no_audio(name, content, tmp_path, capfd):
    path = tmp_path / name
    path.write_bytes(content)
    assert reason(path)
    assert capfd.readouterr() == ("", "")


def test_a_playlist_opens_no_other_file(tmp_path, write, music):
    other = write("a.m4a", music, 44100)
    path = tmp_path / "list.wav"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{other}\n#EXT-X-ENDLIST\n")
    assert "is not audio" in reason(path)


def test_a_file_that_may_not_be_read(write, music):
    path = write("a.wav", music, 44100)
    path.chmod(0)
    # The superuser may read everything, so another user tries.
    program = (
        "import os, sys; from earwitness.audio import read; from earwitness.errors import ClipError\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: read(sys.argv[1])\nexcept ClipError as problem: print(problem.reason)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "may not be read: permission denied", done.stderr


@pytest.mark.parametrize("suffix", ["wav", "ogg", "aiff"])
def test_a_file_without_samples(suffix, write):
    path = write(f"none.{suffix}", np.zeros((1, 0), np.float32), 44100)
    assert reason(path) == "holds no samples"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(value, write, music):
    spoilt = music.copy()
    spoilt[1, 66150] = value
    path = write("spoilt.wav", spoilt, 44100, subtype="FLOAT")
    assert reason(path) == "holds NaN or infinite samples, the first at 1.500 s"
    assert reason(path, start=1, sample_rate=8000) == "holds NaN or infinite samples, the first at 1.500 s"
    assert read(path, start=2)[0].any()


def test_huge_but_finite_samples_are_no_error(write):
    path = write("huge.wav", np.full((1, 1000), 1e30, np.float32), 8000, subtype="FLOAT")
    assert read(path)[0][0] == np.float32(1e30)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3"])
def test_a_file_that_breaks_off(suffix, write, music, capfd):
    path = cut(write(f"whole.{suffix}", music, 44100), 0.3)
    found = reason(path)
    assert found.startswith("is truncated: it decodes 1.")
    assert found.endswith("of the 4.0 s that its header claims")
    assert "is truncated" in reason(path, start=0.5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["m4a", "wma"])
def test_a_file_for_ffmpeg_that_breaks_off(suffix, write, music, capfd):
    assert reason(cut(write(f"whole.{suffix}", music, 44100), 0.3))
    assert capfd.readouterr() == ("", "")


def test_a_part_before_the_break_can_be_used(write, music):
    path = write("whole.flac", music, 44100)
    before, _ = read(path, start=0.2, duration=0.5)
    np.testing.assert_array_equal(read(cut(path, 0.4), start=0.2, duration=0.5)[0], before)


def test_a_file_cut_by_a_hair_is_used(write, music):
    assert len(read(cut(write("whole.wav", music, 44100), 0.995))[0]) > 0.99 * 4 * 44100


def hours_of_wav(path):
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0x7FFFFFF0)
    path.write_bytes(content)


def hours_of_flac(path):
    content = bytearray(path.read_bytes())
    (packed,) = struct.unpack(">Q", content[18:26])
    content[18:26] = struct.pack(">Q", (packed >> 36 << 36) | 12 * 3600 * 44100)
    path.write_bytes(content)


@pytest.mark.parametrize(("suffix", "lie"), [("wav", hours_of_wav), ("flac", hours_of_flac)])
def test_a_header_that_claims_hours_costs_no_memory(suffix, lie, write, music):
    path = write(f"liar.{suffix}", music, 44100)
    lie(path)
    tracemalloc.start()
    found = reason(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert " h that its header claims" in found or " h, which" in found
    assert peak < 64 << 20


def test_a_header_that_claims_more_than_any_coding_could_hold(write):
    path = write("liar.flac", np.zeros((1, 44100), np.float32), 44100)
    hours_of_flac(path)
    with pytest.raises(ClipError, match=r"its header claims 12\.0 h, which \d+ bytes cannot hold"):
        info(path)


def open_wav(path):
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def open_flac(path):
    content = bytearray(path.read_bytes())
    (packed,) = struct.unpack(">Q", content[18:26])
    content[18:26] = struct.pack(">Q", packed >> 36 << 36)
    path.write_bytes(content)


@pytest.mark.parametrize(("suffix", "open_length"), [("wav", open_wav), ("flac", open_flac)])
def test_a_stream_whose_header_leaves_its_length_open_is_read_to_its_end(suffix, open_length, write, music):
    path = write(f"stream.{suffix}", music, 44100)
    whole, _ = read(path, mono=False)
    open_length(path)
    np.testing.assert_array_equal(read(path, mono=False)[0], whole)
    np.testing.assert_array_equal(read(path, start=1, duration=1, mono=False)[0], whole[:, 44100:88200])
    assert info(path).duration == 4.0


def test_silence_and_a_single_sample_are_no_errors(write):
    assert not read(write("silent.wav", np.zeros((2, 100), np.float32), 8000))[0].any()
    assert read(write("one.wav", np.ones((1, 1), np.float32), 8000))[0].shape == (1,)


def test_standard_error_is_open_again_afterwards(write, music, capfd):
    read(write("a.mp3", music, 44100))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
