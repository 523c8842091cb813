"""Read a text to score: plain or gz, a file or stdin, with errors that say where it breaks."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

from seqtools.errors import DataError


def read_text(name: str) -> str:
    """The whole text of a file, `-` for stdin; a `.gz` is unpacked.

    Raises:
        DataError: missing, unreadable, binary, not UTF-8 (with the byte's offset) or empty.
    """
    subject = "stdin" if name == "-" else name
    data = _bytes(name, subject)
    if b"\0" in data[:8192]:
        raise DataError(subject, "it is a binary file, not text", "Give UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            subject,
            f"it is not valid UTF-8 at byte {error.start:,}",
            f"Convert it with: iconv -f LATIN1 -t UTF-8 {subject}",
        ) from error
    if not text:
        raise DataError(subject, "the file is empty", "Give a file with some text in it")
    return text


def _bytes(name: str, subject: str) -> bytes:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except FileNotFoundError as error:
        raise DataError(subject, "no such file", "Check the path") from error
    except IsADirectoryError as error:
        raise DataError(subject, "this is a folder", "Name the files in it") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(subject, f"its gzip data is damaged ({error})", "Download it again") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(subject, f"it cannot be read ({reason})", "Check its permissions") from error
