"""The word tokenizer inside an ONNX graph, with stock operators."""

from __future__ import annotations

import sys
from functools import cache

import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import join, lookup, split, strings
from seqtools.export.utf8 import shift
from seqtools.tokens import BOS, UNKNOWN
from seqtools_word.pattern import lower
from seqtools_word.tokenizer import WordTokenizer


@cache
def _capitals() -> dict[str, str]:
    """Every character that lower case changes, with what it becomes."""
    every = (chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000)
    return {character: lower(character) for character in every if lower(character) != character}


class WordGraph:
    """Words to ids and back, the same as the host face.

    Case is folded by a table of characters (`StringNormalizer` needs a locale that many hosts lack).
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: Var) -> tuple[Var, Var]:
        """Texts, string `[batch]` -> ids, int64 `[batch, time]`, and lengths, int64 `[batch]`."""
        tokenizer = self._tokenizer
        words, lengths = split(_lower(text) if tokenizer.lowercase else text, tokenizer.pattern)
        known = {word: index for word, index in tokenizer.ids.items() if index != UNKNOWN}
        return lookup(words, list(known), list(known.values()), UNKNOWN), lengths

    def decode(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids, int64 `[batch, time]` -> texts, string `[batch]`.

        Args:
            tokens: the ids.
            previous: the id that stood before each row, int64 `[batch]`, for the blank between them; the
                unknown id stands for any plain word. None: the rows begin their texts.
        """
        return join(self.pieces(tokens, previous))

    def pieces(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids -> what each shows with the blank before it, string `[batch, time]`; see `decode`."""
        tokenizer = self._tokenizer
        column = op.expand(constant([[BOS]]), op.concat([_size(tokens, 0), constant([1])], axis=0))
        if previous is not None:
            column = op.unsqueeze(previous, constant([1]))
        width = _size(tokens, 1)
        before = op.slice(op.concat([column, tokens], axis=1), constant([0]), width, constant([1]))
        left, right = (op.const(flags) for flags in (tokenizer.left, tokenizer.right))
        opening = op.gather(right, shift(before, -1, UNKNOWN))
        opening = op.and_(op.equal(before, constant(tokenizer.quote)), opening)
        glued = op.or_(op.or_(op.gather(right, before), opening), op.gather(left, tokens))
        blank = op.where(glued, strings([""]), strings([" "]))
        return op.string_concat(blank, op.gather(strings(tokenizer.surfaces), tokens))


def _size(tokens: Var, axis: int) -> Var:
    return op.slice(op.shape(tokens), constant([axis]), constant([axis + 1]))


def _lower(text: Var) -> Var:
    """Texts in lower case, string `[batch]`."""
    characters, _ = split(text)
    table = _capitals()
    small = ml.label_encoder(characters, keys_strings=table, values_strings=table.values(), default_string="")
    return join(op.where(op.equal(small, strings([""])), characters, small))
