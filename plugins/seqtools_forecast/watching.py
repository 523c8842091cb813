"""A word of progress on the terminal while windows are forecast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqtools.output import counting

if TYPE_CHECKING:
    from seqtools_forecast.rolling import Part


def watched(parts: Iterator[Part], total: int) -> Iterator[Part]:
    """The same parts, with how many of all windows are done told on a terminal."""
    done = 0
    with counting("forecast", "window" if total == 1 else "windows") as show:
        for part in parts:
            done += len(part.windows)
            show(done, total)
            yield part
