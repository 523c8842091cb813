"""What is said to the person at the terminal: stderr only, as much as asked for.

stdout is data; a command writes there itself. The program sets the level from `-v` and `-q`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET, NORMAL, VERBOSE = -1, 0, 1
_level = NORMAL


def set_level(level: int) -> None:
    """Set how much is said: QUIET, NORMAL or VERBOSE."""
    global _level
    _level = max(QUIET, min(VERBOSE, level))


def level() -> int:
    """How much is said at present."""
    return _level


def note(line: str) -> None:
    """Say one line on stderr; `--quiet` drops it. A `Reporter`."""
    if _level >= NORMAL:
        print(line, file=sys.stderr, flush=True)


def detail(line: str) -> None:
    """Say one line on stderr, only with `--verbose`."""
    if _level >= VERBOSE:
        print(line, file=sys.stderr, flush=True)


def warn(line: str) -> None:
    """Say one warning on stderr, however quiet the program is."""
    print(f"Warning: {line}", file=sys.stderr, flush=True)


@contextmanager
def counting(done: str, what: str = "", *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """While something long is done: a line on a terminal that counts, and is gone at the end.

    Args:
        done: what is done to them: "scored".
        what: what is counted, said behind the numbers: "tokens".
        quiet: count nothing.

    Yields:
        what to tell how many are done, and of how many.
    """
    shown = not quiet and _level >= NORMAL and sys.stderr.isatty()

    def show(count: int, total: int) -> None:
        if shown:
            told = f"{done} {count:,} of {total:,} {what}".rstrip()
            print(f"\r{told}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
