"""Lines out: UTF-8 on stdout or in a file, flushed, whatever the locale is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from seqtools.output import note


def writer(path: str | None, stack: ExitStack) -> Callable[[str], None]:
    """Writes UTF-8 and flushes, whatever the locale is."""
    stream: Any
    if path is not None and path != "-":
        stream = stack.enter_context(whole_file(Path(path)))
    else:
        sys.stdout.flush()
        stream = getattr(sys.stdout, "buffer", None) or _TextOnly()

    def say(text: str) -> None:
        stream.write(text.encode("utf-8", "replace"))
        stream.flush()

    return say


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that has its name once it is complete; what was written of an interrupted one is told.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists() and not path.is_file():  # a named pipe, /dev/null
        with path.open("wb") as stream:
            yield stream
        return
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
    except FileNotFoundError as error:
        # The name that was asked for, not that of the part.
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        if partial.is_file() and partial.stat().st_size:
            note(f"{path} is not complete; what was done is in {partial}")
        else:
            partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


class _TextOnly:
    """A stdout without bytes below it, as some notebooks have."""

    def write(self, data: bytes) -> None:
        """Write UTF-8 as text."""
        sys.stdout.write(data.decode("utf-8"))

    def flush(self) -> None:
        """Flush it."""
        sys.stdout.flush()
