"""A trained network on disk: `model.json`, which people can read, and `weights.safetensors`; never a pickle.

The weights are written first, and the JSON holds their checksum, so a pair of two runs, or a half-written one, is never
taken for a model.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from earwitness import __version__
from earwitness.errors import EncoderError
from earwitness.store import whole_file

FACTS, WEIGHTS = "model.json", "weights.safetensors"
FORMAT = 1
Arrays = dict[str, NDArray[Any]]


class Model(NamedTuple):
    """What lies in a model's folder.

    Attributes
    ----------
    folder, kind
        Where, and who can load it: see `earwitness.learning.learned_encoder.KINDS`.
    facts
        What `write_model` was given.
    arrays
        Weights, and whatever else is an array, by name.
    revision
        Changes whenever the weights or the facts do.
    """

    folder: Path
    kind: str
    facts: Mapping[str, Any]
    arrays: Arrays
    revision: str


def write_model(folder: Path, kind: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Write the two files.

    Parameters
    ----------
    folder
        Is made where it is missing.
    kind
        Of `KINDS`.
    facts
        JSON values: what it takes to build the network, and what is known of it.
    arrays
        Weights and the like.
    """
    from safetensors.numpy import save

    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    with whole_file(folder / WEIGHTS) as draft:
        draft.write_bytes(data)
    head = {
        "format": FORMAT,
        "earwitness": __version__,
        "kind": kind,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        **facts,
    }
    with whole_file(folder / FACTS) as draft:
        draft.write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_model(folder: str | Path) -> Model:
    """The model in a folder.

    Raises
    ------
    EncoderError
        If there is none, it is damaged, or its files belong to two models.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    place = Path(folder).expanduser()
    if not (place / FACTS).is_file():
        raise EncoderError(
            f"{place} holds no trained encoder (no {FACTS}): name a folder that `earwitness learn --out` wrote and "
            "finished"
        )
    try:
        text = (place / FACTS).read_bytes()
        head, data = json.loads(text), (place / WEIGHTS).read_bytes()
        known = isinstance(head, dict) and head.get("format") == FORMAT and isinstance(head.get("kind"), str)
        if not known:
            raise EncoderError(f"{place / FACTS} is not of this version of Earwitness: train it again")
        if hashlib.sha256(data).hexdigest() != head.get("weights_sha256"):
            raise EncoderError(f"{place}: {WEIGHTS} is not the one that {FACTS} was written with: copy both files")
        arrays = load(data)
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(error, EncoderError):
            raise
        raise EncoderError(
            f"the trained encoder in {place} cannot be read ({error}): copy or train it again"
        ) from error
    return Model(place, head["kind"], head, arrays, f"1-{hashlib.sha256(text).hexdigest()[:12]}")
