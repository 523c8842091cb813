"""Sources longer than a model can read: cut, or split where sentences end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

# After the punctuation that ends a sentence (with closing quotes), else a clause, else a word.
_BORDERS = (
    re.compile(r"(?<=[.!?…;:])[\"'»”’)\]]*\s+|(?<=[。！？।॥؟])[」』”’）]*\s*"),
    re.compile(r"(?<=[,，、،–—])\s*"),
    re.compile(r"\s+"),
)

Count = Callable[[str], int]
"""Tokens of a text."""


def split(text: str, longest: int, count: Count) -> list[str]:
    """Parts of at most `longest` tokens, without the blanks between them.

    Sentences are kept together where they fit; one that is too long is split at commas, then at blanks, and
    a word that is too long at any character.
    """
    return list(_split(text.strip(), longest, count, 0))


def _split(text: str, longest: int, count: Count, level: int) -> Iterator[str]:
    if not text:
        return
    if count(text) <= longest:
        yield text
    elif level == len(_BORDERS):
        yield from _chopped(text, longest, count)
    else:
        held = ""
        for piece in _pieces(text, _BORDERS[level]):
            if held and count(held + piece.rstrip()) > longest:
                yield from _split(held.strip(), longest, count, level + 1)
                held = ""
            held += piece
        yield from _split(held.strip(), longest, count, level + 1)


def _pieces(text: str, border: re.Pattern[str]) -> Iterator[str]:
    """The text cut after each border; joined, they are the text."""
    start = 0
    for match in border.finditer(text):
        if match.end() > start:
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]


def _chopped(text: str, longest: int, count: Count) -> Iterator[str]:
    """Pieces of one long word, by halving; a single character is never cut."""
    if len(text) == 1 or count(text) <= longest:
        yield text
        return
    half = len(text) // 2
    yield from _chopped(text[:half], longest, count)
    yield from _chopped(text[half:], longest, count)
