"""How a tagger reads a word's spelling: ids of its characters, and its shape. The standard library only.

Capitals, digits and endings tell more about a word's label than about its meaning, so characters are taken
as they stand, while the word itself is looked up in the tokenizer's normal form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqtools.errors import DataError

MOST_CHARACTERS = 40
"""Characters read of a word, by its spelling and for its look-up; what is longer is no word."""

NOTHING, UNKNOWN = 0, 1
"""Ids of no character (padding) and of one that training has not met."""

FIRST = 2
"""Id of the first character that is known."""

SHAPES = ("other", "lower", "title", "upper", "mixed", "digits", "letters and digits")
LOWER, UPPER, DIGIT = 1, 2, 4
"""Classes of characters; 0 is any other."""


def clipped(word: str) -> str:
    """The part of a word that is read."""
    return word[:MOST_CHARACTERS]


def character_class(character: str) -> int:
    """LOWER, UPPER, DIGIT or 0."""
    if "0" <= character <= "9":
        return DIGIT
    lower, upper = character.lower(), character.upper()
    return UPPER if character != lower else LOWER if character != upper else 0


class Spelling:
    """The characters that a tagger knows.

    Args:
        characters: each once; the first has the id `FIRST`.

    Attributes:
        characters: as given.
        count: number of ids.
        classes: class of each id, `[count]`.

    Raises:
        DataError: a character is listed twice, or is none.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = tuple(characters)
        self._ids = {character: number for number, character in enumerate(self.characters, FIRST)}
        if len(self._ids) != len(self.characters) or any(len(one) != 1 for one in self.characters):
            raise DataError("characters", "one is listed twice, or is none", "List each character once")
        self.count = FIRST + len(self.characters)
        self.classes = (0, 0, *map(character_class, self.characters))

    @classmethod
    def learn(cls, words: Iterable[str], *, min_count: int = 1) -> Spelling:
        """The characters of a corpus, most frequent first.

        Args:
            words: as they stand in it.
            min_count: leave out characters seen less often.
        """
        counts: Counter[str] = Counter()
        for word in words:
            counts.update(clipped(word))
        kept = sorted((-count, character) for character, count in counts.items() if count >= min_count)
        return cls([character for _, character in kept])

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Spelling:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        told = payload.get("characters")
        if not isinstance(told, str):
            cure = "Take the run folder from its source again"
            raise DataError("characters", "their list is missing", cure)
        return cls(told)

    def payload(self) -> dict[str, Any]:
        """JSON-safe; says everything."""
        return {"characters": "".join(self.characters)}

    def ids(self, word: str) -> list[int]:
        """Id of each character that is read."""
        return [self._ids.get(character, UNKNOWN) for character in clipped(word)]

    def shape(self, word: str) -> int:
        """The place of a word's shape in `SHAPES`."""
        return shape_of([self.classes[number] for number in self.ids(word)])


def shape_of(classes: Sequence[int]) -> int:
    """The shape of a word whose characters have these classes."""
    lower, upper, digits = (classes.count(one) for one in (LOWER, UPPER, DIGIT))
    if digits:
        return SHAPES.index("letters and digits" if lower or upper else "digits")
    if not upper:
        return SHAPES.index("lower" if lower else "other")
    if not lower:
        return SHAPES.index("upper")
    return SHAPES.index("title" if upper == 1 and classes[0] == UPPER else "mixed")
