"""Read the variables of a TensorFlow checkpoint without TensorFlow.

The index is a sorted table in LevelDB's format whose values are small protocol buffers (type, shape, offset, size);
the data file holds the values themselves, little-endian, one after another. Nothing in either file is executed.

References
----------
TensorFlow, `core/util/tensor_bundle` and `core/protobuf/tensor_bundle.proto`; LevelDB, `doc/table_format.md`.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48  # bytes: two block handles, padding, magic
_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


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
    if index[-8:] != _MAGIC:
        raise ValueError("the index of the checkpoint does not end as a table should")
    _, place = _handle(index[-_FOOTER:], 0)
    (offset, size), _ = _handle(index[-_FOOTER:], place)
    variables = {}
    for _, value in _entries(index[offset : offset + size]):
        (block_offset, block_size), _ = _handle(value, 0)
        for key, description in _entries(index[block_offset : block_offset + block_size]):
            if key:  # the empty key is the header
                variables[key.decode()] = _variable(description, data)
    return variables


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the place after them."""
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key is told as what it shares with the one before, and the rest."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    key, place = b"", 0
    while place < end:
        shared, place = _varint(block, place)
        unshared, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + unshared]
        place += unshared
        yield key, block[place : place + length]
        place += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, value
        elif wire in (_FIXED32, _FIXED64):
            place += 4 if wire == _FIXED32 else 8  # only checksums are stored so
        elif wire == _BYTES:
            length, place = _varint(message, place)
            yield number, message[place : place + length]
            place += length
        else:
            raise ValueError(f"the checkpoint's index has a field of unknown kind {wire}")


def _variable(description: bytes, data: bytes) -> NDArray[np.float32]:
    """One variable, as its description (dtype 1, shape 2, offset 4, size 5) cuts it out of the data."""
    fields = dict(_fields(description))
    shape = []
    for number, dimension in _fields(bytes(fields.get(2, b""))):
        if number == 2:
            shape.append(int(dict(_fields(bytes(dimension))).get(1, 0)))
    offset, size = int(fields.get(4, 0)), int(fields.get(5, 0))
    if fields.get(1) != _FLOAT32 or size != 4 * prod(shape) or offset + size > len(data):
        raise ValueError(f"the checkpoint describes a variable of shape {shape} that is not {size} bytes of float32")
    return np.frombuffer(data, "<f4", prod(shape), offset).reshape(shape).astype(np.float32)
