"""What a word is, and which words are written without a blank between them.

The pattern is made of explicit character ranges only (`seqtools.characters`), so that Python's `re` (the
host face) and RE2 (the `Tokenizer` operator of the graph face) cut every text at the same places whatever
Unicode version each was built with. No two alternatives can match different lengths ambiguously, so "first
alternative" (Python) and "longest match" (the operator) agree too.
"""

from __future__ import annotations

import re

from seqtools.characters import BLANKS, PUNCTUATION, SINGLES

_WORD = f"[^{BLANKS}{PUNCTUATION}{SINGLES}]"
_TEXT = (
    # A blank before a straight quote says that it opens; the blank is part of the token.
    ' "',
    r"[0-9]+(?:[.,][0-9]+)+",
    f"['’]?{_WORD}+(?:['’-]{_WORD}+)*",
    r"\.\.\.|--",
    f"[{PUNCTUATION}{SINGLES}]",
)

# No blank on the left / on the right of these when words are joined to text.
_CLOSING = frozenset([*".,;:!?%)]}'’”»…、。，．！？：；）］｝」』〉》", "..."])
_OPENING = frozenset([*"([{“‘«¿¡#$£€（［｛「『〈《"])
_BETWEEN = frozenset([*"-/_@\\‐‑–—", "--"])
_SINGLE = re.compile(f"[{SINGLES}]")
_PLAIN = re.compile(f"(?:(?![0-9]){_WORD})*")
OPENING_QUOTE, QUOTE = ' "', '"'


def pattern(mode: str, unknown_word: str, *, newlines: bool = True) -> str:
    """The regular expression whose matches are the words, the same for `re` and RE2.

    Args:
        mode: `text` or `whitespace`.
        unknown_word: kept whole in `text` mode although it has punctuation (`<unk>`); "" for none.
        newlines: a newline is a word; else it is a blank like others.
    """
    newline = (r"\n",) if newlines else ()
    if mode == "whitespace":
        return "|".join([*newline, f"[^{BLANKS}]+"])
    plain = not unknown_word or re.fullmatch(f"{_WORD}+", unknown_word)
    whole = [] if plain else [re.escape(unknown_word)]
    return "|".join([*whole, *newline, *_TEXT])


def lower(text: str) -> str:
    """Lower case, character by character: both small sigmas become one, for what follows cannot count."""
    return text.lower().replace("ς", "σ")


def is_plain(text: str) -> bool:
    """Whether there are only characters that one word may be made of, and no digits."""
    return _PLAIN.fullmatch(text) is not None


def surface(word: str) -> str:
    """What a word shows: an opening quote is a quote, the blank before it is not part of it."""
    return QUOTE if word == OPENING_QUOTE else word


def joins_left(word: str, mode: str) -> bool:
    """Whether a word is written without a blank before it."""
    if word == "\n":
        return True
    return mode == "text" and (word in _CLOSING or word in _BETWEEN or word == QUOTE or _is_single(word))


def joins_right(word: str, mode: str) -> bool:
    """Whether the next word is written without a blank before it."""
    if word == "\n":
        return True
    opens = word in _OPENING or word in _BETWEEN or word == OPENING_QUOTE
    return mode == "text" and (opens or _is_single(word))


def _is_single(word: str) -> bool:
    return len(word) == 1 and _SINGLE.match(word) is not None
