"""What is said to the person at the terminal: stderr only, as much as asked for.

stdout is data; a command writes there itself. The program sets the level from `-v` and `-q`.
"""

from __future__ import annotations

import sys

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
