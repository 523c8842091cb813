"""A word of progress on the terminal while windows are forecast."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqtools.output import NORMAL, level
from seqtools.wording import counted

if TYPE_CHECKING:
    from seqtools_forecast.rolling import Part


def watched(parts: Iterator[Part], total: int) -> Iterator[Part]:
    """The same parts, with how many of all windows are done told on a terminal."""
    shown, done = level() >= NORMAL and sys.stderr.isatty(), 0
    for part in parts:
        done += len(part.windows)
        if shown:
            print(f"\rforecast {done:,} of {counted(total, 'window')}", end="", file=sys.stderr, flush=True)
        yield part
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
