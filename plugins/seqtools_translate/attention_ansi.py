"""An attention map in the terminal: coloured blocks, or numbers where colours are not wanted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqtools.pictures.terminal import colours as colours_of
from seqtools.pictures.wording import columns, label

# Light to dark, and all of it visible on a black background as well as on a white one.
_LIGHT, _DARK = (253, 212, 158), (179, 0, 0)
_CODES = (223, 216, 209, 203, 196, 160, 124)  # about the same, of the 256 colours
_CELL = 4
_LEAST = 0.05
END = "(end)"
"""What a row says that looks at no word more than at the end of the source."""


def show(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> None:
    """Draw on stderr, as wide as the terminal, in as many colours as it has."""
    width = shutil.get_terminal_size().columns
    text = render(source, translation, matrix, colours=colours_of(sys.stderr), width=width)
    encoding = sys.stderr.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def render(
    source: Sequence[str],
    translation: Sequence[str],
    matrix: NDArray[np.float64],
    *,
    colours: int = 0,
    width: int = 80,
) -> str:
    """Lines of text, without a last line end.

    The source words are numbered, so that any script and any length fits; a row ends with what it looks at
    most: a word, or the end of the source, which has no column.

    Args:
        colours: 0 for percent in numbers, 256, or more for 24-bit colours.
        width: columns to fill; more source words than fit go into blocks below each other.
    """
    across, down = [label(word) for word in source], [label(word) for word in translation]
    margin = max(map(columns, down))
    most = [across[row.argmax()] if row.max() >= 1 - row.sum() else END for row in matrix]
    fits = max(4, (width - margin - 3 - max(map(columns, most))) // _CELL)
    lines = _legend(across, width)
    for begin in range(0, len(across), fits):
        places = range(begin, min(begin + fits, len(across)))
        numbers = "".join(f"{place + 1:>{_CELL}}" for place in places)
        lines += ["", f"{'':{margin}} {numbers}"]
        for row, word in enumerate(down):
            cells = "".join(_cell(matrix[row, place], colours) for place in places)
            lines.append(f"{' ' * (margin - columns(word))}{word} {cells}  {most[row]}")
    return "\n".join(lines)


def _legend(words: Sequence[str], width: int) -> list[str]:
    """`1 The  2 house …`, broken into lines."""
    lines, line = list[str](), ""
    for number, word in enumerate(words, 1):
        item = f"{number} {word}"
        if line and columns(line) + 2 + columns(item) > width:
            lines.append(line)
            line = ""
        line += ("  " if line else "") + item
    return [*lines, line]


def _cell(value: float, colours: int) -> str:
    if value < _LEAST:
        return "·".rjust(_CELL) if colours else ".".rjust(_CELL)
    if not colours:
        return f"{round(100 * value):>{_CELL}}"
    red, green, blue = (round(low + (high - low) * value) for low, high in zip(_LIGHT, _DARK, strict=True))
    if colours > 256:
        return f"\033[48;2;{red};{green};{blue}m{'':{_CELL}}\033[0m"
    code = _CODES[min(int(value * len(_CODES)), len(_CODES) - 1)]
    return f"\033[48;5;{code}m{'':{_CELL}}\033[0m"
