"""Encoders from a user's own Python file: `python:<file.py>:<callable>`.

The callable may be an encoder, a class of encoders, a function that returns one, or a function from sound to vectors
with the attribute `sample_rate`. What an encoder does not say is filled in: its name from the file, its revision from
the file's content, its size from what it returns, its window as None. The file is run: load only files you trust.
"""

import importlib.util
import inspect
import sys
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from earwitness.encoders.adapters.adapted import AdaptedEncoder, existing_file, rate_of
from earwitness.encoders.options import read_options
from earwitness.errors import EncoderError
from earwitness.store import content_hash


def load(target: str, **options: Any) -> AdaptedEncoder:
    """The encoder of that name in that file.

    Parameters
    ----------
    target
        "<file.py>:<callable>".
    options
        Passed to the class or function that makes the encoder.

    Raises
    ------
    EncoderError
        If the file cannot be run, or what it holds under that name is no encoder.
    """
    path, colon, wanted = target.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise EncoderError(f"python:{target}: write the file and the name in it, as in python:my_encoder.py:MyEncoder")
    file = existing_file(path, "python")
    module = _run(file)
    if not hasattr(module, wanted):
        nearest = get_close_matches(wanted, vars(module), 1)
        mend = f"Did you mean {nearest[0]!r}?" if nearest else "Check its spelling."
        raise EncoderError(f"{file} has no {wanted!r}. {mend}")
    where = f"{file}:{wanted}"
    inner, function = _encoder_of(getattr(module, wanted), where, options)
    called = ",".join([f"{file.stem}:{wanted}", *(f"{name}={value}" for name, value in sorted(options.items()))])
    return AdaptedEncoder(
        name=getattr(inner, "name", None) or called,
        revision=getattr(inner, "revision", None) or content_hash(file.read_bytes(), called)[:12],
        sample_rate=rate_of(None, getattr(inner, "sample_rate", None), f"the encoder {where}, as `sample_rate`,"),
        window=getattr(inner, "window", None),
        embedding_size=getattr(inner, "embedding_size", None),
        function=function,
        recipe=(partial(load, **options), (f"{file.resolve()}:{wanted}",)),
        inner=inner,
    )


def _run(file: Path) -> ModuleType:
    name = f"earwitness_file_{content_hash(str(file.resolve()))[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's code raises is the finding
        del sys.modules[name]
        raise EncoderError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
    return module


def _encoder_of(found: Any, where: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """The object that carries the attributes, and its function from sound to vectors."""
    if not inspect.isclass(found) and hasattr(found, "encode"):
        if options:
            raise EncoderError(f"{where} is an encoder already, and takes no option {next(iter(options))!r}")
        return found, found.encode
    if not callable(found):
        raise EncoderError(f"{where} is a {type(found).__name__}, which is neither an encoder nor a function")
    if not inspect.isclass(found) and (hasattr(found, "sample_rate") or _takes_sound(found)):
        given = read_options(found, where, options, skip=1)
        return found, partial(found, **given) if given else found
    given = read_options(found, where, options)
    try:
        made = found(**given)
    except Exception as error:  # as above
        raise EncoderError(f"{where} cannot be called: {type(error).__name__}: {error}") from error
    if not hasattr(made, "encode"):
        raise EncoderError(
            f"{where} returned a {type(made).__name__} without `encode`: a function that makes an encoder returns one, "
            "and a function from sound to vectors carries its `sample_rate`, as in `encode.sample_rate = 16000`"
        )
    return made, made.encode


def _takes_sound(function: Any) -> bool:
    """Whether something must be given to it: a function that makes an encoder can be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
