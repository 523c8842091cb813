"""Lines to what a file reads, long ones in parts; and words back to their places. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seqtools.errors import SeqtoolsError
from seqtools.tokens import REPLACEMENT, well_formed

LONGEST = 2000
"""Characters read at once, some three hundred words; a sentence has a hundred."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*\s+")
_BLANK = re.compile(r"\s+")


class Part(NamedTuple):
    """A part of a text."""

    start: int
    """its first character"""
    text: str
    """as the file reads it"""


def parts(text: str, longest: int = LONGEST) -> Iterator[Part]:
    """A text in parts that the file reads at once: one, unless it is long.

    A long text is cut after the last end of a sentence that fits, else at a blank, else where it must be.

    Args:
        text: well-formed.
        longest: most characters of a part.
    """
    # A string ends at NUL on its way into onnxruntime.
    readable, begin = text.replace("\0", REPLACEMENT), 0
    while len(readable) - begin > longest:
        end = _last(_SENTENCE_END, readable, begin, longest) or _last(_BLANK, readable, begin, longest)
        end = end or begin + longest
        yield Part(begin, readable[begin:end])
        begin = end
    yield Part(begin, readable[begin:])


def _last(pattern: re.Pattern[str], text: str, begin: int, longest: int) -> int:
    """Where the last match in a part ends; 0 if there is none."""
    end = 0
    for match in pattern.finditer(text, begin, begin + longest):
        end = match.end()
    return end


def clean(text: str) -> str:
    """A text that UTF-8 can express."""
    return well_formed(text)


def places(part: Part, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words of a part stand in the whole text.

    Raises:
        SeqtoolsError: a word is not there, which a file of ours never says.
    """
    found, position = [], 0
    for word in words:
        start = part.text.find(word, position)
        if start < 0:
            raise SeqtoolsError("the model", f"its word {word!r} is not in the text", "Export it again")
        position = start + len(word)
        found.append((part.start + start, part.start + position))
    return found
