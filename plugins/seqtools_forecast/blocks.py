"""Bytes of a table: its beginning to tell the format by, and text in blocks of whole rows."""

from __future__ import annotations

import codecs
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple, cast

from seqtools.errors import DataError

BLOCK = 1 << 20
"""Bytes read at a time; memory holds a few such blocks."""
LONGEST = 1 << 26
"""Bytes that a row may have."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"


class Source:
    """A stream whose beginning can be looked at before it is read.

    Args:
        stream: bytes, perhaps a pipe.
        name: for errors.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self.name = stream, name
        self._held: list[bytes] = []

    def beginning(self) -> bytes:
        """The first block; it is read again by `read`."""
        if not self._held:
            self._held.append(self._read())
        return self._held[0]

    def read(self) -> bytes:
        """The next block; empty at the end."""
        return self._held.pop() if self._held else self._read()

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The whole as a file that can be read from any place; a pipe is copied to disk first."""
        if isinstance(self._stream, io.BufferedReader) and self._stream.seekable():
            self._held.clear()
            self._stream.seek(0)
            yield self._stream
            return
        with tempfile.TemporaryFile() as copy:
            while data := self.read():
                copy.write(data)
            copy.seek(0)
            yield cast("IO[bytes]", copy)

    def _read(self) -> bytes:
        pieces, size = [], 0
        try:
            while size < BLOCK and (piece := self._stream.read(BLOCK - size)):
                pieces.append(piece)
                size += len(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(self.name, f"cannot be read ({error})", "Is the file whole?") from error
        return b"".join(pieces)


class Block(NamedTuple):
    """Whole rows, and the number of the line they begin at, from 1."""

    text: str
    line: int


def text_blocks(source: Source) -> Iterator[Block]:
    """Text in pieces that end where a row ends; a quoted cell is not cut at its line ends.

    Raises:
        DataError: it is binary or not UTF-8, or a row is longer than `LONGEST`.
    """
    held, line, begin = b"", 1, True
    while data := source.read():
        if begin:
            _check(data, source.name)
            data, begin = data.removeprefix(codecs.BOM_UTF8), False
        held += data
        cut = _cut(held)
        if cut == 0 and len(held) > LONGEST:
            cause = f"a row is longer than {LONGEST >> 20} MB"
            raise DataError(f"{source.name}, line {line}", cause, "Is a quote left open there?")
        if cut:
            yield Block(_decoded(held[:cut], source.name, line), line)
            line += held.count(b"\n", 0, cut)
            held = held[cut:]
    if held.strip():
        yield Block(_decoded(held, source.name, line), line)


def _cut(data: bytes) -> int:
    """Where the last whole row ends; 0 if none does."""
    cut = data.rfind(b"\n") + 1
    if b'"' in data:
        while cut and data.count(b'"', 0, cut) % 2:
            cut = data.rfind(b"\n", 0, cut - 1) + 1
    return cut


def _check(data: bytes, name: str) -> None:
    if data.startswith(_UTF16):
        raise DataError(name, "it is UTF-16, not UTF-8", "Convert it with: iconv -f utf-16 -t utf-8")
    if data.startswith(_GZIP):
        raise DataError(name, "it is packed by gzip", "End its name with .gz, or pipe it through gunzip")
    if b"\0" in data:
        raise DataError(name, "it is a binary file", "Give a CSV, JSON Lines or Parquet file")


def _decoded(data: bytes, name: str, line: int) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = line + data.count(b"\n", 0, error.start)
        cause = f"it is not UTF-8: byte 0x{data[error.start]:02x}"
        cure = "Convert it, for example with: iconv -f latin1 -t utf-8"
        raise DataError(f"{name}, line {place}", cause, cure) from error
    return text.replace("\r\n", "\n") if "\r" in text else text
