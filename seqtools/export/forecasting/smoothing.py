"""ES-RNN as graph pieces; see `seqtools.nn.forecasting.smoothing`."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.core import Inputs
from seqtools.export.forecasting.covariates import Window, side_by_side
from seqtools.export.forecasting.forecaster import LoweredForecaster
from seqtools.export.forecasting.recurrent import LoweredRecurrent
from seqtools.export.forecasting.scaling import Scaled, roughly
from seqtools.export.forecasting.smoother import LoweredSmoother
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context


class LoweredSmoothing(LoweredForecaster):
    """The lowering of a `seqtools.nn.forecasting.smoothing.Smoothing`."""

    def __init__(self, context: Context, network: Any, name: str) -> None:
        super().__init__(context, network, name)
        self._smoother = LoweredSmoother(context, network.smoother, f"{name}.smoother")

    def tell(self, window: Window, scaled: Scaled, values: Var, *figures: Var) -> Var:
        """See the base."""
        smoothed = self._smoother(values, scaled)
        spread, ahead = (
            op.unsqueeze(roughly(part), constant([2])) for part in (smoothed.spread, smoothed.ahead)
        )
        size = op.log(roughly(smoothed.spread))
        told = super().tell(window, scaled, smoothed.residuals, *figures, size)
        return op.add(op.mul(told, spread), ahead)


class LoweredSmoothingCore(LoweredRecurrent):
    """The lowering of a `seqtools.nn.forecasting.smoothing.SmoothingCore`."""

    def __init__(self, context: Context, core: Any, name: str) -> None:
        super().__init__(context, core, name)
        self._reads, self._pad = int(core.reads), int(core.pad)

    def steps(self, inputs: Inputs) -> tuple[Var, int]:
        """See the base."""
        context, reads, pad = self._shape.context, self._reads, self._pad
        count = (context + pad) // reads
        channels = [
            op.unsqueeze(part, constant([2])) if width == 1 else part for part, width in inputs.channels
        ]
        width = sum(channel.width for channel in inputs.channels)
        values = side_by_side(channels)
        if pad:
            values = op.pad(values, constant([0, pad, 0, 0, 0, 0]), constant(0, np.float32))
        parts = [op.reshape(values, constant([-1, count, reads * width]))]
        if inputs.phases is not None:
            parts.append(inputs.phases(range(reads - pad - context - 1, 0, reads)))
        if inputs.static:
            static = op.unsqueeze(side_by_side(inputs.static), constant([1]))
            parts.append(op.expand(static, constant([1, count, 1])))
        return op.transpose(side_by_side(parts), perm=(1, 0, 2)), count
