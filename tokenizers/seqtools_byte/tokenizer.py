"""Bytes as tokens: 3 special ids, then the 256 byte values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtools.tokens import (
    BOS,
    EOS,
    REPLACEMENT,
    Utf8Stream,
    checked_ids,
    decode_pieces,
    refuse_options,
    well_formed,
)

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

FIRST_BYTE = 3
VOCAB_SIZE = FIRST_BYTE + 256
_PIECES: tuple[bytes | None, ...] = (
    REPLACEMENT.encode(),
    None,
    None,
    *(bytes([value]) for value in range(256)),
)


class ByteTokenizer:
    """UTF-8 bytes; nothing is learnt, every text round trips.

    Surrogates that no UTF-8 can express become U+FFFD; decoded bytes that are no UTF-8 do, too.
    """

    kind: ClassVar[str] = "byte"
    vocab_size = VOCAB_SIZE
    bos = BOS
    eos = EOS
    unknown = -1

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int = 0, **options: Any) -> ByteTokenizer:
        """The one byte tokenizer; `texts` are not read and the vocabulary always has 259 ids.

        Raises:
            UsageError: an option other than `vocab_size` was given.
        """
        del texts, vocab_size
        refuse_options(cls.kind, options, ())
        return cls()

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> ByteTokenizer:
        """The one byte tokenizer; there is nothing to read."""
        del payload
        return cls()

    def payload(self) -> dict[str, Any]:
        """Empty: the kind says everything."""
        return {}

    def extend(self, texts: Iterable[str]) -> ByteTokenizer:
        """Itself: it has ids for every text."""
        del texts
        return self

    def encode(self, text: str) -> IntArray:
        """Ids of the UTF-8 bytes, `[bytes]`."""
        data = well_formed(text).encode("utf-8")
        return np.frombuffer(data, np.uint8).astype(np.int64) + FIRST_BYTE

    def encode_sampled(self, text: str, rng: np.random.Generator) -> IntArray:
        """As `encode`; bytes have one segmentation only."""
        del rng
        return self.encode(text)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """Text of the bytes, broken ones as U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        array = checked_ids(ids, VOCAB_SIZE)
        if not array.size or array.min() >= FIRST_BYTE:
            return (array - FIRST_BYTE).astype(np.uint8).tobytes().decode("utf-8", "replace")
        return decode_pieces(_PIECES[token] for token in array.tolist())

    def stream(self) -> Utf8Stream:
        """Text while tokens arrive, whole characters only."""
        return Utf8Stream(_PIECES)
