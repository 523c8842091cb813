"""How much of a text is looked at, before it is cut into tokens.

A file meets texts of any size from anybody, and a batch is as wide as its longest text: it drops what lies
beyond before it does anything else. What prepares, trains and calibrates drops the same.
"""

from __future__ import annotations

import unicodedata

PIECE = 100
"""The graph takes texts apart into pieces of so many characters and puts the first ones together again."""

_LEAST, _PER_TOKEN = 32_000, 32


def characters(max_length: int) -> int:
    """How many characters of a text are looked at where `max_length` tokens are read: plenty."""
    most = max(_LEAST, _PER_TOKEN * max_length)
    return -(-most // PIECE) * PIECE


def opening(text: str, max_length: int) -> str:
    """What is looked at of a text."""
    return text[: characters(max_length)]


def plain(text: str) -> str:
    r"""The text as every tokenizer is to meet it: in Unicode's form NFC, `\n` for `\r\n`, no blanks around.

    A tokenizer of words may fold these differences itself, one of characters or pieces does not; a label
    must not depend on them. What prepares texts and what runs files says it so.
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
