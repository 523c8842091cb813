"""String tensors inside a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant, contrib

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
    # Drops the dimensions' names: spox refuses a loop whose carried shapes are known better than they stay.
    start = op.reshape(start, op.concat([batch, constant([-1])], axis=0))
    (row,) = op.loop(constant([_MOST_ROUNDS]), more(start), [start], body=turn)
    return op.reshape(op.slice(row, constant([0]), constant([1]), constant([1])), constant([-1]))


def split(text: Var, expression: str = "") -> tuple[Var, Var]:
    """Cut each text of a string `[batch]` into pieces, padded with "".

    Args:
        text: the texts.
        expression: RE2 pattern whose matches are the pieces; "" cuts into characters (code points).

    Returns:
        Pieces, string `[batch, time]`, and their number, int64 `[batch]`.
    """
    how = {"tokenexp": expression} if expression else {"separators": [""]}
    (pieces,) = contrib(
        "Tokenizer", [text], [(np.str_, (None, None))], mincharnum=1, mark=0, pad_value="", **how
    )
    there = op.cast(op.not_(op.equal(pieces, strings([""]))), to=np.int64)
    return pieces, op.reduce_sum(there, constant([1]), keepdims=0)


def without(text: Var, expression: str) -> Var:
    """What is left of texts, string `[batch]`, between matches of an RE2 pattern: string `[batch, time]`."""
    (pieces,) = contrib(
        "Tokenizer",
        [text],
        [(np.str_, (None, None))],
        mincharnum=1,
        mark=0,
        pad_value="",
        separators=[expression],
    )
    return pieces


def strings(values: Iterable[str]) -> Var:
    """A constant string vector; numpy's own string type would lose NUL."""
    return op.const(np.array(list(values), dtype=object))


def lookup(pieces: Var, keys: Sequence[str], values: Sequence[int], default: int) -> Var:
    """int64 for strings of any shape."""
    return ml.label_encoder(pieces, keys_strings=keys, values_int64s=values, default_int64=default)
