"""The learned mix of simple forecasts, as graph pieces; see `seqtools.nn.forecasting.baseline`."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.covariates import side_by_side
from seqtools.export.forecasting.scaling import Scaled
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, array
from seqtools.nn.forecasting.baseline import UNSEEN


class LoweredBaseline:
    """The lowering of a `seqtools.nn.forecasting.baseline.Baseline`.

    Args:
        block: steps ahead that one output of the core stands for.
        steps: of the window.

    Attributes:
        experts: number of simple forecasts.
        gate: `[width, experts]` and `[experts]`, to be computed with the head's numbers.
    """

    def __init__(self, context: Context, baseline: Any, block: int, steps: int, name: str) -> None:
        self._weights, self._name, self._module, self._block = context.weights, name, baseline, block
        self._context = steps
        self.horizon, self.experts = baseline.bias.shape
        self.gate = array(baseline.gate.weight).T, array(baseline.gate.bias)
        self._copies = baseline.copies.cpu().numpy().astype(np.int32)
        self._anchors = baseline.anchors.cpu().numpy().astype(np.int32)

    def __call__(self, values: Var, scaled: Scaled, gates: Var) -> Var:
        """The mix `[rows, horizon, 1]` of windows `[rows, context]`.

        Args:
            values: scaled windows without gaps.
            scaled: says where values were observed.
            gates: `[rows, blocks, 1, experts]`.
        """
        weights = op.softmax(self._logits(gates), axis=-1)
        forecasts = self._forecasts(values)
        (mixed,) = op.if_(
            scaled.full,
            then_branch=lambda: [_summed(op.mul(weights, forecasts))],
            else_branch=lambda: [self._trusting(weights, forecasts, scaled.seen)],
        )
        return mixed

    def _logits(self, gates: Var) -> Var:
        """Bias and gates, `[rows, horizon, experts]`."""
        blocks = -(-self.horizon // self._block)
        beyond = blocks * self._block - self.horizon
        bias = np.pad(array(self._module.bias), ((0, beyond), (0, 0)))
        bias = bias.reshape(blocks, self._block, self.experts)
        logits = op.add(gates, self._weights.add(f"{self._name}.bias", bias))
        logits = op.reshape(logits, constant([-1, blocks * self._block, self.experts]))
        if not beyond:
            return logits
        return op.slice(logits, constant([0]), constant([self.horizon]), constant([1]))

    def _trusting(self, weights: Var, forecasts: Var, seen: Var) -> Var:
        """The mix in which values that were not observed hardly count."""
        known = op.max([op.cast(self._known(seen), to=np.float32), constant(UNSEEN, np.float32)])
        weights = op.mul(weights, known)
        return op.div(_summed(op.mul(weights, forecasts)), _summed(weights))

    def _forecasts(self, values: Var) -> Var:
        """`[rows, horizon, experts]`."""
        module, parts = self._module, []
        if module.spans:
            means = self._weights.add(f"{self._name}.spans", _means(module.spans, self._context))
            parts.append(self._for_each_step(op.matmul(values, means)))
        if module.changes:
            then, anchors = self._changes(values)
            last = op.slice(values, constant([-1]), constant([2**62]), constant([1]))
            level = op.sub(last, anchors)
            parts.append(op.add(then, op.unsqueeze(level, constant([1]))))
        if self._repeats:
            parts.append(self._gather("copies", values, self._copies))
        return side_by_side(parts)

    def _known(self, seen: Var) -> Var:
        """Whether the values behind each forecast were observed, bool `[rows, horizon, experts]`."""
        module, parts = self._module, []
        if module.spans:
            true = np.ones((1, self.horizon, len(module.spans)), np.bool_)
            row = op.slice(seen, constant([0]), constant([1]), constant([1]))
            always = op.or_(row, op.not_(row))
            parts.append(op.and_(op.unsqueeze(always, constant([2])), op.const(true)))
        if module.changes:
            then, anchors = self._changes(seen)
            parts.append(op.and_(then, op.unsqueeze(anchors, constant([1]))))
        if self._repeats:
            parts.append(self._gather("copies", seen, self._copies))
        return side_by_side(parts)

    @property
    def _repeats(self) -> bool:
        return bool(self._module.repeats and self._copies.shape[1])

    def _changes(self, values: Var) -> tuple[Var, Var]:
        """Values at the same phase, `[rows, horizon, changes]`, and at the end of their windows."""
        count = self._module.changes
        then = self._gather("changes", values, self._copies[:, :count])
        return then, self._gather("anchors", values, self._anchors[:count])

    def _gather(self, name: str, values: Var, places: Any) -> Var:
        return op.gather(values, self._weights.add(f"{self._name}.{name}", places), axis=1)

    def _for_each_step(self, means: Var) -> Var:
        return op.add(op.unsqueeze(means, constant([1])), op.const(np.zeros((self.horizon, 1), np.float32)))


def _means(spans: tuple[int, ...], context: int) -> Array:
    """The matrix `[context, spans]` whose product with a window are the means of its last steps."""
    made = np.zeros((context, len(spans)), np.float32)
    for column, span in enumerate(spans):
        made[context - span :, column] = 1 / span
    return made


def _summed(values: Var) -> Var:
    return op.reduce_sum(values, constant([-1]))
