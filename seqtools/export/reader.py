"""Layers that read a known input in one direction or both, as graph pieces.

Every layer is what its cell's lowering makes of a whole sequence: one node, or a loop. Backward layers get
each row turned round within its length, so that what lies past it never reaches what counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.cells import State
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array, lower_norm
from seqtools.export.network import lower_layer


class Reader:
    """The lowering of a `seqtools.nn.stack.RecurrentStack`, or of anything with the same parts.

    Args:
        stack: has `layers` (forward and backward ones alternate), `between`, `directions` and `width`.
        name: prefix of the weights' names.
        residual: add each depth's input to its output where their widths agree.

    Attributes:
        width: values of a step's output.
    """

    def __init__(self, context: Context, stack: Any, name: str, *, residual: bool = False) -> None:
        self._context, self._name, self._residual = context, name, residual
        self._directions, self.width = int(stack.directions), int(stack.width)
        self._trained = list(stack.layers)
        self._lowered = [
            lower_layer(context, layer, f"{name}.{i}", None) for i, layer in enumerate(self._trained)
        ]
        self._norms = [lower_norm(context, norm, f"{name}.norm.{i}") for i, norm in enumerate(stack.between)]

    def __call__(self, x: Var, lengths: Var) -> tuple[Var, list[Var]]:
        """Read `x [time, batch, input]` of which `lengths [batch]` count.

        Returns:
            Outputs of the top layers, `[time, batch, width]`, with anything past a row's length; and where
            each direction of them ended, before a norm, `[batch, width / directions]`.
        """
        ends: list[Var] = []
        for depth, norm in enumerate(self._norms):
            y, ends = self._depth(depth, x, lengths)
            y = y if norm is None else norm(y)
            x = op.add(x, y) if self._residual and self._keeps_width(depth) else y
        return x, ends

    def _keeps_width(self, depth: int) -> bool:
        layer = self._trained[depth * self._directions]
        return bool(layer.input_width == layer.width * self._directions)

    def _depth(self, depth: int, x: Var, lengths: Var) -> tuple[Var, list[Var]]:
        """Outputs of both directions side by side, and the last output of each, `[batch, width]`."""
        outputs, ends = [], []
        for way in range(self._directions):
            number = depth * self._directions + way
            given = x if way == 0 else reverse(x, lengths)
            name = f"{self._name}.{number}"
            start = starting(self._context, self._trained[number], name, op.shape(lengths))
            y, last = self._lowered[number].sequence(given, lengths, start)
            outputs.append(y if way == 0 else reverse(y, lengths))
            ends.append(op.squeeze(last[0], constant([0])))
        return outputs[0] if len(outputs) == 1 else op.concat(outputs, axis=2), ends


def starting(context: Context, layer: Any, name: str, rows: Var) -> State:
    """What a trained layer starts from: zeros, or what it learned; each `[1, rows, width]`.

    Args:
        name: prefix of the weights' names.
        rows: int64 `[1]`.
    """
    shape = op.concat([constant([1]), rows, constant([int(layer.width)])], axis=0)
    if layer.initial is None:
        return [op.expand(constant([[[0.0]]], np.float32), shape)] * len(layer.states)
    learned = (
        context.weights.add(f"{name}.initial.{state}", array(layer.initial[state])[None, None])
        for state in layer.states
    )
    return [op.expand(part, shape) for part in learned]


def reverse(x: Var, lengths: Var) -> Var:
    """Turn `x [time, batch, …]` round within each row's length; padding stays in place."""
    return op.reverse_sequence(x, lengths, time_axis=0, batch_axis=1)
