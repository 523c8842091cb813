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

    def __call__(self, outputs: Var) -> Var:
        """What is told about zero, `[…, levels + 1]`, of outputs `[…, outputs]`: quantiles, then the mean."""


class QuantileGraph:
    """The median and running sums of positive gaps away from it: two products instead of many pieces."""

    def __init__(self, context: Context, head: Any) -> None:
        levels, middle = len(head.levels), int(head.middle)
        places = np.arange(levels)
        gaps, plain = (np.zeros((levels + 1, levels + 1), np.float32) for _ in range(2))
        # Outputs are the gaps below, the median, the gaps above, the mean.
        for gap in range(levels):
            if gap < middle:
                gaps[gap, :levels] = np.where(places <= gap, -1, 0)
            elif gap > middle:
                gaps[gap, :levels] = places >= gap
        plain[middle, :levels] = plain[levels, levels] = 1
        self._gaps = context.weights.add("head.gaps", gaps)
        self._plain = context.weights.add("head.plain", plain)

    def __call__(self, outputs: Var) -> Var:
        """See the protocol."""
        away = op.matmul(op.softplus(outputs), self._gaps)
        return op.add(op.matmul(outputs, self._plain), away)


class DistributionGraph:
    """A location plus a scale times the quantiles of the standard distribution."""

    def __init__(self, context: Context, head: Any) -> None:
        standard = np.append(array(head.standard()), np.float32(0))
        self._standard = context.weights.add("head.standard", standard)

    def __call__(self, outputs: Var) -> Var:
        """See the protocol."""
        location, width = op.split(outputs, num_outputs=2, axis=-1)
        scale = op.add(op.softplus(width), constant(LEAST, np.float32))
        return op.add(location, op.mul(scale, self._standard))


_HEADS: dict[str, Callable[[Context, Any], LoweredHead]] = {
    "quantile": QuantileGraph,
    "normal": DistributionGraph,
    "student": DistributionGraph,
}


def lower_head(context: Context, kind: str, head: Any) -> LoweredHead:
    """The lowering of a trained head."""
    return _HEADS[kind](context, head)
