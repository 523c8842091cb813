"""The char tokenizer inside an ONNX graph, with stock operators."""

from __future__ import annotations

import numpy as np
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import join, lookup, split, strings
from seqtools.export.utf8 import code_points, shift
from seqtools.tokens import REPLACEMENT, UNKNOWN
from seqtools_char.tokenizer import FIRST_CHARACTER, FIRST_HALF, CharTokenizer

# No byte of any UTF-8 text: a half-byte without its other half counts as this.
_NO_UTF8 = 0xFF


class CharGraph:
    """Characters to ids and back.

    Two differences from the host face: a character outside the vocabulary is read as `<unk>` (the host
    spells it in half-bytes), and half-bytes that spell a character outside the vocabulary are written
    as U+FFFD. Broken half-byte sequences give U+FFFD in both.
    """

    def __init__(self, tokenizer: CharTokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: Var) -> tuple[Var, Var]:
        """Texts, string `[batch]` -> ids, int64 `[batch, time]`, and lengths, int64 `[batch]`."""
        characters, lengths = split(text)
        known = self._tokenizer.characters
        ids = range(FIRST_CHARACTER, self._tokenizer.vocab_size)
        return lookup(characters, list(known), ids, UNKNOWN), lengths

    def decode(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids, int64 `[batch, time]` -> texts, string `[batch]`; what was `previous` does not matter."""
        return join(self.pieces(tokens, previous))

    def pieces(self, tokens: Var, previous: Var | None = None) -> Var:
        """Ids -> what each shows, string `[batch, time]`; a spelled character is at its first half-byte."""
        points, spelled = code_points(_bytes(tokens), stride=2)
        known = self._tokenizer.characters
        characters = ml.label_encoder(
            points, keys_int64s=map(ord, known), values_strings=known, default_string=REPLACEMENT
        )
        return op.where(spelled, characters, op.gather(strings(self._tokenizer.table()), tokens))


def _bytes(tokens: Var) -> Var:
    """The byte that begins at each id, int64 `[batch, time]`; -1 where none does."""
    low, high = constant(FIRST_HALF), constant(FIRST_CHARACTER)
    halves = op.and_(op.greater_or_equal(tokens, low), op.less(tokens, high))
    values = op.where(halves, op.sub(tokens, low), constant(-1))
    following = shift(values, 1, -1)
    whole = op.add(op.mul(values, constant(16)), following)
    byte = op.where(op.less(following, constant(0)), constant(_NO_UTF8), whole)
    return op.where(_first_halves(halves), byte, constant(-1))


def _first_halves(halves: Var) -> Var:
    """Every second id of each run of half-bytes, beginning with the first; bool `[batch, time]`."""
    counts = op.cast(halves, to=np.int64)
    # All rows in one line, each behind a place that ends what came before.
    shape = op.shape(halves)
    between = op.pad(counts, constant([0, 1, 0, 0]), constant(0))
    line = op.reshape(between, constant([-1]))
    ends = op.equal(line, constant(0))
    places = op.squeeze(op.non_zero(ends), constant([0]))
    passed = op.cumsum(op.cast(ends, to=np.int64), constant(0))
    last_end = op.gather(places, op.sub(passed, constant(1)))
    index = op.range(constant(0), op.size(line), constant(1))
    odd = op.equal(op.mod(op.sub(index, last_end), constant(2)), constant(1))
    grid = op.reshape(odd, op.shape(between))
    width = op.slice(shape, constant([1]), constant([2]))
    inside = op.slice(grid, constant([1]), op.add(width, constant([1])), constant([1]))
    return op.and_(halves, inside)
