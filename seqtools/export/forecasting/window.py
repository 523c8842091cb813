"""The window that is read of a history of any length, and rows of targets, as graph pieces.

Each target of each series is a row: `[batch, time, targets]` becomes `[rows, time]`.
"""

from __future__ import annotations

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant

_END = 2**62


def fitted(values: Var, steps: int) -> Var:
    """The last `steps` of `values [batch, time, …]`, NaN before the first where there are fewer."""
    rank = len(values.unwrap_tensor().shape or ())
    before = [0, steps, *[0] * (rank - 2), *[0] * rank]
    # Cut, then padded, then cut: whatever is fed, no more than two windows are copied.
    padded = op.pad(_last(values, steps), constant(before), constant(np.nan, np.float32))
    return _last(padded, steps)


def _last(values: Var, count: int) -> Var:
    return op.slice(values, constant([-count]), constant([_END]), constant([1]))


def to_rows(values: Var, steps: int) -> Var:
    """`[batch, steps, targets]` -> `[rows, steps]`, the targets of a series next to each other."""
    return op.reshape(op.transpose(values, perm=(0, 2, 1)), constant([-1, steps]))


def each_target(values: Var, targets: int) -> Var:
    """`[batch, …]` -> `[rows, …]`: what holds for a series, again for each of its targets."""
    if targets == 1:
        return values
    shape = op.shape(values)
    ones = op.concat([op.slice(shape, constant([0]), constant([1])), constant([targets])], axis=0)
    rest = op.slice(shape, constant([1]), constant([_END]))
    again = op.expand(op.unsqueeze(values, constant([1])), op.concat([ones, rest], axis=0))
    return op.reshape(again, op.concat([constant([-1]), rest], axis=0), allowzero=0)
