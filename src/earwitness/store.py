"""What is kept between runs, and how a file is written so that it is whole or absent.

Vectors lie in shards: small `.npz` files of content keys and float32 rows. A shard's folder is named by a hash of
everything its numbers depend on (encoder, revision, pooling, perturbation, seed) and its rows by the content of the
sound, so a renamed file is found again and an edited one is not.
"""

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import fsspec
import numpy as np
import platformdirs
from numpy.typing import NDArray

from earwitness.errors import InputError

CACHE_VARIABLE = "EARWITNESS_CACHE"


def content_hash(*parts: str | bytes) -> str:
    """A 32-digit hash of these parts; ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def cache_location() -> str:
    """Where shards are kept: `$EARWITNESS_CACHE` (a folder, or a URL such as s3://bucket/x), else the user's cache."""
    return os.environ.get(CACHE_VARIABLE) or str(platformdirs.user_cache_path("earwitness"))


def cache_dir() -> Path:
    """The local folder for weights: that of the shards, or the user's own where the shards lie behind a URL."""
    location = cache_location()
    folder = platformdirs.user_cache_path("earwitness") if "://" in location else Path(location).expanduser()
    return made_folder(folder)


def made_folder(folder: Path) -> Path:
    """The folder, made where it is missing.

    Raises
    ------
    InputError
        If it may not be made there.
    """
    with _said_plainly(str(folder)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:  # /proc says so of what nobody may make in it
            raise PermissionError(errno.EACCES, "no folder can be made there") from error
    return folder


@contextmanager
def _said_plainly(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"no space left to write {place}: free some, or point --out or ${CACHE_VARIABLE} to another disk; "
                "what was finished is kept"
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise InputError(f"cannot write {place} ({error.strerror}): choose a folder you may write to") from error
        raise


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write to the path that is yielded; on success it becomes `path` in one step, on failure it is gone.

    Raises
    ------
    InputError
        If there is no space left, or the folder may not be written to.
    """
    target = Path(path)
    made_folder(target.parent)
    with _said_plainly(str(target)):
        with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=target.suffix, delete=False) as unnamed:
            draft = Path(unnamed.name)
        try:
            yield draft
            with draft.open("rb+") as written:
                os.fsync(written.fileno())
            draft.chmod(0o666 & ~_umask())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@dataclass(frozen=True)
class Shards:
    """The shards of one encoder under one perturbation: content key -> vector.

    Parameters
    ----------
    folder
        A folder or URL; see `shards_of`.
    """

    folder: str

    def _files(self) -> list[str]:
        files, root = fsspec.core.url_to_fs(self.folder)
        if not files.isdir(root):
            return []
        # A dot marks a draft that a killed run left behind.
        return sorted(
            str(name)
            for name in files.ls(root, detail=False)
            if str(name).endswith(".npz") and not os.path.basename(str(name)).startswith(".")
        )

    def read(self, keys: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are there, of those asked for."""
        wanted = set(keys)
        found: dict[str, NDArray[np.float32]] = {}
        files, _ = fsspec.core.url_to_fs(self.folder)
        for name in self._files():
            with files.open(name, "rb") as stream, np.load(io.BytesIO(stream.read()), allow_pickle=False) as shard:
                here = [(i, key) for i, key in enumerate(shard["keys"].tolist()) if key in wanted]
                if here:
                    vectors = shard["vectors"]
                    found.update({key: vectors[i] for i, key in here})
        return found

    def keys(self) -> set[str]:
        """Content keys of every finished vector."""
        files, _ = fsspec.core.url_to_fs(self.folder)
        known: set[str] = set()
        for name in self._files():
            with files.open(name, "rb") as stream, np.load(io.BytesIO(stream.read()), allow_pickle=False) as shard:
                known.update(shard["keys"].tolist())
        return known

    def write(self, keys: list[str], vectors: NDArray[np.float32]) -> None:
        """Keep these vectors in one new shard, whole or not at all."""
        name = f"{content_hash(*keys)}.npz"
        buffer = io.BytesIO()
        np.savez(buffer, keys=np.array(keys), vectors=np.asarray(vectors, dtype=np.float32))
        if "://" in self.folder:
            files, root = fsspec.core.url_to_fs(self.folder)
            files.pipe_file(f"{root}/{name}", buffer.getvalue())  # an object store's put is whole or absent
            return
        with whole_file(Path(self.folder) / name) as draft:
            draft.write_bytes(buffer.getvalue())


@dataclass(frozen=True)
class ArrayFiles(MutableMapping[str, dict[str, NDArray[Any]]]):
    """Named sets of arrays in a local folder: one safetensors file a name, each whole or absent.

    Parameters
    ----------
    folder
        Made when something is put into it.
    """

    folder: Path

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def __getitem__(self, name: str) -> dict[str, NDArray[Any]]:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        file = self._file(name)
        if not file.is_file():
            raise KeyError(name)
        try:
            return load(file.read_bytes())
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file} cannot be read ({error}): remove it, and its work is done anew") from error

    def __setitem__(self, name: str, arrays: dict[str, NDArray[Any]]) -> None:
        from safetensors.numpy import save

        with whole_file(self._file(name)) as draft:
            draft.write_bytes(save({key: np.asarray(array, order="C") for key, array in arrays.items()}))

    def __delitem__(self, name: str) -> None:
        if not self._file(name).is_file():
            raise KeyError(name)
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(file.stem for file in self.folder.glob("[!.]*.safetensors")))

    def __len__(self) -> int:
        return len(list(iter(self)))


def shards_of(*identity: str) -> Shards:
    """The shards of whatever these texts name: encoder, revision, pooling, perturbation, seed."""
    return Shards(f"{cache_location().rstrip('/')}/embeddings/{content_hash(*identity)}")
