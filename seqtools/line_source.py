"""Where a command's lines come from: TEXT on its command line, a file, or what is piped in."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from seqtools.errors import UsageError
from seqtools.lines import Line, opened, read_lines, with_record

_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True, kw_only=True)
class LineSource:
    """What a person said of it.

    Attributes:
        text: TEXT; None and `-` leave it to `input`.
        input: a file; None and `-` are stdin.
        field: the field that is read of JSON records, which all lines then have to be; None: `text`.
        option: the command's option that names it.
        as_json: lines may be JSON records, as results will be.
    """

    text: str | None
    input: str | None
    field: str | None
    option: str = "--text-field"
    as_json: bool = False

    def check(self, command: str) -> None:
        """Refuse two places at once.

        Raises:
            UsageError: TEXT and a file are both given.
        """
        if self.text not in (None, "-") and self.input is not None:
            raise UsageError(command, "TEXT and --input are both given", "Give one of them")

    @property
    def live(self) -> bool:
        """Whether a person types the lines, and waits for each answer."""
        piped = self.text in (None, "-") and self.input in (None, "-")
        return piped and sys.stdin is not None and sys.stdin.isatty()

    def lines(self, stack: ExitStack) -> Iterator[Line]:
        """The lines, from a file that `stack` closes.

        Raises:
            DataError: a file cannot be read, a line is not UTF-8, or no record where it has to be one.
        """
        if self.text is not None and self.text != "-":
            stream: IO[bytes] = io.BytesIO(f"{typed(self.text)}\n".encode("utf-8", "replace"))
            name = "TEXT"
        else:
            stream, name = stack.enter_context(opened(self.input))
        lines = read_lines(stream, name)
        needed = self.field is not None or (self.input or "").endswith(_JSON_LINES)
        if not (needed or self.as_json):
            return lines
        field = self.field or "text"
        return (with_record(line, name, field, needed=needed, option=self.option) for line in lines)


def typed(text: str) -> str:
    """An argument as UTF-8, in locales too where Python takes its bytes for something else."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", "replace")
    return text
