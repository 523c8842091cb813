"""Spans inside the graph, as conlleval sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.strings import strings
from seqtools.export.utf8 import shift
from seqtools_tag.schemes import OUTSIDE, parted


class Spans:
    """Finds the spans that labels mark.

    Args:
        classes: the labels, in the order of their numbers.
        types: what spans can be.
    """

    def __init__(self, classes: Sequence[str], types: Sequence[str]) -> None:
        self._types = tuple(types)
        # One more: what stands past a row's end is outside, too.
        letters, kinds = zip(*map(parted, (*classes, OUTSIDE)), strict=True)
        self._kinds = [
            0 if letter == OUTSIDE else types.index(kind) + 1
            for letter, kind in zip(letters, kinds, strict=True)
        ]
        self._begins = [letter in "BS" for letter in letters]
        self._ends = [letter in "ES" for letter in letters]

    def __call__(self, labels: Var) -> tuple[Var, Var]:
        """Spans, int64 `[spans, 4]` of row, first word, one past the last and type; and names of the types.

        Args:
            labels: numbers of labels, int64 `[batch, time]`, past a row's end that after the last.
        """
        outside = len(self._kinds) - 1
        before, after = shift(labels, -1, outside), shift(labels, 1, outside)
        kinds, kinds_before, kinds_after = (_among(self._kinds, x) for x in (labels, before, after))
        begins, begins_after = (_among(self._begins, x) for x in (labels, after))
        ends, ends_before = (_among(self._ends, x) for x in (labels, before))
        inside = op.greater(kinds, constant(0))
        first = op.or_(op.or_(begins, ends_before), op.not_(op.equal(kinds, kinds_before)))
        last = op.or_(op.or_(ends, begins_after), op.not_(op.equal(kinds, kinds_after)))
        # Row by row both: the n-th beginning belongs to the n-th end.
        starts = op.transpose(op.non_zero(op.and_(inside, first)))
        stops = op.transpose(op.non_zero(op.and_(inside, last)))
        past = op.add(op.slice(stops, constant([1]), constant([2]), constant([1])), constant(1))
        kind = op.sub(op.gather_nd(kinds, starts), constant(1))
        spans = op.concat([starts, past, op.unsqueeze(kind, constant([1]))], axis=1)
        return spans, op.gather(strings(self._types), kind)


def _among(table: Sequence[int | bool], numbers: Var) -> Var:
    kind = np.bool_ if isinstance(table[0], bool) else np.int64
    return op.gather(constant(list(table), kind), numbers)
