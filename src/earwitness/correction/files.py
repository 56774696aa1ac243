"""A fitted correction on disk: JSON that people can read, and its arrays as safetensors beside it. Never a pickle.

`save(correction, "lda.json")` writes `lda.json` and `lda.safetensors`. The arrays are written first and the JSON holds
their checksum, so a pair that belongs to different runs, or is half written, is never taken for a correction.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from earwitness import __version__
from earwitness.correction._base import Correction
from earwitness.correction.alignment import CORAL, DomainStandardizer
from earwitness.correction.erasure import INLP, LEACE
from earwitness.correction.features import FastfoodMap, FourierMap, NystroemMap
from earwitness.correction.projection import DomainProjection
from earwitness.correction.scaling import Scaling
from earwitness.errors import InputError
from earwitness.store import content_hash, whole_file

FORMAT = 1
_CORRECTIONS: dict[str, type[Correction]] = {
    c.__name__: c for c in (DomainProjection, LEACE, INLP, CORAL, DomainStandardizer)
}
_PARTS: dict[str, Any] = {c.__name__: c for c in (Scaling, FourierMap, FastfoodMap, NystroemMap)}


class Fitted(NamedTuple):
    """A correction and what is known of where it comes from.

    Attributes
    ----------
    correction
        Fitted.
    about
        What was kept with it, of JSON's types; see `fit_table`.
    """

    correction: Correction
    about: Mapping[str, Any]


def save(correction: Correction, path: str | PathLike[str], *, about: Mapping[str, Any] | None = None) -> Path:
    """Write a fitted correction.

    Parameters
    ----------
    correction
        Fitted.
    path
        Of the JSON file; ".json" is added where it does not end so. The arrays go beside it.
    about
        More to keep, of JSON's types: where the training clips came from, say.

    Returns
    -------
    Path
        Of the JSON file.

    Raises
    ------
    InputError
        If it is not fitted, is none of this room's, or cannot be written.
    """
    kind = type(correction).__name__
    if _CORRECTIONS.get(kind) is not type(correction):
        raise InputError(f"a {kind} cannot be saved: only {', '.join(_CORRECTIONS)} can")
    if not hasattr(correction, "domains_"):
        raise InputError(f"this {kind} is not fitted: call fit before it is saved")
    state, data = _serialised(correction)
    head = {
        "format": FORMAT,
        "earwitness": __version__,
        "correction": kind,
        "parameters": correction.get_params(),
        "state": state,
        "arrays_sha256": hashlib.sha256(data).hexdigest(),
        "about": dict(about or {}),
    }
    target, beside = _pair(path)
    with whole_file(beside) as draft:
        draft.write_bytes(data)
    with whole_file(target) as draft:
        draft.write_text(json.dumps(head, indent=1, default=_plain) + "\n", encoding="utf-8")
    return target


def load(path: str | PathLike[str]) -> Correction:
    """The correction that `save` wrote; `path` is that of either file.

    Raises
    ------
    InputError
        If a file is missing or damaged, the two do not belong together, or they hold something else.
    """
    return load_with_notes(path).correction


def load_with_notes(path: str | PathLike[str]) -> Fitted:
    """The correction that `save` wrote, and what was kept with it as `about`; raises what `load` does."""
    target, beside = _pair(path)
    try:
        head = json.loads(target.read_text(encoding="utf-8"))
        data = beside.read_bytes()
    except OSError as error:
        raise InputError(
            f"{error.filename}: cannot be read ({error.strerror}); a correction is {target.name} with {beside.name} "
            "beside it"
        ) from error
    except ValueError as error:
        raise InputError(f"{target}: not a correction that Earwitness wrote ({error})") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT or head.get("correction") not in _CORRECTIONS:
        raise InputError(f"{target}: not a correction that this version of Earwitness ({__version__}) reads")
    if hashlib.sha256(data).hexdigest() != head.get("arrays_sha256"):
        raise InputError(f"{beside}: damaged, or not the arrays of {target.name}: fit and save the correction again")
    try:
        correction = _CORRECTIONS[head["correction"]](**head["parameters"])
        arrays = safetensors.numpy.load(data)
        for name, value in head["state"].items():
            setattr(correction, _attribute(name), _unpacked(value, name, arrays))
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{target}: not a correction that Earwitness wrote ({error})") from error
    return Fitted(correction, head.get("about", {}))


def fingerprint(correction: Correction) -> str:
    """A text that differs between corrections that were fitted differently."""
    state, data = _serialised(correction)
    return content_hash(json.dumps([state, correction.get_params()], sort_keys=True, default=_plain), data)


def _serialised(correction: Correction) -> tuple[dict[str, Any], bytes]:
    """What was learnt: arrays in the format of safetensors, and the rest in JSON's types."""
    arrays: dict[str, Any] = {}
    learnt = {name: value for name, value in vars(correction).items() if name.endswith("_") and name[0] != "_"}
    state = {name: _packed(value, name, arrays) for name, value in learnt.items()}
    return state, safetensors.numpy.save(arrays)


def _pair(path: str | PathLike[str]) -> tuple[Path, Path]:
    given = Path(path)
    base = given.with_suffix("") if given.suffix in (".json", ".safetensors") else given
    return base.with_name(f"{base.name}.json"), base.with_name(f"{base.name}.safetensors")


def _packed(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """The value in JSON's types; numbers go to the arrays and leave their name."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if isinstance(value, np.ndarray):
        return {"text": [str(each) for each in value]}
    if is_dataclass(value):
        parts = {f.name: _packed(getattr(value, f.name), f"{name}.{f.name}", arrays) for f in fields(value)}
        return {"part": type(value).__name__, "fields": parts}
    return {"tuple": list(value)} if isinstance(value, tuple) else {"value": value}


def _unpacked(value: Any, name: str, arrays: Mapping[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "text" in value:
        # Names of columns are objects to scikit-learn, domains are text.
        return np.array(value["text"], dtype=object if name == "feature_names_in_" else str)
    if "part" in value:
        parts = {key: _unpacked(each, key, arrays) for key, each in value["fields"].items()}
        return _PARTS[value["part"]](**parts)
    return tuple(value["tuple"]) if "tuple" in value else value["value"]


def _attribute(name: str) -> str:
    if not name.isidentifier() or not name.endswith("_") or name.startswith("_"):
        raise KeyError(f"{name!r} is not an attribute of a fitted correction")
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise InputError(f"{value!r} is not of JSON's types, so it cannot be saved")
