"""Forecasts on a terminal: eight dots to a character (Unicode's Braille patterns)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import numpy as np

from seqtools.pictures.terminal import colours
from seqtools.pictures.wording import columns, shown
from seqtools_forecast.drawing import Panel, tick_text, ticks

_ROWS = 14
_LEAST, _MOST = 40, 110
_EMPTY = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a dot by its row and column in a character."""
_HISTORY, _BAND, _MEAN = range(3)
_INKS = ("", "\x1b[36m", "\x1b[1;34m")
_RESET = "\x1b[0m"


def render(panels: Sequence[Panel], *, width: int = 0, coloured: bool | None = None) -> str:
    """Panels below each other, as lines.

    Args:
        width: columns; 0 for those of the terminal.
        coloured: None where the terminal wants colours.
    """
    width = width or min(max(shutil.get_terminal_size((80, 24)).columns, _LEAST), _MOST)
    inked = bool(colours(sys.stderr)) if coloured is None else coloured
    return "\n".join(_panel(panel, width, inked) for panel in panels)


def _panel(panel: Panel, width: int, inked: bool) -> str:
    low, high = panel.limits()
    marks = ticks(low, high, 4)
    step = marks[1] - marks[0] if len(marks) > 1 else abs(marks[0]) if marks else 1.0
    texts = {_row(mark, low, high): tick_text(mark, step) for mark in marks}
    margin = max(map(len, texts.values()), default=0)
    canvas = _Canvas(max(width - margin - 2, 10), panel.steps, low, high)
    seen = len(panel.history)
    canvas.line(panel.history, 0, _HISTORY)
    for band in panel.bands[:1]:
        canvas.dots(band.low, seen, _BAND)
        canvas.dots(band.high, seen, _BAND)
    canvas.line(panel.mean, seen, _MEAN)
    lines = [f"{texts.get(row, ''):>{margin}} ┤{text}" for row, text in enumerate(canvas.rows(inked))]
    first, last = panel.stamps[0], panel.stamps[-1]
    gap = max(1, canvas.width - columns(first) - columns(last))
    told = f"dotted: {panel.bands[0].percentage:g} %" if panel.bands else ""
    return "\n".join(
        [
            f"{shown(panel.title)}  {told}".rstrip(),
            *lines,
            f"{' ' * (margin + 2)}{first}{' ' * gap}{last}",
            "",
        ]
    )


def _row(value: float, low: float, high: float) -> int:
    return min(_ROWS - 1, int((high - value) / (high - low) * _ROWS))


class _Canvas:
    """Dots, four rows and two columns to a character; a later ink covers an earlier one."""

    def __init__(self, width: int, steps: int, low: float, high: float) -> None:
        self.width, self._steps, self._low, self._high = width, steps, low, high
        self._bits = np.zeros((_ROWS, width), np.int64)
        self._ink = np.zeros((_ROWS, width), np.int64)

    def line(
        self, values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], first: int, ink: int
    ) -> None:
        """A line through values, broken where one is missing."""
        last: tuple[int, int] | None = None
        for step, value in enumerate(values, first):
            if not np.isfinite(value):
                last = None
                continue
            here = self._place(step, float(value))
            self._between(last or here, here, ink)
            last = here

    def dots(
        self, values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], first: int, ink: int
    ) -> None:
        """A dot for each value."""
        for step, value in enumerate(values, first):
            if np.isfinite(value):
                self._dot(*self._place(step, float(value)), ink)

    def rows(self, inked: bool) -> list[str]:
        """The lines."""
        return [self._text(row, inked).rstrip() for row in range(_ROWS)]

    def _text(self, row: int, inked: bool) -> str:
        parts, now = [], 0
        for bits, ink in zip(self._bits[row].tolist(), self._ink[row].tolist(), strict=True):
            if inked and bits and ink != now:
                parts.append((_RESET if now else "") + _INKS[ink])
                now = ink
            parts.append(chr(_EMPTY + bits) if bits else " ")
        return "".join(parts) + (_RESET if now else "")

    def _place(self, step: int, value: float) -> tuple[int, int]:
        x = round(step / max(self._steps - 1, 1) * (2 * self.width - 1))
        share = (self._high - value) / (self._high - self._low)
        return x, min(max(round(share * (4 * _ROWS - 1)), 0), 4 * _ROWS - 1)

    def _between(self, start: tuple[int, int], end: tuple[int, int], ink: int) -> None:
        count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for place in range(count + 1):
            x, y = (round(a + (b - a) * place / count) for a, b in zip(start, end, strict=True))
            self._dot(x, y, ink)

    def _dot(self, x: int, y: int, ink: int) -> None:
        self._bits[y // 4, x // 2] |= _DOTS[y % 4][x % 2]
        self._ink[y // 4, x // 2] = max(ink, self._ink[y // 4, x // 2])
