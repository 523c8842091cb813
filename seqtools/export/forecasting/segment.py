"""SegRNN as graph pieces; see `seqtools.nn.forecasting.segment`."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.core import Inputs, optional
from seqtools.export.forecasting.covariates import side_by_side
from seqtools.export.forecasting.stack import LoweredStack
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Linear, array


class LoweredSegment:
    """The lowering of a `seqtools.nn.forecasting.segment.SegmentCore`."""

    def __init__(self, context: Context, core: Any, name: str) -> None:
        self.block, self.blocks, self.width = int(core.block), int(core.blocks), int(core.width)
        self._pad, self._steps, self._horizon = int(core.pad), core.shape.context, core.shape.horizon
        self._context, self._name, self._core = context, name, core
        self._stack = LoweredStack(context, core.stack, f"{name}.stack")
        self._describe, self._when, self._ahead, self._about, self._when_ahead = (
            optional(context, f"{name}.{part}", getattr(core, part))
            for part in ("describe", "when", "ahead", "about", "when_ahead")
        )

    def __call__(self, inputs: Inputs) -> Var:
        """See the protocol."""
        segments = self._segments(inputs)
        rows = op.shape(segments, start=1, end=2)
        _, states = self._stack(segments, self._stack.start(rows))
        begun = [
            [self._for_each_block(part, width) for part in state]
            for state, width in zip(states, self._stack.widths, strict=True)
        ]
        decoded, _ = self._stack(self._queries(inputs, rows), begun)
        return op.reshape(decoded, constant([-1, self.width]))

    def _segments(self, inputs: Inputs) -> Var:
        """What the stack reads, `[segments, rows, width]`."""
        parts, matrix, at = [], array(self._core.read.weight), 0
        matrix = matrix.reshape(len(matrix), self.block, -1)
        pieces: list[Array] = []
        for values, width in inputs.channels:
            if self._pad:
                before = [0, self._pad, *[0] * (2 if width == 1 else 4)]
                values = op.pad(values, constant(before), constant(0, np.float32))
            count = (self._steps + self._pad) // self.block
            parts.append(op.reshape(values, constant([-1, count, self.block * width])))
            # Torch has the channels of a step side by side; here the steps of a channel are.
            pieces.append(matrix[:, :, at : at + width].reshape(len(matrix), -1))
            at += width
        read = Linear(self._context, f"{self._name}.read", np.concatenate(pieces, axis=1).T)
        x = op.matmul(op.transpose(side_by_side(parts), perm=(1, 0, 2)), read.matrix())
        bias = self._context.weights.add(f"{self._name}.read.bias", array(self._core.read.bias))
        if self._describe is not None:
            x = op.add(x, self._describe.rows(side_by_side(inputs.static), bias))
        else:
            x = op.add(x, bias)
        if self._when is not None:
            assert inputs.phases is not None
            last = range(self.block - 1 - self._pad - self._steps, 0, self.block)
            x = op.add(x, self._when(op.transpose(inputs.phases(last), perm=(1, 0, 2))))
        return op.relu(x)

    def _queries(self, inputs: Inputs, rows: Var) -> Var:
        """What each coming segment is asked with, `[1, rows * blocks, width]`."""
        positions = array(self._core.positions)
        x = self._context.weights.add(f"{self._name}.positions", positions[None])
        if self._about is not None:
            x = op.add(x, op.unsqueeze(self._about.rows(side_by_side(inputs.static)), constant([1])))
        else:
            x = op.expand(x, op.concat([rows, constant(positions.shape)], axis=0))
        if self._when_ahead is not None:
            assert inputs.phases is not None
            x = op.add(x, self._when_ahead(inputs.phases(range(0, self._horizon, self.block))))
        if self._ahead is not None:
            x = op.add(x, self._ahead(self._known(side_by_side(inputs.known))))
        return op.reshape(x, constant([1, -1, positions.shape[1]]))

    def _known(self, known: Var) -> Var:
        """Covariates of each coming segment, side by side."""
        beyond = self.blocks * self.block - self._horizon
        if beyond:
            known = op.pad(known, constant([0, 0, 0, 0, beyond, 0]), constant(0, np.float32))
        return op.reshape(known, constant([-1, self.blocks, self._core.ahead.in_features]))

    def _for_each_block(self, state: Var, width: int) -> Var:
        """`[1, rows, width]` -> `[1, rows * blocks, width]`."""
        if self.blocks == 1:
            return state
        again = op.tile(state, constant([1, 1, self.blocks]))
        return op.reshape(again, constant([1, -1, width]))
