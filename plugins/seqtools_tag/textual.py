"""Texts to words inside the graph, cut as `cutting` cuts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import split, strings, without
from seqtools.export.utf8 import pack
from seqtools_tag.cutting import WHOLE, Cutter

_HAS_APOSTROPHE = "[^'’]*['’].*"
"""Only such a word has an elision or an ending."""


class GraphCutter:
    """The face of a `Cutter` inside a graph."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter

    def __call__(self, text: Var, pretokenized: Var) -> Sequence[Var]:
        """Words, string `[batch, time]` with "" past a row's end, and their number, int64 `[batch]`.

        Args:
            text: string `[batch]`.
            pretokenized: cut at blanks only, bool `[1]`.
        """
        words, counts = op.if_(
            op.squeeze(pretokenized),
            then_branch=lambda: split(text, WHOLE),
            else_branch=lambda: self._cut(text),
        )
        # What comes out of a branch has forgotten its rank.
        return op.reshape(words, op.concat([op.shape(text), constant([-1])], axis=0)), counts

    def _cut(self, text: Var) -> Sequence[Var]:
        words, counts = split(text, self._cutter.expression)
        if not self._cutter.beginning and not self._cutter.ending:
            return words, counts
        flat = op.reshape(words, constant([-1]))
        marked = op.cast(op.regex_full_match(flat, pattern=_HAS_APOSTROPHE), to=np.int64)
        return op.if_(
            op.greater(op.reduce_sum(marked, keepdims=0), constant(0)),
            then_branch=lambda: self._taken_apart(flat, op.shape(words)),
            else_branch=lambda: [op.identity(words), op.identity(counts)],
        )

    def _taken_apart(self, flat: Var, shape: Var) -> Sequence[Var]:
        """Words without their elisions and endings, and these; `flat` are words of `shape [batch, time]`."""
        blank = op.expand(strings([""]), op.shape(flat))
        first, rest = _taken_off(flat, self._cutter.beginning) if self._cutter.beginning else (blank, flat)
        last, middle = _taken_off(rest, self._cutter.ending) if self._cutter.ending else (blank, rest)
        pieces = op.concat([op.unsqueeze(part, constant([1])) for part in (first, middle, last)], axis=1)
        batch = op.slice(shape, constant([0]), constant([1]))
        pieces = op.reshape(pieces, op.concat([batch, constant([-1])], axis=0))
        there = op.not_(op.equal(pieces, strings([""])))
        slots = op.slice(op.shape(pieces), constant([1]), constant([2]))
        numbers = op.expand(op.range(constant(0), op.squeeze(slots), constant(1)), op.shape(pieces))
        # What is taken past a row's end is a column of blanks.
        column = op.expand(strings([""]), op.concat([batch, constant([1])], axis=0))
        kept, counts = pack(numbers, there, -1)
        return [op.gather_elements(op.concat([pieces, column], axis=1), kept, axis=1), counts]


def _taken_off(words: Var, expression: str) -> tuple[Var, Var]:
    """What an expression matches at an end of each of `words [n]`, and what is left; "" for nothing."""
    return first(split(words, expression)[0]), first(without(words, expression))


def first(pieces: Var) -> Var:
    """The first piece of each row of `pieces [n, k]`, or "" where `k` is 0."""
    rows = op.slice(op.shape(pieces), constant([0]), constant([1]))
    blank = op.expand(strings([""]), op.concat([rows, constant([1])], axis=0))
    column = op.slice(op.concat([pieces, blank], axis=1), constant([0]), constant([1]), constant([1]))
    return op.reshape(column, constant([-1]))
