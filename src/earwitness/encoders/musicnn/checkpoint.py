"""Read the variables of a TensorFlow checkpoint without TensorFlow.

The index is a sorted table whose values are small protocol buffers (type, shape, offset, size); the data file holds the
values themselves, little-endian, one after another. Nothing in either file is executed.

References
----------
TensorFlow, `core/util/tensor_bundle` and `core/protobuf/tensor_bundle.proto`.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from earwitness.encoders.tables import fields, table_entries

_FLOAT32 = 1


def read_checkpoint(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """Variables by name, each with its shape.

    Parameters
    ----------
    index, data
        Contents of the `.index` and the `.data-00000-of-00001` file.

    Raises
    ------
    ValueError
        If the index is not such a table, or a variable is not float32 or lies outside the data.
    """
    entries = table_entries(index)
    return {key.decode(): _variable(description, data) for key, description in entries if key}  # "" is the header


def _variable(description: memoryview, data: bytes) -> NDArray[np.float32]:
    """One variable, as its description (dtype 1, shape 2, offset 4, size 5) cuts it out of the data."""
    found = dict(fields(description))
    shape = []
    for number, dimension in fields(bytes(found.get(2, b""))):
        if number == 2:
            shape.append(int(dict(fields(bytes(dimension))).get(1, 0)))
    offset, size = int(found.get(4, 0)), int(found.get(5, 0))
    if found.get(1) != _FLOAT32 or size != 4 * prod(shape) or offset + size > len(data):
        raise ValueError(f"the checkpoint describes a variable of shape {shape} that is not {size} bytes of float32")
    return np.frombuffer(data, "<f4", prod(shape), offset).reshape(shape).astype(np.float32)
