"""Characters as tokens, with half-bytes for the characters that the vocabulary lacks.

Ids: 3 specials, 16 half-bytes (nibbles), then the characters. A character outside the vocabulary is
spelled as the two nibbles of each of its UTF-8 bytes, high one first: any Unicode text round trips for
16 outputs instead of the 256 that whole bytes would cost.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtools.errors import DataError
from seqtools.tokens import (
    BOS,
    EOS,
    REPLACEMENT,
    check_number,
    checked_ids,
    payload_error,
    refuse_options,
    well_formed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

FIRST_HALF = 3
FIRST_CHARACTER = FIRST_HALF + 16
# Bits of the first byte of a UTF-8 sequence of 1, 2, 3, 4 bytes.
_LEADS = (0x00, 0xC0, 0xE0, 0xF0)


def code_points(text: str) -> NDArray[np.uint32]:
    """Code points of a text, `[characters]`; surrogates become U+FFFD."""
    return np.frombuffer(well_formed(text).encode("utf-32-le"), np.dtype("<u4"))


def utf8_nibbles(points: NDArray[np.uint32], size: int) -> IntArray:
    """Half-bytes of the UTF-8 form of code points that all take `size` bytes, `[points, 2 * size]`."""
    shifts = 6 * np.arange(size - 1, -1, -1)
    units = points[:, None].astype(np.int64) >> shifts
    if size > 1:
        units = (units & 0x3F) | 0x80
        units[:, 0] = (points >> (6 * (size - 1))) | _LEADS[size - 1]
    return np.stack([units >> 4, units & 15], axis=-1).reshape(len(points), 2 * size)


def utf8_sizes(points: NDArray[np.uint32]) -> IntArray:
    """Bytes that each code point takes in UTF-8, 1 to 4."""
    sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    return sizes.astype(np.int64)


class CharStream:
    """Turns ids into text; holds half-bytes back until they make a character."""

    def __init__(self, table: Sequence[str]) -> None:
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._high = -1

    def push(self, token: int) -> str:
        """Characters that this token completes; a half-byte sequence that it breaks off is U+FFFD."""
        if not FIRST_HALF <= token < FIRST_CHARACTER:
            return self.flush() + self._table[token]
        if self._high < 0:
            self._high = token - FIRST_HALF
            return ""
        byte = self._high << 4 | (token - FIRST_HALF)
        self._high = -1
        return self._decoder.decode(bytes([byte]))

    def flush(self) -> str:
        """What is held back, as U+FFFD; the stream can go on afterwards."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        if self._high >= 0:
            text += REPLACEMENT
        self._high = -1
        return text


class CharTokenizer:
    """One id a character, in the order given; see the module for the half-bytes.

    Args:
        characters: the vocabulary, without repeats.
    """

    kind: ClassVar[str] = "char"
    bos = BOS
    eos = EOS
    unknown = -1

    def __init__(self, characters: str) -> None:
        self.characters = characters
        points = code_points(characters)
        if len(set(characters)) != len(characters):
            raise DataError("char tokenizer", "a character is listed twice", "List each character once")
        top = int(points.max()) if points.size else 0
        # One slot more for everything above the largest known character.
        self._ids = np.full(top + 2, -1, np.int32)
        self._ids[points] = np.arange(len(points), dtype=np.int32) + FIRST_CHARACTER
        self._points = np.zeros(self.vocab_size, np.dtype("<u4"))
        self._points[FIRST_CHARACTER:] = points

    @property
    def vocab_size(self) -> int:
        """Specials, half-bytes and characters."""
        return FIRST_CHARACTER + len(self.characters)

    @classmethod
    def train(
        cls, texts: Iterable[str], *, vocab_size: int = 0, min_count: int = 1, **options: Any
    ) -> CharTokenizer:
        """The characters of a corpus, sorted by code point.

        Args:
            texts: the corpus in pieces.
            vocab_size: keep only the most frequent characters, so that there are at most this many ids;
                0 keeps all. The others are spelled in half-bytes.
            min_count: leave out characters seen less often.

        Raises:
            DataError: there is no text.
            UsageError: an option is unknown or out of range.
        """
        refuse_options(cls.kind, options, ("vocab_size", "min_count"))
        check_number("min_count", min_count, 1)
        if vocab_size:
            check_number("vocab_size", vocab_size, FIRST_CHARACTER + 1)
        counts = _count(texts)
        if not counts:
            raise DataError("corpus", "it holds no text", "Give a file with some text in it")
        frequent = [point for point, count in counts.items() if count >= min_count]
        if vocab_size:
            frequent.sort(key=lambda point: (-counts[point], point))
            frequent = frequent[: vocab_size - FIRST_CHARACTER]
        return cls("".join(map(chr, sorted(frequent))))

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> CharTokenizer:
        """Rebuild from `payload()`.

        Raises:
            DataError: the payload is damaged.
        """
        try:
            return cls(str(payload["characters"]))
        except (KeyError, TypeError) as error:
            raise payload_error(cls.kind, error) from error

    def payload(self) -> dict[str, Any]:
        """The characters as one string."""
        return {"characters": self.characters}

    def extend(self, texts: Iterable[str]) -> CharTokenizer:
        """Add the characters that are new in `texts`, sorted, at the end."""
        new = sorted(set(_count(texts)) - set(map(ord, self.characters)))
        return CharTokenizer(self.characters + "".join(map(chr, new)))

    def encode(self, text: str) -> IntArray:
        """Ids of a text, `[time]`; one a character where all are known."""
        points = code_points(text)
        ids = self._ids[np.minimum(points, len(self._ids) - 1)].astype(np.int64)
        return ids if ids.size == 0 or ids.min() >= 0 else _spell(points, ids)

    def encode_sampled(self, text: str, rng: np.random.Generator) -> IntArray:
        """As `encode`; characters have one segmentation only."""
        del rng
        return self.encode(text)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """Text of ids; broken half-byte sequences are U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        array = checked_ids(ids, self.vocab_size)
        if not array.size or array.min() >= FIRST_CHARACTER:
            return self._points[array].tobytes().decode("utf-32-le")
        stream = self.stream()
        return "".join(map(stream.push, array.tolist())) + stream.flush()

    def stream(self) -> CharStream:
        """Text while tokens arrive, whole characters only."""
        return CharStream(self.table())

    def table(self) -> list[str]:
        """What each id decodes to by itself, `[vocab]`; half-bytes and start and end ids are ""."""
        return [REPLACEMENT, *[""] * (FIRST_CHARACTER - 1), *self.characters]


def _count(texts: Iterable[str]) -> Counter[int]:
    """How often each code point occurs."""
    counts: Counter[int] = Counter()
    for text in texts:
        histogram = np.bincount(code_points(text))
        seen = np.flatnonzero(histogram)
        counts.update(dict(zip(seen.tolist(), histogram[seen].tolist(), strict=True)))
    return counts


def _spell(points: NDArray[np.uint32], ids: IntArray) -> IntArray:
    """Replace ids of -1 by the half-bytes of their characters."""
    missing = ids < 0
    sizes = np.where(missing, utf8_sizes(points), 0)
    ends = np.cumsum(np.where(missing, 2 * sizes, 1))
    starts = np.concatenate([[0], ends[:-1]])
    out = np.empty(int(ends[-1]), np.int64)
    out[starts[~missing]] = ids[~missing]
    for size in (1, 2, 3, 4):
        which = np.flatnonzero(sizes == size)
        slots = starts[which, None] + np.arange(2 * size)
        out[slots] = FIRST_HALF + utf8_nibbles(points[which], size)
    return out
