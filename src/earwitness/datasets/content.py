"""A hash of what is in a file, remembered while the file stays as it is."""

import hashlib
import os
from collections.abc import Hashable
from typing import IO

import fsspec

_KNOWN: dict[Hashable, str] = {}


def content_hash_of_file(path: str) -> str:
    """SHA-256 of the bytes of a local file or a URL; read once as long as size and time of change stay the same.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if "://" in path:
        files, inside = fsspec.core.url_to_fs(path)
        key: Hashable = (path, files.ukey(inside))
    else:
        state = os.stat(path)
        key = (path, state.st_size, state.st_mtime_ns)
    if key not in _KNOWN:
        with fsspec.open(path, "rb") if "://" in path else open(path, "rb") as handle:
            _KNOWN[key] = _digest(handle)
    return _KNOWN[key]


def _digest(handle: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := handle.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
