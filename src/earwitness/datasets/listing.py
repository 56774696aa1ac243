"""A listing: which files a source names, before any of them has been opened."""

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec

from earwitness.errors import InputError

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".aif",
    ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".ape", ".wv", ".tta", ".mka", ".webm", ".amr", ".ac3",
})
# fmt: on


@dataclass(frozen=True)
class Entry:
    """One file, or one excerpt of a file, that a source names.

    Attributes
    ----------
    file
        What is to be opened: a local path or a URL.
    name
        The file as the user knows it.
    clip
        Its id.
    start, duration
        The excerpt in seconds; no duration means to the end.
    metadata
        What the source says about it.
    """

    file: str
    name: str
    clip: str
    start: float = 0.0
    duration: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """All that a source names, and what was set aside on the way: (file, reason)."""

    entries: Sequence[Entry]
    skipped: Sequence[tuple[str, str]]
    name: str
    root: str


def is_url(source: str) -> bool:
    """Whether a source is left to fsspec."""
    return "://" in source


def is_audio(name: str) -> bool:
    """Whether a file's suffix is that of sound."""
    return posixpath.splitext(name)[1].lower() in AUDIO_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that a file manager would not show, or a macOS archive's leftovers."""
    return name.startswith(".") or name == "__MACOSX"


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path inside it.

    Raises
    ------
    InputError
        If the protocol is unknown or its package is not installed.
    """
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(f"{url}: this kind of address cannot be opened ({error})") from error


def local_path(source: str) -> str:
    """The absolute path of a local source; `~` is the home folder."""
    return os.path.abspath(os.path.expanduser(source))
