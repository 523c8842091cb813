"""A step of the window at a time, as graph pieces; see `seqtools.nn.forecasting.recurrent`."""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.core import Inputs, ahead, optional, over_time
from seqtools.export.forecasting.stack import LoweredStack
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array


class LoweredRecurrent:
    """The lowering of a `seqtools.nn.forecasting.recurrent.RecurrentCore`."""

    def __init__(self, context: Context, core: Any, name: str) -> None:
        self.block, self.blocks, self.width = int(core.block), int(core.blocks), int(core.width)
        self._shape, self._dilations = core.shape, core.dilations
        self._stack = LoweredStack(context, core.stack, f"{name}.stack")
        self._state, self._ahead = (
            optional(context, f"{name}.{part}", getattr(core, part)) for part in ("state", "ahead")
        )
        self._positions: Var | None = None
        if core.positions is not None:
            self._positions = context.weights.add(f"{name}.positions", array(core.positions))

    def __call__(self, inputs: Inputs) -> Var:
        """See the protocol."""
        x, count = self.steps(inputs)
        last = self._stack.last_output(x, count, self._dilations)
        known = ahead(inputs, self._shape.horizon)
        if self._state is None or self._ahead is None or self._positions is None or known is None:
            return last
        state = op.unsqueeze(self._state.rows(last), constant([1]))
        y = op.relu(op.add(op.add(self._ahead(known), self._positions), state))
        return op.reshape(y, constant([-1, self.width]))

    def steps(self, inputs: Inputs) -> tuple[Var, int]:
        """What the stack reads, `[steps, rows, input]`, and how many steps that is."""
        return over_time(inputs, self._shape.context), self._shape.context
