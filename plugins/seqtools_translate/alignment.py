"""Which word comes from which: attention over sub-words, merged to whitespace-separated words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray


@dataclass(frozen=True)
class WordAttention:
    """Attention between the words of a source and of its translation.

    Attributes:
        source, target: the words, as blanks part them.
        matrix: `[target, source]`, shares of the attention. What a row lacks of 1 went to the end of the
            source, where an encoder has read all, or to blanks.
    """

    source: list[str]
    target: list[str]
    matrix: FloatArray = field(repr=False)

    def pairs(self) -> list[tuple[int, int]]:
        """The source word that each target word looks at most, as (source, target), sorted."""
        if not self.source:
            return []
        best = self.matrix.argmax(axis=1).tolist()
        return sorted((s, t) for t, s in enumerate(best) if self.matrix[t, s] > 0)

    def pharaoh(self) -> str:
        """The pairs as `0-0 1-2`: word of the source, word of the translation, both from 0."""
        return " ".join(f"{s}-{t}" for s, t in self.pairs())

    def rounded(self) -> list[list[float]]:
        """The matrix for JSON."""
        return [[round(value, 4) for value in row] for row in self.matrix.astype(float).tolist()]


def word_attention(
    source: str,
    target: str,
    attention: FloatArray,
    source_words: Sequence[int],
    target_words: Sequence[int],
) -> WordAttention:
    """Merge attention of tokens to that of words.

    A word of several tokens is looked at as much as all of them together, and looks where they look on
    average. The ends of both sides and tokens of blanks alone belong to no word.

    Args:
        source, target: the texts.
        attention: `[target tokens (and more), source tokens (and more)]`.
        source_words, target_words: the word of each token, -1 for none; see `words_of`.
    """
    left, right = source.split(), target.split()
    rows = _membership(target_words[: len(attention)], len(right))
    columns = _membership(source_words[: attention.shape[1]], len(left))
    into = rows.T @ attention[: len(rows), : len(columns)].astype(np.float64) @ columns
    # Not made to sum to 1: what is left of a look at the end of the source is no sure look.
    pieces = np.maximum(rows.sum(axis=0), 1.0)[:, None]
    return WordAttention(left, right, (into / pieces).astype(np.float32))


def _membership(words: Sequence[int], count: int) -> NDArray[np.float64]:
    """`[tokens, words]`, 1 where a token belongs to a word."""
    told: NDArray[np.int64] = np.asarray(words, np.int64).reshape(-1, 1)
    return np.asarray(told == np.arange(count), np.float64)


def words_of(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[int]:
    """The word that each token belongs to, counted from 0; -1 for a token of blanks alone.

    A token that ends in the middle of a character belongs to the word of that character.
    """
    stream, words, word, inside = tokenizer.stream(), [], -1, False
    waiting: list[int] = []
    for place, token in enumerate(tokens):
        text = stream.push(token)
        words.append(-1)
        waiting.append(place)
        if not text:
            continue
        for char in text:
            if char.isspace():
                inside = False
            elif not inside:
                inside, word = True, word + 1
        if not text.isspace():
            for held in waiting:
                words[held] = word
        waiting = []
    if waiting and stream.flush().strip():
        word += not inside
        for held in waiting:
            words[held] = word
    return words


def joined(parts: Sequence[WordAttention]) -> WordAttention:
    """The parts of a text that was split, side by side."""
    if len(parts) == 1:
        return parts[0]
    source = [word for part in parts for word in part.source]
    target = [word for part in parts for word in part.target]
    return WordAttention(source, target, diagonal([part.matrix for part in parts]))


def diagonal(blocks: Sequence[FloatArray]) -> FloatArray:
    """Matrices along the diagonal of one, zeros elsewhere."""
    whole = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole
