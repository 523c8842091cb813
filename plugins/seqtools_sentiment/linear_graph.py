"""The linear model inside the graph, with stock operators: the same sums, to the bit, in any batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context
from seqtools.export.utf8 import shift
from seqtools.loader import tokenizer as tokenizer_spec
from seqtools.plugin import resolve
from seqtools_sentiment.linear_model import FIRST_WORD, LinearModel


class LinearGraph:
    """Texts to logits.

    Args:
        context: where the arrays go; both profiles store them alike.
        model: the host face.
    """

    def __init__(self, context: Context, model: LinearModel) -> None:
        self._add, self._model = context.weights.add, model
        spec = tokenizer_spec(model.tokenizer.kind)
        self._cut = resolve(spec.graph, f"tokenizer '{spec.name}'")(model.tokenizer)

    def __call__(self, text: Var) -> Var:
        """Texts, string `[batch]` -> logits, float32 `[batch, outputs]`; they are read to their ends."""
        model = self._model
        nodes = _distinct(self._runs(self._cut.encode(text)[0]))
        table = op.cast(self._add("linear.weights", model.weights), to=np.int64)
        z = _scaled(op.reduce_sum(op.gather(table, nodes), constant([1]), keepdims=0), model.scale)
        if model.squares is not None:
            table = op.cast(self._add("linear.squares", model.squares[:, None]), to=np.int64)
            squares = op.reduce_sum(op.gather(table, nodes), constant([1]), keepdims=0)
            length = op.max([_scaled(squares, np.float32(model.square)), constant(1, np.float32)])
            z = op.div(z, op.sqrt(length))
        z = op.add(z, op.const(model.bias))
        return op.mul(z, op.const(np.array([-0.5, 0.5], np.float32))) if model.paired else z

    def _runs(self, ids: Var) -> Var:
        """The runs in texts of tokens `[batch, time]`: nodes `[batch, time * lengths]`, 0 where none is."""
        word = op.max([op.sub(ids, constant(FIRST_WORD)), constant(0)])
        node, found = word, [word]
        for length in range(2, len(self._model.runs.sizes) + 1):
            node = self._children(node, shift(word, length - 1, 0))
            found.append(node)
        return op.concat(found, axis=1)

    def _children(self, node: Var, word: Var) -> Var:
        """The run of `node` with one word more; 0 where there is none. Binary search, all places at once."""
        runs = self._model.runs
        # Numbers from here on count from the first run that is no word.
        begin = runs.words + 1
        most = int(np.diff(runs.first).max())
        first = op.cast(self._add("linear.first", runs.first - begin), to=np.int64)
        # One place in front, so that `last` at a place is the word of the run before it; room behind.
        steps = [1 << bit for bit in reversed(range(most.bit_length()))]
        padded = np.concatenate([[0], runs.last, np.zeros(1 + sum(steps))])
        last = op.cast(self._add("linear.last", padded.astype(_smallest(runs.words))), to=np.int64)
        place, end = op.gather(first, node), op.gather(first, op.add(node, constant(1)))
        for step in steps:
            further = op.add(place, constant(step))
            before = op.less(op.gather(last, further), word)
            inside = op.less_or_equal(further, end)
            place = op.where(op.and_(before, inside), further, place)
        beyond = op.add(place, constant(1))
        there = op.and_(op.equal(op.gather(last, beyond), word), op.less(place, end))
        return op.where(there, op.add(place, constant(begin)), constant(0))


def _distinct(nodes: Var) -> Var:
    """Each node once a row, 0 in the other places; at least one place a row."""
    nodes = op.pad(nodes, constant([0, 0, 0, 1]), constant(0))
    width = op.slice(op.shape(nodes), constant([1]), constant([2]))
    ordered, _ = op.top_k(nodes, width)
    return op.where(op.equal(ordered, shift(ordered, -1, -1)), constant(0), ordered)


def _scaled(sums: Var, scale: NDArray[np.float32] | np.float32) -> Var:
    return op.mul(op.cast(sums, to=np.float32), op.const(np.asarray(scale, np.float32)))


def _smallest(largest: int) -> type[Any]:
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.int32
