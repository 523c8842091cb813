"""Tables with a row for each token: to embed tokens, to predict them, or both (Press & Wolf 2017).

A table is stored once, row by row. The output layer multiplies with its transpose, which onnxruntime makes
and packs once, when it loads the file. A shortlist takes rows of it and multiplies with those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export import quantize
from seqtools.export.graph import Var, constant, contrib
from seqtools.export.linear import Array, Context, Linear, array


class Table:
    """`[vocab, width]`; in the `int8` profile a byte a value with one scale a row."""

    def __init__(self, context: Context, name: str, values: Array) -> None:
        self._context, self._name, self._values = context, name, values
        self.vocab, self.width = values.shape

    @cached_property
    def _quantized(self) -> quantize.Quantized:
        return quantize.quantize_columns(self._values.T)

    def stored(self) -> Var:
        """The table as it is in the file, float32 or int8."""
        if not self._context.int8:
            return self._context.weights.add(self._name, self._values)
        return self._context.weights.add(f"{self._name}.int8", self._quantized.values.T)

    def scales(self) -> Var:
        """Of the rows of an int8 table, `[vocab]`."""
        return self._context.weights.add(f"{self._name}.scale", self._quantized.scale)

    def embed(self, tokens: Var, factor: float) -> Var:
        """Rows of `tokens [time, batch, 1]`, times a factor: `[time, batch, width]`."""
        rows = op.gather_nd(self.stored(), tokens)
        if not self._context.int8:
            return rows if factor == 1 else op.mul(rows, constant(factor, np.float32))
        scale = (self._quantized.scale * np.float32(factor))[:, None]
        scales = op.gather_nd(self._context.weights.add(f"{self._name}.factor", scale), tokens)
        return op.mul(op.cast(rows, to=np.float32), scales)


class Head:
    """Readouts to logits; two matrices where tied widths differ.

    Args:
        head: the trained `seqtools.nn.head.Head`.
        table: its weight.
    """

    def __init__(self, context: Context, head: Any, table: Table) -> None:
        self._context, self._table = context, table
        between = head.projection
        self._projection: Linear | None = None
        if between is not None:
            self._projection = Linear(context, "head.projection", array(between.weight).T)
        self._bias = context.weights.add("head.bias", array(head.bias))

    def __call__(self, readout: Var) -> Var:
        """Logits of all tokens, `[time, rows, width]` -> `[time, rows, vocab]`."""
        scales = [self._table.scales()] if self._context.int8 else []
        whole = [op.transpose(self._table.stored()), self._bias, *scales]
        return self._product(readout, whole, self._table.vocab)

    def among(self, candidates: Var) -> Sequence[Var]:
        """What `chosen` needs for these tokens, `[candidates]`; to be taken once, outside loops."""
        matrix = op.transpose(op.gather(self._table.stored(), candidates))
        scales = [op.gather(self._table.scales(), candidates)] if self._context.int8 else []
        return [matrix, op.gather(self._bias, candidates), *scales]

    def chosen(self, readout: Var, parts: Sequence[Var]) -> Var:
        """Logits of the tokens that `parts` was taken for, `[time, rows, candidates]`."""
        return self._product(readout, parts, None)

    def _product(self, readout: Var, parts: Sequence[Var], columns: int | None) -> Var:
        x = readout if self._projection is None else self._projection(readout)
        if not self._context.int8:
            return op.add(op.matmul(x, parts[0]), parts[1])
        matrix, bias, scales = parts
        inputs = [x, matrix, scales, None, bias]
        return contrib("DynamicQuantizeMatMul", inputs, [(np.float32, (None, None, columns))])[0]
