"""Modules with the interface of the HEAR benchmark: `hear:<module>`.

Such a module has `load_model(path)` and `get_scene_embeddings(audio, model)`, or at least
`get_timestamp_embeddings`, whose mean over time is then the scene's; the model has `sample_rate` and
`scene_embedding_size` (or `timestamp_embedding_size`). The module is imported: load only those you trust.

References
----------
Turian et al. (2022). HEAR: Holistic Evaluation of Audio Representations. PMLR 176.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from earwitness.encoders.adapters.adapted import AdaptedEncoder, rate_of
from earwitness.encoders.protocol import Audio, Vectors
from earwitness.errors import EncoderError
from earwitness.store import content_hash


def load(module_name: str, model: str = "", device: str | None = None) -> AdaptedEncoder:
    """The encoder that a HEAR module holds.

    Parameters
    ----------
    module_name
        Importable, as in `import <module>`.
    model
        Path of the weights, passed to `load_model`.
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.

    Raises
    ------
    EncoderError
        If the module cannot be imported or lacks a function of the interface, or its model cannot be loaded.
    """
    import torch

    from earwitness.encoders.devices import pick_device

    module, place = _imported(module_name), pick_device(device)
    try:
        loaded = module.load_model(model) if model else module.load_model()
    except Exception as error:  # whatever a stranger's code raises is the finding
        raise EncoderError(f"hear:{module_name} cannot load its model: {type(error).__name__}: {error}") from error
    if isinstance(loaded, torch.nn.Module):
        loaded = loaded.to(place).eval()

    def embed(audio: Audio) -> Vectors:
        with torch.no_grad():
            sounds = torch.from_numpy(audio).to(place)
            if hasattr(module, "get_scene_embeddings"):
                return _array(module.get_scene_embeddings(sounds, loaded))
            return _array(module.get_timestamp_embeddings(sounds, loaded)[0]).mean(1)

    scene = "scene_embedding_size" if hasattr(module, "get_scene_embeddings") else "timestamp_embedding_size"
    return AdaptedEncoder(
        name=f"hear:{module_name}" + (f",model={Path(model).name}" if model else ""),
        revision=_revision(module, model),
        sample_rate=rate_of(None, getattr(loaded, "sample_rate", None), f"the model of hear:{module_name}"),
        window=None,
        embedding_size=getattr(loaded, scene, None),
        function=embed,
        recipe=(load, (module_name, model, device)),
    )


def _imported(name: str) -> ModuleType:
    try:
        module = import_module(name)
    except Exception as error:  # an import runs a stranger's code
        raise EncoderError(f"hear:{name} cannot be imported: {type(error).__name__}: {error}") from error
    embeds = any(hasattr(module, f"get_{kind}_embeddings") for kind in ("scene", "timestamp"))
    if not hasattr(module, "load_model") or not embeds:
        raise EncoderError(f"{name} is no HEAR module: it lacks `load_model` or `get_scene_embeddings`")
    return module


def _revision(module: ModuleType, model: str) -> str:
    """A hash of the module's file and version, and of the model's file."""
    try:
        released = version(module.__name__.partition(".")[0])
    except PackageNotFoundError:
        released = str(getattr(module, "__version__", ""))
    files = [Path(path) for path in (getattr(module, "__file__", None), model) if path]
    return content_hash(released, *(file.read_bytes() for file in files if file.is_file()))[:12]


def _array(values: Any) -> Vectors:
    """A tensor of torch or TensorFlow, or an array, as a float32 array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float32)
