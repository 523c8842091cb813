"""Spellings that count as one: upper and lower case, composed and decomposed letters, accents, digits.

Every character is mapped by itself, whatever its neighbours are, so that a table of characters inside a
graph does exactly what the host does. Combining marks are therefore not put in order: texts in NFC and NFD
become equal unless a letter carries two marks of which the first does not compose with it and the second
does (as in "a" with a cedilla and an acute; no combination that Unicode has a character for).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import cache, cached_property

from seqtools.errors import UsageError
from seqtools_word.pattern import is_plain, lower

FORMS = ("none", "nfd", "nfkd")
_MARKS = dict.fromkeys(range(0x300, 0x370), "")
_DIGITS = {ord(digit): "0" for digit in "123456789"}
# No character beyond the third plane is mapped by any version of Unicode.
_LAST = 0x2FFFF


class Folding:
    """What a text becomes before it is cut into words.

    Args:
        lowercase: fold to lower case.
        normalize: `none`, or decompose characters: `nfd` (é becomes e and an accent) or `nfkd` (½, ﬁ and
            full-width letters become plain characters, too).
        accents: False drops combining marks, U+0300 to U+036F, after decomposition.
        digits: write every digit 0-9 as 0.

    Raises:
        UsageError: the form is unknown, or accents cannot be dropped since nothing is decomposed.
    """

    def __init__(
        self,
        *,
        lowercase: bool = False,
        normalize: str = "none",
        accents: bool = True,
        digits: bool = False,
    ) -> None:
        if normalize not in FORMS:
            cure = f"Use {', '.join(FORMS[:-1])} or {FORMS[-1]}"
            raise UsageError("tokenizer option 'normalize'", f"{normalize!r} is unknown", cure)
        if not accents and normalize == "none":
            cause = "accents are dropped from decomposed letters only"
            raise UsageError("tokenizer option 'accents'", cause, "Set normalize to nfd or nfkd")
        self.lowercase, self.normalize, self.accents, self.digits = lowercase, normalize, accents, digits
        self._known = _Table(self)

    @cached_property
    def changes(self) -> bool:
        """Whether any text is changed at all."""
        return self.lowercase or self.normalize != "none" or self.digits

    def text(self, text: str) -> str:
        """A text as it is cut."""
        if text.isascii():
            text = text.lower() if self.lowercase else text
            return text.translate(_DIGITS) if self.digits else text
        return text.translate(self._known) if self.changes else text

    def character(self, character: str) -> str:
        """What a character becomes; "" drops it."""
        before, now = "", character
        while before != now:
            before, now = now, self._decomposed(now)
            now = self._decomposed(lower(now) if self.lowercase else now)
        now = now if self.accents else now.translate(_MARKS)
        return now.translate(_DIGITS) if self.digits else now

    def _decomposed(self, text: str) -> str:
        """Each character by itself: marks stay in the order they stand in."""
        if self.normalize == "none":
            return text
        form = "NFD" if self.normalize == "nfd" else "NFKD"
        return "".join(unicodedata.normalize(form, character) for character in text)  # type: ignore[arg-type]

    def table(self, alphabet: Collection[str]) -> dict[str, str]:
        """The characters that change, as far as a vocabulary written in `alphabet` can tell.

        A letter whose decomposition is not in the alphabet makes its word unknown either way. What may move
        the border of a word is in the table always.
        """
        known = frozenset(alphabet)
        return {
            character: mapped
            for character, mapped in _changed(self.lowercase, self.normalize, self.accents, self.digits)
            if character in known or known.issuperset(mapped) or not _keeps_borders(character, mapped)
        }


@cache
def _changed(lowercase: bool, normalize: str, accents: bool, digits: bool) -> tuple[tuple[str, str], ...]:
    """Every character that changes, with what it becomes; one folding looks through Unicode once."""
    folding = Folding(lowercase=lowercase, normalize=normalize, accents=accents, digits=digits)

    def composed(character: str) -> bool:
        if normalize == "none":
            return False
        dropped = not accents and ord(character) in _MARKS
        syllable = "\uac00" <= character <= "\ud7a3"
        return dropped or syllable or bool(unicodedata.decomposition(character))

    every = (chr(point) for point in range(_LAST + 1) if not 0xD800 <= point < 0xE000)
    # Only these can change; asking first is quicker by far.
    some = (one for one in every if one.isdecimal() or one.lower() != one or composed(one))
    return tuple((one, mapped) for one in some if (mapped := folding.character(one)) != one)


class _Table(dict[int, str]):
    """What `str.translate` asks for, filled when a character is first met."""

    def __init__(self, folding: Folding) -> None:
        self._folding = folding

    def __missing__(self, point: int) -> str:
        mapped = self[point] = self._folding.character(chr(point))
        return mapped


def _keeps_borders(character: str, mapped: str) -> bool:
    """Whether words are cut at the same places before and after."""
    return bool(mapped) and is_plain(character + mapped)
