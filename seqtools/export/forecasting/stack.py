"""Recurrent layers over a window, states in and out, with dilations, as graph pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.cells import State
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, lower_norm
from seqtools.export.network import lower_layer
from seqtools.export.reader import starting


class LoweredStack:
    """The lowering of a `seqtools.nn.stack.RecurrentStack` of one direction.

    Attributes:
        width: values of a step's output.
        widths: values of each layer's.
    """

    def __init__(self, context: Context, stack: Any, name: str) -> None:
        self._context, self._name, self._trained = context, name, list(stack.layers)
        self.width = int(stack.width)
        self.widths = [int(layer.width) for layer in self._trained]
        self._layers = [
            lower_layer(context, layer, f"{name}.{i}", None) for i, layer in enumerate(self._trained)
        ]
        self._norms = [lower_norm(context, norm, f"{name}.norm.{i}") for i, norm in enumerate(stack.between)]

    def start(self, rows: Var) -> list[State]:
        """The states before anything was read; `rows` int64 `[1]`."""
        return [self._start(depth, rows) for depth in range(len(self._trained))]

    def _start(self, depth: int, rows: Var) -> State:
        layer = self._trained[depth]
        if layer.initial is None and not getattr(self._layers[depth], "flat", True):
            return []  # a node begins with zeros by itself
        return starting(self._context, layer, f"{self._name}.{depth}", rows)

    def __call__(self, x: Var, states: Sequence[State]) -> tuple[Var, list[State]]:
        """Read `x [time, rows, input]`: outputs `[time, rows, width]` and the last states."""
        last = []
        for layer, norm, state in zip(self._layers, self._norms, states, strict=True):
            y, new = layer.sequence(x, None, state)
            x = y if norm is None else norm(y)
            last.append(new)
        return x, last

    def step(self, x: Var, states: Sequence[State]) -> tuple[Var, list[State]]:
        """As reading, for one step `[1, rows, input]` within a loop."""
        last = []
        for layer, norm, state in zip(self._layers, self._norms, states, strict=True):
            new = layer.step(x, state)
            x = new[0] if norm is None else norm(new[0])
            last.append(new)
        return x, last

    def last_output(self, x: Var, steps: int, dilations: Sequence[int]) -> Var:
        """The top layer's output after the last of `x [steps, rows, input]`, `[rows, width]`."""
        if max(dilations) == 1:
            y, states = self(x, self.start(op.shape(x, start=1, end=2)))
            if self._norms[-1] is None:
                return op.squeeze(states[-1][0], constant([0]))
            return op.gather(y, constant(-1), axis=0)
        for depth, (layer, norm) in enumerate(zip(self._layers, self._norms, strict=True)):
            y = self._dilated(depth, layer, x, steps, dilations[depth])
            x = y if norm is None else norm(y)
        return op.gather(x, constant(-1), axis=0)

    def _dilated(self, depth: int, layer: Any, x: Var, steps: int, dilation: int) -> Var:
        """Every `dilation`-th step is a sequence of its own: they are folded into the rows."""
        width, pad = int(self._trained[depth].input_width), -steps % dilation
        if pad:
            x = op.pad(x, constant([pad, 0, 0, 0, 0, 0]), constant(0, np.float32))
        length = (steps + pad) // dilation
        folded = op.reshape(x, constant([length, -1, width]))
        y, _ = layer.sequence(folded, None, self._start(depth, op.shape(folded, start=1, end=2)))
        whole = op.reshape(y, constant([steps + pad, -1, int(self._trained[depth].width)]))
        return whole if not pad else op.slice(whole, constant([pad]), constant([steps + pad]), constant([0]))
