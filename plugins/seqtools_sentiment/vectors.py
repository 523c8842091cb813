"""Pretrained word vectors in a classifier: which words they add, and which of their rows learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from seqtools.errors import DataError
from seqtools.nn.classifier import Classifier
from seqtools.nn.vectors import load_vectors, read_vectors
from seqtools.plugin import Reporter, Tokenizer


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


def check_vectors(vectors: Path, width: int) -> None:
    """Look at the first vector of a file before anything long is done.

    Raises:
        DataError: there is no such file, it holds no vectors, or they have another width.
    """
    if not vectors.is_file():
        raise DataError(str(vectors), "there is no such file of vectors", "Check the path")
    first = next(read_vectors(vectors), None)
    if first is None:
        raise DataError(str(vectors), "it holds no vectors", "Give a text file of vectors")
    if len(first[1]) != width:
        cause = f"its vectors have {len(first[1])} values and the embedding {width}"
        raise DataError(str(vectors), cause, f"Set network.embedding = {len(first[1])}")


@torch.no_grad()
def fill(network: Classifier, vectors: Path, tokenizer: Tokenizer, report: Reporter) -> None:
    """Give the embedding, what learns of it and what does not, the file's vectors."""
    embedding = network.embedding
    table = torch.empty(network.vocab_size, embedding.weight.shape[1])
    load_vectors(vectors, tokenizer, table, report)
    embedding.weight.copy_(table[: len(embedding.weight)])
    if embedding.fixed is not None:
        embedding.fixed.copy_(table[len(embedding.weight) :])
