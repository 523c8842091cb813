"""All steps of a text to one vector, as graph pieces.

Sums over time run over the first axis, where onnxruntime adds step after step: zeros at the end then change
no bit, and a text gives the same alone and in a padded batch. Over the last axis it adds in groups, and its
Softmax does so over any axis, which is why that one is spelled out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Linear, array

_TIME = (0,)


class Pooling:
    """The lowering of a `seqtools.nn.pooling.Pooling`; always fp32."""

    def __init__(self, context: Context, pooling: Any) -> None:
        self._kind, self._both = str(pooling.kind), int(pooling.directions) == 2
        self._query: Linear | None = None
        if pooling.query is not None:
            exact, query = Context(weights=context.weights), pooling.query
            self._query = Linear(exact, "pooling.query", array(query.weight).T, array(query.bias))

    def __call__(self, x: Var, lengths: Var) -> Var:
        """`x [time, batch, steps]`, of which `lengths [batch]`, at least 1, count -> `[batch, width]`."""
        time = op.gather(op.shape(x), constant(0))
        position = op.unsqueeze(op.range(constant(0), time, constant(1)), constant([1, 2]))
        inside = op.less(position, op.unsqueeze(lengths, constant([0, 2])))
        if self._query is not None:
            return _attended(x, self._query(x), inside)
        makers = {"last": self._last, "max": _max, "mean": _mean}
        kinds = ("last", "max", "mean") if self._kind == "concat" else (self._kind,)
        parts = [makers[kind](x, inside, lengths) for kind in kinds]
        return parts[0] if len(parts) == 1 else op.concat(parts, axis=1)

    def _last(self, x: Var, inside: Var, lengths: Var) -> Var:
        """Where the forward half has read all, and where the backward half has."""
        rows = op.range(constant(0), op.size(lengths), constant(1))
        place = op.concat(
            [op.unsqueeze(part, constant([1])) for part in (op.sub(lengths, constant(1)), rows)], axis=1
        )
        ends = op.gather_nd(x, place)
        if not self._both:
            return ends
        forward, _ = op.split(ends, num_outputs=2, axis=1)
        _, backward = op.split(op.gather(x, constant(0), axis=0), num_outputs=2, axis=1)
        return op.concat([forward, backward], axis=1)


def _max(x: Var, inside: Var, lengths: Var) -> Var:
    return op.reduce_max(op.where(inside, x, _number(-np.inf)), constant(_TIME), keepdims=0)


def _mean(x: Var, inside: Var, lengths: Var) -> Var:
    counted = op.unsqueeze(op.cast(lengths, to=np.float32), constant([1]))
    return op.div(_sum(op.where(inside, x, _number(0))), counted)


def _attended(x: Var, scores: Var, inside: Var) -> Var:
    """Mean of the steps by the softmax of `scores [time, batch, 1]`."""
    scores = op.where(inside, scores, _number(-np.inf))
    weights = op.exp(op.sub(scores, op.reduce_max(scores, constant(_TIME), keepdims=1)))
    # What lies past a row's end may be anything, and zero times anything need not be zero.
    mixed = _sum(op.mul(op.where(inside, x, _number(0)), weights))
    return op.div(mixed, _sum(weights))


def _sum(x: Var) -> Var:
    return op.reduce_sum(x, constant(_TIME), keepdims=0)


def _number(value: float) -> Var:
    return constant(value, np.float32)
