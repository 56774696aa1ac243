"""Encoders that were trained here: `learned:<folder>`."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from earwitness.encoders import Encoder
from earwitness.encoders.options import read_options
from earwitness.errors import EncoderError
from earwitness.learning.model_folder import Model, read_model

KINDS = {
    "multi-source": "earwitness.learning.multi_source_encoder:MultiSourceEncoder",
    "artist-groups": "earwitness.learning.artist_groups.encoder:ArtistGroupEncoder",
    "task": "earwitness.learning.tasks.encoding:encoder_of",
}
"""Who makes an encoder of a model, by its `kind`: a callable of the model, the device and further options."""


def load(folder: str, device: str | None = None, **options: Any) -> Encoder:
    """The encoder in a folder that `earwitness learn` wrote.

    Parameters
    ----------
    folder
        With `model.json` and `weights.safetensors`.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    options
        Those of the kind of model.

    Raises
    ------
    EncoderError
        If there is no model, it is damaged, or of a kind that is not known.
    """
    model = read_model(folder)
    make = maker(model)
    encoder: Encoder = make(model, device=device, **read_options(make, f"learned:{folder}", options, skip=1))
    return encoder


def maker(model: Model) -> Callable[..., Encoder]:
    """What makes an encoder of a model.

    Raises
    ------
    EncoderError
        If its kind is not known.
    """
    if model.kind not in KINDS:
        raise EncoderError(
            f"{model.folder} holds a model of the kind {model.kind!r}, and this version knows {', '.join(KINDS)}: "
            "update Earwitness"
        )
    module, _, name = KINDS[model.kind].partition(":")
    made: Callable[..., Encoder] = getattr(import_module(module), name)
    return made
