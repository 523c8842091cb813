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
    """Scaled quantiles `[rows, horizon, levels]` and means `[rows, horizon, 1]`, as they are told.

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
        means = calibration.mean_offsets[..., None]
        self._offsets: FloatArray | None = offsets if offsets.any() else None
        self._mean_offsets: FloatArray | None = means if means.any() else None
        self.alone = not self._weight

    def __call__(self, told: tuple[Var, Var] | None, scaled: Scaled) -> tuple[Var, Var]:
        """The same of the network's, which are None where it is not asked."""
        share = op.const(self._weight)
        if told is not None and self._weight != 1:
            told = op.mul(told[0], share), op.mul(told[1], share)
        if self._map is not None:
            said = op.unsqueeze(self._map(scaled.values), constant([2]))
            if told is not None and self._draws:
                said = self._as_far(said, told[1])
            told = (said, said) if told is None else (op.add(told[0], said), op.add(told[1], said))
        assert told is not None
        quantiles, mean = told
        if self._mean_offsets is not None:
            mean = self._moved(mean, self._mean_offsets, "mean_offsets")
        if self._offsets is None:
            return self._wide(quantiles), mean
        if self._shape.targets > 1:
            quantiles = self._wide(quantiles)
        return self._moved(quantiles, self._offsets, "offsets"), mean

    def _moved(self, values: Var, offsets: FloatArray, name: str) -> Var:
        """Values `[rows, horizon, width]` and their offsets `[horizon, targets, width]`."""
        # By row: the targets of a series follow each other.
        moved: Var = self._context.weights.add(name, np.ascontiguousarray(offsets.transpose(1, 0, 2)))
        if self._draws:
            moved = self._as_far(moved, values)
        if self._shape.targets == 1:
            return op.add(values, moved)
        steps, width = op.shape(values, start=1, end=2), constant([offsets.shape[-1]])
        apart = op.concat([constant([-1, self._shape.targets]), steps, width], axis=0)
        by_target = op.add(op.reshape(values, apart), moved)
        return op.reshape(by_target, op.concat([constant([-1]), steps, width], axis=0))

    def _wide(self, quantiles: Var) -> Var:
        """A column for each level, where only an expert without quantiles has spoken."""
        if self._map is None or not self.alone:
            return quantiles
        return op.add(quantiles, op.const(np.zeros(len(self._shape.levels), np.float32)))

    def _as_far(self, values: Var, like: Var) -> Var:
        """`[…, horizon, …]` for as many steps as are told; beyond the horizon its last step stands."""
        steps = op.squeeze(op.shape(like, start=1, end=2), constant([0]))
        places = op.range(constant(0), steps, constant(1))
        return op.gather(values, op.min([places, constant(self._shape.horizon - 1)]), axis=1)
