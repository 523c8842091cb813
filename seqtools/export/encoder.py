"""Encoders as graph pieces: each layer one recurrent node over the whole source, or self-attention."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, LayerNorm, Linear, array, lower_norm
from seqtools.export.reader import Reader

_MASKED = -1e9


class Reading(NamedTuple):
    """What an encoder gives: outputs `[batch, source, width]` and the whole source in `[batch, width]`."""

    memory: Var
    summary: Var


class RecurrentEncoder:
    """A reader; its summary is where its directions ended, or the mean of what it gave."""

    def __init__(self, context: Context, encoder: Any) -> None:
        self._last = encoder.config.bridge == "last"
        self._reader = Reader(context, encoder, "encoder", residual=encoder.config.residual)

    def __call__(self, x: Var, lengths: Var) -> Reading:
        """Read embedded tokens `[source, batch, input]` of which `lengths [batch]` count."""
        y, ends = self._reader(x, lengths)
        memory = op.transpose(y, perm=(1, 0, 2))
        return Reading(memory, op.concat(ends, axis=1) if self._last else mean(memory, lengths))


def mean(memory: Var, lengths: Var) -> Var:
    """Mean over each row's own positions, `[batch, width]`."""
    inside = op.cast(op.unsqueeze(_inside(memory, lengths), constant([2])), to=np.float32)
    # One at least: a row that counts nothing is not read.
    counted = op.cast(op.max([op.unsqueeze(lengths, constant([1])), constant([1])]), to=np.float32)
    return op.div(op.reduce_sum(op.mul(memory, inside), constant([1]), keepdims=0), counted)


def _inside(memory: Var, lengths: Var) -> Var:
    """Which positions count, bool `[batch, source]`."""
    time = op.squeeze(op.slice(op.shape(memory), constant([1]), constant([2])))
    position = op.range(constant(0), time, constant(1))
    return op.less(position, op.unsqueeze(lengths, constant([1])))


class TransformerEncoder:
    """Self-attention layers over tokens and positions (Vaswani et al. 2017), pre-norm."""

    def __init__(self, context: Context, encoder: Any) -> None:
        self._config, self.width = encoder.config, int(encoder.width)
        self._project = Linear(context, "encoder.project", *_affine(encoder.project))
        layers = encoder.stack.layers
        self._layers = [_TransformerLayer(context, layer, f"encoder.{i}") for i, layer in enumerate(layers)]
        self._norm = lower_norm(context, encoder.stack.norm, "encoder.norm")
        half = (self.width + 1) // 2
        rates = np.exp(np.arange(half, dtype=np.float32) * np.float32(-math.log(1e4) / max(half - 1, 1)))
        self._rates = context.weights.add("encoder.rates", rates.astype(np.float32))

    def __call__(self, x: Var, lengths: Var) -> Reading:
        """Read embedded tokens `[source, batch, input]` of which `lengths [batch]` count."""
        x = self._project(op.transpose(x, perm=(1, 0, 2)))
        inside = _inside(x, lengths)
        x = op.add(x, self._positions(x))
        bias = op.where(inside, constant(0, np.float32), constant(_MASKED, np.float32))
        bias = op.unsqueeze(bias, constant([1, 2]))
        for layer in self._layers:
            x = layer(x, bias)
        memory = x if self._norm is None else self._norm(x)
        if self._config.bridge != "last":
            return Reading(memory, mean(memory, lengths))
        last = op.equal(
            op.cumsum(op.cast(inside, to=np.int64), constant(1)), op.unsqueeze(lengths, constant([1]))
        )
        # The last position is the only one inside that has counted all.
        only = op.cast(op.unsqueeze(op.and_(last, inside), constant([2])), to=np.float32)
        return Reading(memory, op.reduce_sum(op.mul(memory, only), constant([1]), keepdims=0))

    def _positions(self, x: Var) -> Var:
        """Sines, then cosines, `[source, width]`."""
        time = op.squeeze(op.slice(op.shape(x), constant([1]), constant([2])))
        steps = op.cast(op.range(constant(0), time, constant(1)), to=np.float32)
        angles = op.mul(op.unsqueeze(steps, constant([1])), self._rates)
        both = op.concat([op.sin(angles), op.cos(angles)], axis=1)
        return op.slice(both, constant([0]), constant([self.width]), constant([1]))


class _TransformerLayer:
    """Self-attention and a feed-forward part, each normalised before and added after."""

    def __init__(self, context: Context, layer: Any, name: str) -> None:
        self._heads, self._width = int(layer.heads), int(layer.norm_attention.normalized_shape[0])
        matrix, bias = _affine(layer.query_key_value)
        # The scores' scale goes into the queries.
        scale = np.ones(3 * self._width, np.float32)
        scale[: self._width] = 1 / math.sqrt(self._width // self._heads)
        self._given = Linear(context, f"{name}.qkv", matrix * scale, bias * scale)
        self._output = Linear(context, f"{name}.output", *_affine(layer.output))
        self._widen = Linear(context, f"{name}.widen", *_affine(layer.widen))
        self._narrow = Linear(context, f"{name}.narrow", *_affine(layer.narrow))
        self._norms = [
            LayerNorm(context, f"{name}.{part}", array(norm.weight), array(norm.bias), norm.eps)
            for part, norm in (("norm1", layer.norm_attention), ("norm2", layer.norm_feedforward))
        ]

    def __call__(self, x: Var, bias: Var) -> Var:
        """`x [batch, source, width]`; `bias [batch, 1, 1, source]` shuts padding out."""
        x = op.add(x, self._attended(self._norms[0](x), bias))
        return op.add(x, self._narrow(op.relu(self._widen(self._norms[1](x)))))

    def _attended(self, x: Var, bias: Var) -> Var:
        shape = op.slice(op.shape(x), constant([0]), constant([2]))
        split = op.concat([shape, constant([3, self._heads, self._width // self._heads])], axis=0)
        parts = op.transpose(op.reshape(self._given(x), split, allowzero=1), perm=(2, 0, 3, 1, 4))
        query, key, value = (op.squeeze(part, constant([0])) for part in op.split(parts, num_outputs=3))
        scores = op.add(op.matmul(query, op.transpose(key, perm=(0, 1, 3, 2))), bias)
        mixed = op.transpose(op.matmul(op.softmax(scores, axis=-1), value), perm=(0, 2, 1, 3))
        return self._output(
            op.reshape(mixed, op.concat([shape, constant([self._width])], axis=0), allowzero=1)
        )


def _affine(linear: Any) -> tuple[Array, Array]:
    return array(linear.weight).T, array(linear.bias)
