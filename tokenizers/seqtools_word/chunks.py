"""A text read chunk by chunk, each between two blanks; chunks that come again are read once.

No word reaches across a blank (U+0020) except a quote that opens, which takes the blank before it along.
So a chunk is read with the blank that stands before it, and its words do not depend on other chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

# Chunks remembered; the frequent ones come early and are most of any text.
_MOST = 1 << 17
# Characters of a chunk worth remembering.
_LONGEST = 40


class Chunks(dict[str, Sequence[T]]):
    """What each chunk is read as, by the chunk without its blank.

    Args:
        read: words or ids of a text.
    """

    def __init__(self, read: Callable[[str], Sequence[T]]) -> None:
        self._read = read

    def __missing__(self, chunk: str) -> Sequence[T]:
        found = tuple(self._read(f" {chunk}"))
        if len(chunk) <= _LONGEST and len(self) < _MOST:
            self[chunk] = found
        return found

    def of(self, text: str) -> Iterator[T]:
        """What a whole text is read as."""
        first, *rest = text.split(" ")
        return chain(self._read(first), chain.from_iterable(map(self.__getitem__, rest)))
