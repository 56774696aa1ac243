"""Read the arrays in a file of weights, whatever published format it has. Nothing in it is executed.

What it is shows in its first and last bytes: a file of PyTorch (read with `weights_only=True`), a file of Keras (HDF5,
perhaps gzipped), or a checkpoint of TensorFlow 1 in one file (format V1).

References
----------
Keras, `saving/hdf5_format`; TensorFlow, `core/util/saved_tensor_slice.proto` and `core/framework/tensor.proto`.
"""

import gzip
import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.encoders.tables import MAGIC, fields, table_entries
from earwitness.errors import EncoderError, MissingExtraError

_LARGEST_ARRAY = 1 << 28  # values; the largest there is, in VGGish, has 5e7
_LARGEST_FILE = 1 << 30  # bytes, unpacked
_HDF5, _GZIP = b"\x89HDF\r\n\x1a\n", b"\x1f\x8b"

Array = NDArray[np.float32]


class WeightFile(NamedTuple):
    """The arrays of a file of weights, in its order.

    `arrays` has one entry a variable, by its full name; for Keras one entry a layer that has weights, with its
    variables by the last part of their names ("kernel", "bias", "gamma", ...).
    """

    path: Path
    format: Literal["torch", "keras", "tensorflow"]
    arrays: dict[str, Any]


def read_weights(path: Path) -> WeightFile:
    """The arrays in a file.

    Raises
    ------
    EncoderError
        If it has none of the formats, or is damaged.
    MissingExtraError
        If it is a file of Keras, and h5py is not installed.
    """
    content = path.read_bytes()
    try:
        if content[:2] == _GZIP:
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(_LARGEST_FILE)
        if content[:8] == _HDF5:
            return WeightFile(path, "keras", _keras(content))
        if content[-8:] == MAGIC:
            return WeightFile(path, "tensorflow", _tensorflow_1(content))
        return WeightFile(path, "torch", _torch(content))
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EncoderError(f"the file of weights {path} cannot be read: {reason}") from error


def load_state(module: nn.Module, file: WeightFile, ignored: tuple[str, ...] = ()) -> None:
    """Copy a file of PyTorch into a module with the same names.

    Parameters
    ----------
    module
        Is changed in place.
    file
        Of format "torch".
    ignored
        Beginnings of names of what the module computes by itself.

    Raises
    ------
    EncoderError
        If names or shapes differ (the message has the first).
    """
    own = {k: v for k, v in module.state_dict().items() if not k.endswith(_COUNTER)}
    kept = {k: v for k, v in file.arrays.items() if k in own or not k.startswith(ignored)}
    given = {k: v for k, v in kept.items() if not k.endswith(_COUNTER)}
    for name in [*own, *given]:
        if name not in given or name not in own:
            raise _unfit(file, f"it lacks {name}" if name in own else f"it has {name}, which the network has not")
        if given[name].shape != own[name].shape:
            raise _unfit(file, f"{name} has the shape {tuple(given[name].shape)}, not {tuple(own[name].shape)}")
    module.load_state_dict(given, strict=False)


def load_keras(module: nn.Module, file: WeightFile) -> None:
    """Copy the layers of a file of Keras, in its order, into the module's convolutions, normalisations and linear maps.

    Their order is relied on and their names are not: Keras numbers what has no name of its own.

    Raises
    ------
    EncoderError
        If there are more or fewer layers, or a shape differs.
    """
    layers = {name: arrays for name, arrays in file.arrays.items() if "spectrogram" not in name}
    own = [(n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    if len(layers) != len(own):
        raise _unfit(file, f"it has {len(layers)} layers with weights, not {len(own)}")
    for (name, part), (theirs, arrays) in zip(own, layers.items(), strict=True):
        for ours, key, turn in _keras_names(part):
            tensor = getattr(part, ours)
            if key not in arrays:
                if key == "gamma":  # a normalisation without a scale
                    continue
                raise _unfit(file, f"its layer {theirs}, due to be {name}, lacks {key}")
            put(tensor, turn(arrays[key]), file, f"{theirs}/{key}")


def put(tensor: Tensor | nn.Module, value: Array, file: WeightFile, name: str) -> None:
    """Copy an array into a tensor of the same shape."""
    assert isinstance(tensor, Tensor)
    if value.shape != tuple(tensor.shape):
        raise _unfit(file, f"{name} has the shape {value.shape} where {tuple(tensor.shape)} is due")
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def values_of(file: WeightFile, name: str, shape: tuple[int, ...]) -> Array:
    """A variable of a TensorFlow 1 checkpoint, which keeps its values without their shape."""
    if name not in file.arrays:
        raise _unfit(file, f"it lacks {name}")
    values: Array = file.arrays[name]
    if values.size != prod(shape):
        raise _unfit(file, f"{name} has {values.size} values where {shape} are due")
    return values.reshape(shape)


_COUNTER = "num_batches_tracked"


def _unfit(file: WeightFile, reason: str) -> EncoderError:
    return EncoderError(f"the file of weights {file.path} does not fit: {reason}")


def _turned(value: Array, *axes: int) -> Array:
    if value.ndim != len(axes):
        return value  # the shape is refused where it is put
    return value.transpose(axes)


def _keras_names(part: nn.Module) -> list[tuple[str, str, Callable[[Array], Array]]]:
    """Torch's names of a layer's tensors, those of Keras, and how the axes turn."""

    def same(value: Array) -> Array:
        return value

    if isinstance(part, nn.BatchNorm2d):
        ours = ("weight", "bias", "running_mean", "running_var")
        return [(o, k, same) for o, k in zip(ours, ("gamma", "beta", "moving_mean", "moving_variance"), strict=True)]
    bias: list[tuple[str, str, Callable[[Array], Array]]] = [("bias", "bias", same)] if part.bias is not None else []
    if isinstance(part, nn.Linear):
        return [("weight", "kernel", lambda v: _turned(v, 1, 0)), *bias]
    assert isinstance(part, nn.Conv2d)
    if part.groups > 1:
        return [("weight", "depthwise_kernel", lambda v: _turned(v, 2, 3, 0, 1)), *bias]
    return [("weight", "kernel", lambda v: _turned(v, 3, 2, 0, 1)), *bias]


def _torch(content: bytes) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a file that was not written by torch, and is refused below
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError("it holds no state dict, names with a tensor each")
    return {str(name): value for name, value in state.items()}


def _keras(content: bytes) -> dict[str, dict[str, Array]]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("reading weights of Keras", "hub") from error
    with h5py.File(io.BytesIO(content), "r") as file:
        root = file.get("model_weights", file)
        found = {}
        for layer in _texts(root.attrs["layer_names"]):
            names = _texts(root[layer].attrs["weight_names"])
            if names:
                found[layer] = {name.split("/")[-1].split(":")[0]: _dataset(root[layer][name]) for name in names}
        return found


def _texts(names: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _dataset(values: Any) -> Array:
    if prod(values.shape) > _LARGEST_ARRAY:
        raise ValueError(f"it describes an array of shape {values.shape}")
    return np.asarray(values, np.float32)


def _tensorflow_1(content: bytes) -> dict[str, Array]:
    """Flat values by name: in each entry field 2 is a slice with its name (1) and tensor (3)."""
    found: dict[str, Array] = {}
    for _, value in table_entries(content):
        piece = dict(fields(value)).get(2)
        if not isinstance(piece, memoryview):  # the header
            continue
        parts = dict(fields(piece))
        name, tensor = _bytes(parts, 1).tobytes().decode(), dict(fields(_bytes(parts, 3)))
        if name in found:
            raise ValueError(f"{name} is split into several parts")
        # Field 5 holds the values packed, field 4 their raw bytes: little-endian float32 both.
        found[name] = np.frombuffer(_bytes(tensor, 5 if 5 in tensor else 4), "<f4").astype(np.float32)
    return found


def _bytes(message: dict[int, int | memoryview], number: int) -> memoryview:
    value = message.get(number)
    if not isinstance(value, memoryview):
        raise ValueError(f"an entry of the checkpoint lacks its field {number}")
    return value
