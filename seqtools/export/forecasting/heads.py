"""What a core's outputs mean, as graph pieces; see `seqtools.nn.forecasting.heads`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array
from seqtools.nn.forecasting.heads import LEAST


class LoweredHead(Protocol):
    """A head as graph pieces."""

    def __call__(self, outputs: Var) -> tuple[Var, Var]:
        """Outputs `[rows, horizon, outputs]` to quantiles `[…, levels]` and means `[…, 1]`, about zero."""


class QuantileGraph:
    """The median and running sums of positive gaps away from it."""

    def __init__(self, context: Context, head: Any) -> None:
        self._below, self._above = head.middle, len(head.levels) - head.middle - 1

    def __call__(self, outputs: Var) -> tuple[Var, Var]:
        """See the protocol."""
        sizes = [self._below, 1, self._above, 1]
        there = [size for size in sizes if size]
        parts = iter(op.split(outputs, constant(there), axis=-1))
        low, median, high, mean = (next(parts) if size else None for size in sizes)
        assert median is not None and mean is not None
        quantiles = [median]
        if low is not None:
            down = op.cumsum(op.softplus(low), constant(-1), reverse=1)
            quantiles.insert(0, op.sub(median, down))
        if high is not None:
            quantiles.append(op.add(median, op.cumsum(op.softplus(high), constant(-1))))
        return op.concat(quantiles, axis=-1), mean


class DistributionGraph:
    """A location plus a scale times the quantiles of the standard distribution."""

    def __init__(self, context: Context, head: Any) -> None:
        self._standard = context.weights.add("head.standard", array(head.standard()))

    def __call__(self, outputs: Var) -> tuple[Var, Var]:
        """See the protocol."""
        location, width = op.split(outputs, num_outputs=2, axis=-1)
        scale = op.add(op.softplus(width), constant(LEAST, np.float32))
        return op.add(location, op.mul(scale, self._standard)), location


_HEADS: dict[str, Callable[[Context, Any], LoweredHead]] = {
    "quantile": QuantileGraph,
    "normal": DistributionGraph,
    "student": DistributionGraph,
}


def lower_head(context: Context, kind: str, head: Any) -> LoweredHead:
    """The lowering of a trained head."""
    return _HEADS[kind](context, head)
