"""Just enough of the protocol-buffer wire format to look into an ONNX file without the onnx package.

A message is a run of fields: a varint tag (field number and wire type), then a varint, 4 or 8 fixed
bytes, or a length and that many bytes (a string, a nested message, packed numbers).
Everything here works on memoryviews, so looking at a file never copies its weights.
"""

from __future__ import annotations

from collections.abc import Iterator

Value = int | memoryview

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT = 10
_MAX_FIELD = (1 << 29) - 1


class WireError(ValueError):
    """The bytes are no valid message.

    Attributes:
        truncated: the message claims more bytes than there are.
    """

    def __init__(self, cause: str, *, truncated: bool = False) -> None:
        super().__init__(cause)
        self.truncated = truncated


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Unsigned 64-bit varint at offset `at`, and the offset after it."""
    value = shift = 0
    for offset in range(at, min(at + _MAX_VARINT, len(data))):
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, offset + 1
        shift += 7
    if at + _MAX_VARINT > len(data):
        raise WireError("it ends inside a number", truncated=True)
    raise WireError("a number is longer than 10 bytes")


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Fields of one message, in file order: number, and an int (varint) or a view (everything else).

    Raises:
        WireError: a length runs past the end, or a tag makes no sense. Groups, which no ONNX file
            has, are refused too.
    """
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = varint(data, at - 1)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= _MAX_FIELD:
            raise WireError(f"field number {number} does not exist")
        if wire == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if wire == BYTES:
            size, at = varint(data, at)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise WireError(f"wire type {wire} is not in use")
        if size > end - at:
            raise WireError(f"a part of {size:,} bytes runs past the end", truncated=True)
        yield number, data[at : at + size]
        at += size


def integer(value: Value) -> int:
    """A field that must be a varint, as a signed 64-bit number."""
    if not isinstance(value, int):
        raise WireError("a number was expected, bytes were found")
    return value - (1 << 64) if value >> 63 else value


def view(value: Value) -> memoryview:
    """A field that must be a string, a message or packed numbers."""
    if isinstance(value, int):
        raise WireError("bytes were expected, a number was found")
    return value


def text(value: Value) -> str:
    """A field that must be a string; broken UTF-8 is refused."""
    try:
        return str(view(value), "utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a name is not valid UTF-8") from error


def encoded(number: int, value: Value | bytes | str) -> bytes:
    """One field: a varint where the value is a number (64 bits with its sign), else a length and bytes."""
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value & 0xFFFFFFFFFFFFFFFF)
    data = value.encode() if isinstance(value, str) else bytes(value)
    return _varint(number << 3 | BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
