"""The words that a file of pretrained vectors adds to a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqtools.nn.vectors import read_vectors
from seqtools.plugin import Tokenizer


def widened(tokenizer: Tokenizer, vectors: Path) -> Tokenizer:
    """The tokenizer with every word of the vectors' file that it does not know and does not cut in pieces.

    A text that is read later may hold them: what the vectors know of them then counts, though no training
    text showed them.
    """

    def new() -> Iterator[str]:
        for word, _ in read_vectors(vectors):
            ids = tokenizer.encode(word)
            if len(ids) == 1 and ids[0] == tokenizer.unknown:
                yield f"{word}\n"

    return tokenizer.extend(new())
