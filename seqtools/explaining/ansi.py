"""A text with its words weighed, on one line: coloured, or with numbers where colours are not wanted."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial

from seqtools.explaining.colours import AGAINST, FAINT, FOR, strength
from seqtools.explaining.explanation import Explanation
from seqtools.pictures import terminal
from seqtools.pictures.svg import mixed
from seqtools.pictures.wording import shown

_UNDERLINE, _RESET = "\033[4m", "\033[0m"
_BLANKS = re.compile(r"\s+")

# About the same, of the 256 colours; black letters can be read on all of them.
_FOR_CODES, _AGAINST_CODES = (153, 117, 75), (223, 216, 208)


def chosen(output: str | None) -> Callable[[Explanation], str]:
    """How to show explanations: in colours on a terminal that has some, else with numbers.

    Args:
        output: the file they go to; None or `-` is stdout.
    """
    there = terminal.colours(sys.stdout) if output in (None, "-") else 0
    return partial(coloured, colours=there) if there else numbered


def numbered(explanation: Explanation) -> str:
    """Each word with its effect in nats behind it: `not(-1.20) bad(+3.41)`."""
    words = (
        f"{flat(explanation.text[piece.start : piece.end])}({piece.effect:+.2f})"
        for piece in explanation.pieces
    )
    return " ".join(words)


def coloured(explanation: Explanation, colours: int) -> str:
    """The text as it is, blue where it speaks for the label and orange where it speaks against it.

    What got the label is underlined, if that is not the whole text.

    Args:
        explanation: of the text.
        colours: 256, or more for 24-bit colours.
    """
    told = []
    for text, effect, about in explanation.stretches():
        value = 0.0 if effect is None else strength(effect, explanation)
        line = _UNDERLINE if about else ""
        if abs(value) >= FAINT:
            told.append(f"{line}{_painted(flat(text), value, colours)}")
        else:
            told.append(f"{line}{flat(text)}{_RESET if about else ''}")
    return "".join(told).strip()


def _painted(text: str, value: float, colours: int) -> str:
    if colours >= terminal.TRUE_COLOURS:
        red, green, blue = mixed(abs(value), FOR if value > 0 else AGAINST)
        code = f"2;{red};{green};{blue}"
    else:
        codes = _FOR_CODES if value > 0 else _AGAINST_CODES
        code = f"5;{codes[min(int(abs(value) * len(codes)), len(codes) - 1)]}"
    return f"\033[48;{code}m\033[38;5;16m{text}{_RESET}"


def flat(text: str) -> str:
    """On one line of a field, and nothing that would steer a terminal."""
    return shown(_BLANKS.sub(" ", text))
