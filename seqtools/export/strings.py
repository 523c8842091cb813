"""String tensors inside a graph."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant

# 2^62 pieces are more than any tensor has; the loop stops by itself, but must carry a trip count.
_MOST_ROUNDS = 62


def join(pieces: Var) -> Var:
    """Concatenate each row of `pieces` string `[batch, time]` -> string `[batch]`; time may be 0.

    Neighbours are joined pairwise, so that n pieces take log2(n) rounds over the whole batch and each
    character is copied log2(n) times, not n times.
    """
    batch = op.slice(op.shape(pieces), constant([0]), constant([1]))
    blank = op.expand(op.const(np.array([[""]])), op.concat([batch, constant([1])], axis=0))

    def more(row: Var) -> Var:
        return op.greater(op.slice(op.shape(row), constant([1]), constant([2])), constant([1]))

    def turn(index: Var, go: Var, row: Var) -> Iterable[Var]:
        padded = op.concat([row, blank], axis=1)
        width = op.slice(op.shape(row), constant([1]), constant([2]))
        even = op.slice(padded, constant([0]), width, constant([1]), constant([2]))
        odd = op.slice(padded, constant([1]), op.add(width, constant([1])), constant([1]), constant([2]))
        # An odd number of pieces: the last even one meets the blank; an even number: the blank falls off.
        joined = op.string_concat(even, odd)
        return [more(joined), joined]

    # The first turn needs at least one piece, and a blank in front changes no text.
    start = op.concat([blank, pieces], axis=1)
    (row,) = op.loop(constant([_MOST_ROUNDS]), more(start), [start], body=turn)
    return op.reshape(op.slice(row, constant([0]), constant([1]), constant([1])), constant([-1]))
