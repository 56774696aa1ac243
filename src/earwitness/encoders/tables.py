"""The sorted tables (LevelDB's format) and protocol buffers that TensorFlow's checkpoints are made of.

What is yielded are views of what was given: nothing is copied, since a table may hold hundreds of megabytes.

References
----------
LevelDB, `doc/table_format.md`; Protocol Buffers, "Encoding".
"""

from collections.abc import Iterator

MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48  # bytes: two block handles, padding, magic
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


def table_entries(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a table, in its order.

    Raises
    ------
    ValueError
        If it does not end as a table should, or a block is compressed.
    """
    table = memoryview(content)
    if table[-8:] != MAGIC:
        raise ValueError("the index of the checkpoint does not end as a table should")
    _, place = _handle(table[-_FOOTER:], 0)
    handle, _ = _handle(table[-_FOOTER:], place)
    for _, value in _entries(_block(table, handle)):
        handle, _ = _handle(value, 0)
        yield from _entries(_block(table, handle))


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of a protocol buffer's fields; numbers of fixed width are passed over."""
    message, place = memoryview(message), 0
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


def _block(table: memoryview, handle: tuple[int, int]) -> memoryview:
    """A block of a table; the byte behind it says how it is compressed."""
    offset, size = handle
    if table[offset + size : offset + size + 1] != b"\0":
        raise ValueError("a block of the checkpoint's table is compressed or cut off")
    return table[offset : offset + size]


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it."""
    value = shift = 0
    while True:
        if place >= len(data):
            raise ValueError("a number of the checkpoint's table is cut off")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _handle(data: memoryview, place: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the place after them."""
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block; a key is told as what it shares with the one before, and the rest."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    key, place = b"", 0
    while place < end:
        shared, place = _varint(block, place)
        unshared, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + bytes(block[place : place + unshared])
        place += unshared
        yield key, block[place : place + length]
        place += length
