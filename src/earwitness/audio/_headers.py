"""What the first bytes of a sound file claim about its length: so a file that breaks off is told from a short one."""

import os
import struct
from typing import BinaryIO

_HEAD = 65536
_UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFE)  # written by programs that cannot seek back, and so claim nothing
_MOST_CHUNKS = 1000  # a spoilt file may seem to hold millions of empty ones
_LENGTH_MARKS = (b"Xing", b"Info", b"VBRI")
_MARK_WITHIN = 64  # bytes from the start of the first frame, whatever the version and the channels


def may_chatter(head: bytes) -> bool:
    """Whether the file may be MPEG audio, whose decoder writes to standard error."""
    return head[:4] not in (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS")


def claimed_data_bytes(file: BinaryIO) -> tuple[int, int] | None:
    """Bytes of samples that a WAV or AIFF header claims and the bytes that follow it; None where it claims nothing."""
    file.seek(0)
    kind = file.read(12)
    order, wanted = {b"RIFF": ("<", b"data"), b"FORM": (">", b"SSND")}.get(kind[:4], ("", b""))
    if not order or kind[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return None
    for _ in range(_MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        name, size = struct.unpack(f"{order}4sI", chunk)
        if name == wanted:
            place = file.tell()
            there = file.seek(0, os.SEEK_END) - place
            return None if size in _UNKNOWN else (size, there)
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def mp3_claims_length(file: BinaryIO) -> bool:
    """Whether an MP3 file says how long it is; without such a header a decoder can only guess from the bit rate."""
    file.seek(0)
    start = 0
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        size = 0
        for byte in head[6:10]:  # seven bits each
            size = size << 7 | byte & 0x7F
        start = 10 + size
    file.seek(start)
    frame = file.read(_HEAD)
    sync = next((i for i in range(len(frame) - 1) if frame[i] == 0xFF and frame[i + 1] >= 0xE0), None)
    if sync is None:
        return False
    return any(mark in frame[sync : sync + _MARK_WITHIN] for mark in _LENGTH_MARKS)
