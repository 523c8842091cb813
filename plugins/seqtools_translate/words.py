"""Words in plain text: what stands between blanks and punctuation, in any script written with blanks."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

_INSIDE = "'’-"


@functools.cache
def _pattern() -> re.Pattern[str]:
    r"""A word; apostrophes and hyphens inside one belong to it.

    `\w` would break words of Indic scripts, whose vowel signs are no letters; so all punctuation and
    symbols that Unicode has are named instead.
    """
    marks = "".join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code))[0] in "PS")
    # Beyond the first plane only pictures are left out, as a range: single ones make the class slow.
    word = rf"[^\s{re.escape(marks)}\U0001f000-\U0001faff]+"
    return re.compile(rf"{word}(?:[{_INSIDE}]{word})*")


def words_of(text: str) -> list[str]:
    """The words of a text, as they are written."""
    return _pattern().findall(text)


def replace_words(text: str, change: Callable[[str], str]) -> str:
    """The text with each word changed; blanks and punctuation stay."""
    return _pattern().sub(lambda found: change(found.group()), text)
