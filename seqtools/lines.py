"""Lines in: bytes from a file or a pipe as numbered texts, in memory that a line without end cannot fill."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from seqtools.errors import DataError

LONGEST = 1 << 20
"""Bytes kept of one line; a sentence has some hundred."""

_CONVERT = "Convert it, for example with: iconv -f latin1 -t utf-8"


@dataclass(frozen=True)
class Line:
    """One line of input.

    Attributes:
        number: from 1.
        text: its text; of a record the field that is read.
        record: the whole record of a line of JSON, or None.
        cut: bytes were left out since the line is longer than `LONGEST`.
    """

    number: int
    text: str
    record: dict[str, Any] | None = field(default=None, repr=False)
    cut: bool = False


@contextmanager
def opened(path: str | None) -> Iterator[tuple[IO[bytes], str]]:
    """A file's bytes and its name; None and `-` are stdin, `.gz` is unpacked.

    Raises:
        DataError: the file cannot be read.
    """
    if path is None or path == "-":
        yield (sys.stdin.buffer if sys.stdin is not None else io.BytesIO()), "stdin"
        return
    try:
        stream = _open(Path(path))
    except OSError as error:
        cause = f"cannot be read ({error.strerror})"
        raise DataError(path, cause, "Check the path and its rights") from error
    with stream:
        yield stream, path


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        import gzip

        return cast("IO[bytes]", gzip.open(path))
    return path.open("rb")


def read_lines(stream: IO[bytes], name: str) -> Iterator[Line]:
    r"""Numbered lines; only `\n` and `\r\n` end one, a byte-order mark in front is dropped.

    Raises:
        DataError: a line is not UTF-8 (with its number and the byte's offset), or reading failed.
    """
    offset, number = 0, 0
    while raw := _read(stream, name, LONGEST):
        number, start = number + 1, offset
        offset += len(raw)
        whole = raw.endswith(b"\n") or len(raw) < LONGEST
        if not whole:
            offset += _skip(stream, name)
        if start == 0:
            start += 3 * raw.startswith(codecs.BOM_UTF8)
            raw = raw.removeprefix(codecs.BOM_UTF8)
        text, cut = _text(raw, name, number, start, whole=whole)
        yield Line(number, text, cut=cut)


def _text(raw: bytes, name: str, number: int, start: int, *, whole: bool) -> tuple[str, bool]:
    """The text of a line without its end, and whether it is cut; half a character at a cut is dropped."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(raw, final=whole)
    except UnicodeDecodeError as error:
        byte, place = error.object[error.start], start + error.start
        cause = f"it is not UTF-8: byte 0x{byte:02x} at offset {place}"
        raise DataError(f"{name}, line {number}", cause, _CONVERT) from error
    return (text.removesuffix("\n").removesuffix("\r") if whole else text), not whole


def _skip(stream: IO[bytes], name: str) -> int:
    """Read to the end of the line, keeping nothing; how many bytes that was."""
    skipped = 0
    while raw := _read(stream, name, LONGEST):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped


def _read(stream: IO[bytes], name: str, size: int) -> bytes:
    import zlib

    try:
        return stream.readline(size)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(name, f"cannot be read ({error})", "Is the file whole?") from error


def with_record(
    line: Line, name: str, field_name: str, *, needed: bool, option: str = "--source-field"
) -> Line:
    """The line with its JSON record parsed.

    Args:
        line: as read.
        name: of the file, for errors.
        field_name: the field that is translated.
        needed: every line that is not blank must be a record; else one without a brace is a plain text.
        option: the command's option that names the field.

    Raises:
        DataError: it is no record, or lacks the field.
    """
    bare = line.text.strip()
    if not bare or not (needed or bare.startswith("{")):
        return line
    subject = f"{name}, line {line.number}"
    try:
        record = json.loads(bare)
    except (ValueError, RecursionError) as error:
        raise DataError(subject, f"it is not JSON ({error})", "Mend the line") from error
    if not isinstance(record, dict):
        raise DataError(subject, "it is not a JSON object", f'Write it like: {{"{field_name}": "…"}}')
    text = record.get(field_name)
    if not isinstance(text, str):
        what = "is not a string" if field_name in record else "is not there"
        cure = f"Name the field with {option}"
        raise DataError(subject, f"its field '{field_name}' {what}", cure)
    return Line(line.number, text, record, line.cut)
