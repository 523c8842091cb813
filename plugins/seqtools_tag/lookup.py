"""A word's id: the word as a whole in the tokenizer's normal form, never cut again. Nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from seqtools.plugin import Tokenizer
from seqtools_tag.spelling import clipped


class _Folding(Protocol):
    def text(self, text: str) -> str:
        """A text in its normal form."""


class WordTable(Protocol):
    """What a word tokenizer has besides what every tokenizer has."""

    ids: Mapping[str, int]
    folding: _Folding
    unknown: int


class WordLookup:
    """Ids of words.

    Args:
        tokenizer: of the kind `word`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = cast("WordTable", cast(Any, tokenizer))
        self.unknown = self._table.unknown

    @property
    def reserved(self) -> frozenset[str]:
        """What is looked up as an unknown word."""
        return frozenset(key for key, number in self._table.ids.items() if number == self.unknown)

    def key(self, word: str) -> str:
        """What a word is looked up as: without blanks, no longer than a word can be, in normal form."""
        return self._table.folding.text(clipped("".join(word.split())))

    def ids_of(self, words: Iterable[str]) -> list[int]:
        """Id of each word; that of unknown words for one that is not in the vocabulary."""
        ids, unknown = self._table.ids, self.unknown
        return [ids.get(self.key(word), unknown) for word in words]
