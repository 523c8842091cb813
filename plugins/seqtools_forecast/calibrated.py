"""The graph face of `Calibration.apply`: a simple method beside the network, offsets, restless windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.linear_map import LinearMap
from seqtools.export.forecasting.scaling import Scaled
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context
from seqtools.forecaster import ForecastShape
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.restlessness import BOUNDS

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray


class Calibrated:
    """Scaled quantiles and, last, the mean, `[rows, horizon, levels + 1]`, as they are told.

    Args:
        draws: the network may be asked for other numbers of steps than the horizon.

    Attributes:
        alone: whether the network has no say.
    """

    def __init__(
        self, context: Context, calibration: Calibration, shape: ForecastShape, *, draws: bool = False
    ) -> None:
        self._context, self._shape, self._draws = context, shape, draws
        self._weight = np.float32(calibration.weight if calibration.expert else 1.0)
        self._map: LinearMap | None = None
        self._restless = calibration.restlessness
        offsets, rest = calibration.offsets, 1 - self._weight
        around = np.zeros_like(offsets)
        if rest:
            matrix = calibration.expert_matrix(shape)
            assert matrix is not None
            # The expert's share is that of its map and of its offsets.
            self._map = LinearMap(context, "expert", rest * matrix)
            around = rest * calibration.expert_offsets
        self.alone = not self._weight
        if not self._restless.exponent:
            around, offsets = around + offsets, np.zeros_like(offsets)
        # An expert alone has one column: with its offsets, zeros too, it gets one for each level.
        self._around = self._columns(around, calibration.mean_offsets)
        self._offsets = self._columns(offsets, np.zeros_like(calibration.mean_offsets))

    def __call__(self, told: Var | None, scaled: Scaled) -> Var:
        """The same of the network's, which is None where it is not asked."""
        if told is not None and self._weight != 1:
            told = op.mul(told, op.const(self._weight))
        if self._map is not None:
            said = op.unsqueeze(self._map(scaled.values), constant([2]))
            if told is not None:
                said = op.add(told, self._as_far(said, told))
            told = said
        assert told is not None
        if self.alone or self._around.any():
            told = self._moved("around", told, self._around)
        return self._widened(told, scaled) if self._restless.exponent else told

    def _columns(self, levels: FloatArray, mean: FloatArray) -> FloatArray:
        """`[targets, horizon, levels + 1]`, as the targets of a series follow each other in rows."""
        both = np.concatenate([levels, mean[..., None]], axis=2).transpose(1, 0, 2)
        return np.ascontiguousarray(both, np.float32)

    def _moved(self, name: str, told: Var, offsets: FloatArray) -> Var:
        """All of it and its offsets, `[rows, horizon, levels + 1]`."""
        moved, targets = self._as_far(self._context.weights.add(name, offsets), told), self._shape.targets
        if targets == 1:
            return op.add(told, moved)
        rest = op.shape(told, start=1, end=3)
        apart = op.add(op.reshape(told, op.concat([constant([-1, targets]), rest], axis=0)), moved)
        return op.reshape(apart, op.concat([constant([-1]), op.shape(moved, start=1, end=3)], axis=0))

    def _widened(self, told: Var, scaled: Scaled) -> Var:
        """Further from the median, offsets too, the more restless a window is; the mean, last, stays."""
        place = self._restless.median
        middle = op.slice(told, constant([place]), constant([place + 1]), constant([2]))
        factor = op.unsqueeze(self._factor(scaled.values), constant([2]))
        column = np.ones(len(self._shape.levels) + 1, np.float32)
        column[-1] = 0
        share = op.add(
            op.mul(op.sub(factor, op.const(np.float32(1))), op.const(column)), op.const(np.float32(1))
        )
        around = self._moved("offsets", op.sub(told, middle), self._offsets)
        return op.add(op.mul(around, share), middle)

    def _factor(self, values: Var) -> Var:
        """How much wider than usual, `[rows, 1]`, of filled windows `[rows, context]`."""
        middle = op.reduce_mean(values, constant([1]))
        square = op.reduce_mean(op.pow(op.sub(values, middle), op.const(np.float32(2))), constant([1]))
        power = op.pow(square, op.const(np.float32(self._restless.exponent / 2)))
        usual, targets = self._restless.usual, self._shape.targets
        if targets == 1:
            power = op.div(power, op.const(usual))
        else:
            apart = op.div(op.reshape(power, constant([-1, targets])), op.const(usual))
            power = op.reshape(apart, constant([-1, 1]))
        return op.clip(power, *(op.const(np.float32(bound)) for bound in BOUNDS))

    def _as_far(self, values: Var, like: Var) -> Var:
        """`[…, horizon, …]` for as many steps as are told; beyond the horizon its last step stands."""
        if not self._draws:
            return values
        steps = op.squeeze(op.shape(like, start=1, end=2), constant([0]))
        places = op.range(constant(0), steps, constant(1))
        return op.gather(values, op.min([places, constant(self._shape.horizon - 1)]), axis=1)
