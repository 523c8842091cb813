"""Words that can be shown anywhere, and how wide they are."""

from __future__ import annotations

import unicodedata

_LONGEST_LABEL = 24


def columns(text: str) -> int:
    """Columns that a text fills in a terminal or a fixed-width font: wide characters two, marks none."""
    return sum(
        0 if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )  # fmt: skip


def shown(text: str) -> str:
    """The text with U+FFFD for what would steer a terminal or end a line."""
    return "".join(
        "\ufffd" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text
    )


def label(word: str) -> str:
    """A word that can be shown: control characters replaced, and cut with `…` if it is very long."""
    cut = shown(word)
    while columns(cut) > _LONGEST_LABEL:
        cut = cut[:-2] + "…"
    return cut
