"""Pretrained word vectors from text files: GloVe, fastText and word2vec."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seqtools.errors import DataError
from seqtools.nn.embedding import TokenEmbedding
from seqtools.plugin import Reporter, Tokenizer

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray


def read_vectors(path: Path) -> Iterator[tuple[str, FloatArray]]:
    """Words and vectors of a text file, plain or gz; one a line: the word, then its values.

    fastText's and word2vec's first line (count and width) is recognised and skipped. A word may hold blanks.

    Raises:
        DataError: the file is missing, or a line has another number of values or something that is none.
    """
    width = 0
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="\n")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8", newline="\n") as file
        ):
            for number, line in enumerate(file, 1):
                parts = line.rstrip().split(" ")
                if parts == [""]:
                    continue
                if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                    width = int(parts[1])
                    continue
                width = width or len(parts) - 1
                word = " ".join(parts[:-width])
                try:
                    vector = np.array(parts[-width:], dtype=np.float32)
                except ValueError:
                    vector = np.zeros(0, np.float32)
                if len(vector) != width or not word or width < 1 or not np.isfinite(vector).all():
                    raise DataError(
                        f"{path}, line {number}",
                        f"there are not a word and {width} finite values",
                        "Is it a vectors file?",
                    )
                yield word, vector
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            str(path), f"cannot be read as vectors ({error})", "Give a text file of vectors"
        ) from error


@torch.no_grad()
def load_vectors(path: Path, tokenizer: Tokenizer, weight: Tensor, report: Reporter) -> int:
    """Fill the rows of `weight [vocab, width]` whose token is a word of the file; returns how many.

    Only words that are a single token count. The other rows get the spread of those that were found.

    Raises:
        DataError: the vectors have another width than `weight`, or no word is in the vocabulary.
    """
    found: dict[int, FloatArray] = {}
    for word, vector in read_vectors(path):
        if len(vector) != weight.shape[1]:
            raise DataError(
                str(path),
                f"its vectors have {len(vector)} values and the embedding {weight.shape[1]}",
                f"Set network.embedding = {len(vector)}",
            )
        ids = tokenizer.encode(word)
        if len(ids) == 1 and ids[0] != tokenizer.unknown:
            found.setdefault(int(ids[0]), vector)
    if not found:
        raise DataError(
            str(path), "none of its words is in the vocabulary", "Vectors go with a word tokenizer"
        )
    table = torch.from_numpy(np.stack(list(found.values()))).to(weight)
    weight.normal_(std=float(table.std()))
    weight[torch.tensor(list(found), device=weight.device)] = table
    report(f"vectors: {len(found):,} of {len(weight):,} tokens from {path.name}")
    return len(found)


def check_vectors(path: Path, width: int) -> None:
    """Look at the first vector of a file before anything long is done.

    Raises:
        DataError: there is no such file, it holds no vectors, or they have another width.
    """
    if not path.is_file():
        raise DataError(str(path), "there is no such file of vectors", "Check the path")
    first = next(read_vectors(path), None)
    if first is None:
        raise DataError(str(path), "it holds no vectors", "Give a text file of vectors")
    if len(first[1]) != width:
        cause = f"its vectors have {len(first[1])} values and the embedding {width}"
        raise DataError(str(path), cause, f"Set network.embedding = {len(first[1])}")


@torch.no_grad()
def fill_embedding(path: Path, tokenizer: Tokenizer, embedding: TokenEmbedding, report: Reporter) -> None:
    """Give an embedding, what learns of it and what does not, the file's vectors; see `load_vectors`."""
    table = torch.empty(tokenizer.vocab_size, embedding.weight.shape[1])
    load_vectors(path, tokenizer, table, report)
    embedding.weight.copy_(table[: len(embedding.weight)])
    if embedding.fixed is not None:
        embedding.fixed.copy_(table[len(embedding.weight) :])
