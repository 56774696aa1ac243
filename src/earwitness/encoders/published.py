"""Files of weights that others have published: where they lie, how they are fetched, and their checksums.

They are looked for in the folder `weights` of the cache. A file is fetched where its checksum is known, and only then.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch
from filelock import FileLock

from earwitness.errors import EncoderError
from earwitness.store import cache_dir, made_folder


@dataclass(frozen=True)
class Published:
    """A file that others have published.

    Attributes
    ----------
    file
        Its name, and its place in the folder of weights.
    url
        Where it is published.
    checksum
        "md5:<digits>", "sha256:<its first digits or all>", "git:<the digits of git's blob>"; "": unknown.
    """

    file: str
    url: str
    checksum: str = ""


def weights_folder() -> Path:
    """The folder of the cache where files of weights are kept: `$EARWITNESS_CACHE/weights`."""
    return cache_dir() / "weights"


def find_weights(name: str, published: Sequence[Published], given: str | None = None, option: str = "weights") -> Path:
    """The file of weights that was given, lies in the folder of weights, or can be fetched.

    Parameters
    ----------
    name
        Of the encoder.
    published
        The files that would do, best first.
    given
        A file, or a folder that holds one of them.
    option
        Of the encoder that `given` came from.

    Raises
    ------
    EncoderError
        If there is none (the message says which file is needed, where it is published and where to put it), or a
        published file does not have its checksum.
    """
    place = weights_folder() if given is None else Path(given).expanduser()
    places = [(place / file, p) for p in published for file in (p.file, Path(p.file).name)]
    found = [(file, p) for file, p in places if file.is_file()]
    if given is not None and place.is_file():
        found = [(place, p) for p in published if Path(p.file).name == place.name] or [(place, Published("", ""))]
    if found:
        _check(*found[0])
        return found[0][0]
    if given is not None:
        wanted = " or ".join(Path(p.file).name for p in published)
        raise EncoderError(f"{name},{option}={given}: there is no such file, nor a folder with {wanted}")
    why = ""
    if published[0].checksum:
        try:
            return _fetch(published[0], place)
        except OSError as error:
            why = f", which could not be fetched ({type(error).__name__})"
    raise EncoderError(
        f"{name} needs the file {Path(published[0].file).name}, published at {published[0].url}{why}: put it at "
        f"{place / published[0].file}, or say where it is, `{name},{option}=FILE`"
    )


def file_hash(file: Path, kind: str = "sha256") -> str:
    """Hexadecimal digits of a file's SHA-256 or MD5, or of the SHA-1 that git gives it ("git")."""
    digest = hashlib.new("sha1" if kind == "git" else kind, usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _check(file: Path, published: Published) -> None:
    if not published.checksum:
        return
    kind, digits = published.checksum.split(":")
    if not file_hash(file, kind).startswith(digits):
        raise EncoderError(
            f"{file} does not have the checksum of the published file ({published.checksum}): it is damaged or another "
            "version; fetch it anew, or rename it if it is meant to differ"
        )


def _fetch(published: Published, folder: Path) -> Path:
    """Download beside its place, check, and move it there."""
    target = folder / published.file
    made_folder(target.parent)
    with FileLock(folder / ".lock"):  # several workers may start at once, and one download is enough
        if not target.is_file():
            pooch.get_logger().info("Fetching %s (once)", published.url)
            with TemporaryDirectory(dir=folder) as work:
                retrieved = Path(work) / target.name
                pooch.HTTPDownloader(timeout=30)(published.url, str(retrieved), None)
                _check(retrieved, published)
                os.replace(retrieved, target)
    return target
