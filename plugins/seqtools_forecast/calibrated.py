"""The graph face of `Calibration.apply`: a simple method beside the network, offsets of quantiles."""

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
        offsets, rest = calibration.offsets, 1 - self._weight
        if rest:
            matrix = calibration.expert_matrix(shape)
            assert matrix is not None
            # The expert's share is that of its map and of its offsets.
            self._map = LinearMap(context, "expert", rest * matrix)
            offsets = offsets + rest * calibration.expert_offsets
        self.alone = not self._weight
        moved = np.concatenate([offsets, calibration.mean_offsets[..., None]], axis=2).astype(np.float32)
        # An expert alone has one column: with the offsets, zeros too, it gets one for each level.
        self._offsets: FloatArray | None = moved if self.alone or moved.any() else None

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
        return told if self._offsets is None else self._moved(told, self._offsets)

    def _moved(self, told: Var, offsets: FloatArray) -> Var:
        """All of it and its offsets, `[horizon, targets, levels + 1]`."""
        # By row: the targets of a series follow each other.
        given = self._context.weights.add("offsets", np.ascontiguousarray(offsets.transpose(1, 0, 2)))
        moved, targets = self._as_far(given, told), self._shape.targets
        if targets == 1:
            return op.add(told, moved)
        rest = op.shape(told, start=1, end=3)
        apart = op.add(op.reshape(told, op.concat([constant([-1, targets]), rest], axis=0)), moved)
        return op.reshape(apart, op.concat([constant([-1]), op.shape(moved, start=1, end=3)], axis=0))

    def _as_far(self, values: Var, like: Var) -> Var:
        """`[…, horizon, …]` for as many steps as are told; beyond the horizon its last step stands."""
        if not self._draws:
            return values
        steps = op.squeeze(op.shape(like, start=1, end=2), constant([0]))
        places = op.range(constant(0), steps, constant(1))
        return op.gather(values, op.min([places, constant(self._shape.horizon - 1)]), axis=1)
