"""The word tokenizer inside an ONNX graph, with stock operators."""

from __future__ import annotations

from collections.abc import Iterable

import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import join, lookup, split, strings
from seqtools.export.utf8 import pack, shift
from seqtools.tokens import BOS, UNKNOWN
from seqtools_word.tokenizer import WordTokenizer

# What the lookup says of a word that is left out.
_STOPPED = -1


class WordGraph:
    """Words to ids and back, the same as the host face.

    Case and accents are folded by a table of characters (`StringNormalizer` needs a locale that many hosts
    lack, and knows no accents).
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: Var) -> tuple[Var, Var]:
        """Texts, string `[batch]` -> ids, int64 `[batch, time]`, and lengths, int64 `[batch]`."""
        tokenizer = self._tokenizer
        words, lengths = split(self.folded(text), tokenizer.pattern)
        known = {word: index for word, index in tokenizer.ids.items() if index != UNKNOWN}
        stopped = dict.fromkeys(tokenizer.stopped, _STOPPED)
        ids = lookup(words, [*known, *stopped], [*known.values(), *stopped.values()], UNKNOWN)
        if not stopped:
            return ids, lengths
        there = op.and_(op.not_(op.equal(words, strings([""]))), op.not_(op.equal(ids, constant(_STOPPED))))
        return pack(ids, there, UNKNOWN)

    def folded(self, text: Var) -> Var:
        """Texts as they are cut, string `[batch]`.

        Only characters that change are taken out of their text: a sentence falls into a few pieces.
        """
        tokenizer = self._tokenizer
        alphabet = set().union(tokenizer.unk, *tokenizer.ids, *tokenizer.stopped)
        table = tokenizer.folding.table(alphabet)
        if not table:
            return text
        changed = ranges(table)
        pieces, _ = split(text, f"[^{changed}]+|[{changed}]")
        # No character becomes U+0000, so it can stand for what stays.
        small = ml.label_encoder(
            pieces, keys_strings=table, values_strings=table.values(), default_string="\0"
        )
        return join(op.where(op.equal(small, strings(["\0"])), pieces, small))

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


def ranges(characters: Iterable[str]) -> str:
    """What stands in the brackets of a regular expression that matches these."""
    spans: list[list[int]] = []
    for point in sorted(map(ord, characters)):
        if spans and point == spans[-1][1] + 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in spans)
