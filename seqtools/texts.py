"""Texts from files and folders, block by block: memory does not grow with the corpus.

Plain or gzip text, JSON Lines with a text field, folders of such files in sorted order.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from seqtools.errors import DataError, UsageError

BLOCK = 1 << 20
"""Bytes read at a time."""

_JSON_LINES = (".jsonl", ".ndjson")
_SNIFFED = 8192
_CONVERT = "Convert it, for example with: iconv -f latin1 -t utf-8"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Corpus:
    """Where a text lies.

    Attributes:
        paths: files and folders, in the order given.
        text_field: the field of JSON Lines records that is the text.
        per_line: each line (or record) is a text of its own.
    """

    paths: tuple[Path, ...]
    text_field: str = "text"
    per_line: bool = False

    def files(self) -> list[Path]:
        """All files; folders are walked in sorted order, without hidden and binary files.

        Raises:
            DataError: a path does not exist, or a folder holds no text file.
        """
        found: list[Path] = []
        for path in self.paths:
            if path.is_dir():
                inside = _visible(path)
                texts = [file for file in inside if not _looks_binary(file)]
                if not texts:
                    what = "only binary files" if inside else "no files"
                    raise DataError(str(path), f"the folder holds {what}", "Name a folder with texts in it")
                found += texts
            elif path.is_file():
                found.append(path)
            else:
                raise DataError(str(path), "there is no such file or folder", "Check the path")
        return found

    def left_out(self) -> list[Path]:
        """The binary files in folders, which `files` leaves out."""
        folders = [path for path in self.paths if path.is_dir()]
        return [file for folder in folders for file in _visible(folder) if _looks_binary(file)]

    def blocks(self) -> Iterator[str]:
        """The whole text in pieces of about a megabyte.

        Records of JSON Lines end with a line end, and so does every file that another one follows.

        Raises:
            DataError: a file is binary, not UTF-8 (with the byte offset) or not JSON (with the line).
        """
        end, glue = "\n", False
        for file in self.files():
            if _is_json_lines(file):
                texts: Iterable[str] = (text + "\n" for text in _records(file, self.text_field))
            else:
                texts = decode(file)
            for text in texts:
                yield f"\n{text}" if glue else text
                glue, end = False, text[-1]
            glue = end != "\n"

    def lines(self) -> Iterator[str]:
        """The texts of a per-line corpus: lines without their ends, or records; blank ones are left out."""
        for file in self.files():
            if _is_json_lines(file):
                texts: Iterable[str] = _records(file, self.text_field)
            else:
                texts = split_lines(decode(file))
            yield from (text for text in texts if text.strip())


def decode(path: Path, encoding: str = "utf-8", *, cure: str = _CONVERT) -> Iterator[str]:
    """Text of a plain or gzip file in blocks, without a byte-order mark.

    Args:
        path: of the file.
        encoding: its encoding.
        cure: what to do about a file in another one.

    Raises:
        DataError: NUL bytes (a binary file), bytes that are not of the encoding, or a broken gzip file.
        UsageError: there is no such encoding.
    """
    try:
        decoder, offset = codecs.getincrementaldecoder(encoding)(), 0
        wide = len("a".encode(encoding)) > 1
    except LookupError as error:
        raise UsageError(f"encoding '{encoding}'", "it is unknown", "Use utf-8, latin-1, …") from error
    with _open(path) as file:
        while True:
            data = _read(file, path)
            if b"\0" in data and not wide:
                raise _binary(path, offset + data.index(0), utf16=not offset and data[:2] in _UTF16)
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                # The decoder may hold bytes of an unfinished character from the block before.
                place = offset - (len(error.object) - len(data)) + error.start
                raise DataError(
                    str(path),
                    f"it is not {encoding.upper()}: byte 0x{error.object[error.start]:02x} at offset {place}",
                    cure,
                ) from error
            if offset == 0:
                text = text.removeprefix("\ufeff")
            offset += len(data)
            if text:
                yield text
            if not data:
                return


def _binary(path: Path, place: int, *, utf16: bool) -> DataError:
    if utf16:
        return DataError(str(path), "it is UTF-16, not UTF-8", "Convert it with: iconv -f utf-16 -t utf-8")
    return DataError(str(path), f"it is a binary file (a NUL byte at offset {place})", "Give a text file")


def split_lines(blocks: Iterable[str]) -> Iterator[str]:
    r"""Lines without their ends; only `\n` and `\r\n` end a line."""
    held: list[str] = []
    for block in blocks:
        first, *rest = block.split("\n")
        held.append(first)
        for piece in rest:
            yield "".join(held).removesuffix("\r")
            held = [piece]
    last = "".join(held).removesuffix("\r")
    if last:
        yield last


def whole_words(blocks: Iterable[str], *, longest: int = 4 * BLOCK) -> Iterator[str]:
    """The same text cut only after a line end or a blank, so that pieces can be tokenized apart.

    A stretch of `longest` characters without either is cut where it is.
    """
    held = ""
    for block in blocks:
        held += block
        cut = max(held.rfind("\n"), held.rfind(" ")) + 1
        if cut == 0 and len(held) >= longest:
            cut = len(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held


def head(blocks: Iterable[str], count: int) -> Iterator[str]:
    """The first `count` characters."""
    for block in blocks:
        if count <= 0:
            return
        yield block[:count]
        count -= len(block)


def tail(blocks: Iterable[str], skip: int) -> Iterator[str]:
    """All but the first `skip` characters."""
    for block in blocks:
        if skip < len(block):
            yield block[skip:]
        skip = max(0, skip - len(block))


def _visible(folder: Path) -> list[Path]:
    """Files at any depth, in sorted order; what begins with a dot is hidden."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def _looks_binary(path: Path) -> bool:
    """Whether a NUL byte stands near the beginning, as in images, programs and archives (git's rule).

    UTF-16 has them too, but is a text that should be told about, and so is a file that cannot be read.
    """
    try:
        with _open(path) as file:
            begin = file.read(_SNIFFED)
    except (DataError, OSError, EOFError, zlib.error):
        return False
    return b"\0" in begin and not begin.startswith(_UTF16)


def _is_json_lines(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(_JSON_LINES)


def _open(path: Path) -> IO[bytes]:
    try:
        # A GzipFile reads like any binary file, though its type does not say so.
        return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise DataError(
            str(path), f"cannot be read ({error.strerror})", "Check the path and its rights"
        ) from error


def _read(file: IO[bytes], path: Path) -> bytes:
    try:
        return file.read(BLOCK)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(str(path), f"cannot be read ({error})", "Is the file whole?") from error


def _records(path: Path, field: str) -> Iterator[str]:
    for number, line in enumerate(split_lines(decode(path)), 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)[field]
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}", f"it is not JSON ({error})", "Mend the line") from error
        except (KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"{path}, line {number}",
                f"the record has no field '{field}'",
                "Name the field with --set data.text_field=NAME",
            ) from error
        if not isinstance(text, str):
            raise DataError(f"{path}, line {number}", f"field '{field}' is not a string", "Mend the line")
        yield text
