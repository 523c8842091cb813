"""Attention as graph pieces: the source's side once a sentence, the query's side in every step.

What depends on the source alone, keys and values side by side, is one matrix product over the encoder's
outputs and makes the array `encoded [batch, source, width]` that a host may keep between runs. It is never
tiled: `rows` queries, sentence by sentence, meet the keys of their sentence as `[batch, rows / batch, …]`.

Where contexts go nowhere but into the readout, the readout's matrix is multiplied into the values: mixing
readouts of positions is the same as reading out a mixture, and costs a step next to nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Linear, array

_MASKED = -1e9


@dataclass(frozen=True)
class Memory:
    """The source's side, laid out for the queries.

    Attributes:
        keys, values: as the kind wants them.
        bias: 0 where the source has a token, else -1e9, `[batch, 1, source]`.
        batch: number of sentences, int64 `[1]`.  source: number of positions, int64 `[1]`.
    """

    keys: Var
    values: Var
    bias: Var
    batch: Var
    source: Var

    def grouped(self, x: Var, *tail: int | Var) -> Var:
        """`[1, rows, …]` -> `[batch, rows / batch, *tail]`."""
        sizes = [constant([size]) if isinstance(size, int) else size for size in tail]
        return op.reshape(x, op.concat([self.batch, constant([-1]), *sizes], axis=0))


class LoweredAttention(Protocol):
    """What the decoder needs of a kind of attention.

    Attributes:
        encoded_width: values a position takes in `encoded`.
        folded: whether contexts come as their part of the readout.
    """

    encoded_width: int
    folded: bool

    def encode(self, memory: Var, summary: Var) -> Var:
        """`encoded [batch, source, width]` of encoder outputs `[batch, source, memory]`."""

    def open(self, encoded: Var, lengths: Var) -> Memory:
        """What queries meet; `lengths [batch]` positions of each sentence count."""

    def __call__(self, query: Var, memory: Memory, coverage: Var | None) -> tuple[Var, Var]:
        """Contexts `[1, rows, width]` of queries `[1, rows, query]`; mean weights `[1, rows, source]`."""


class _Attention:
    """Base of the kinds: one projection of the source, scores, softmax, a weighted mean.

    Args:
        attention: the trained module.
        readout: `[context, readout]`, the readout's matrix for contexts if it may be folded, else None.
    """

    def __init__(self, context: Context, attention: Any, readout: Array | None) -> None:
        self._context, self._module = context, attention
        self.heads = int(attention.heads)
        self.folded = readout is not None and self.heads == 1
        width = int(attention.memory_width)
        keys = self._key_matrix()
        values = array(attention.value.weight).T if hasattr(attention, "value") else None
        if readout is not None and self.folded:
            values = readout if values is None else values @ readout
        self._widths = [width if part is None else part.shape[1] for part in (keys, values)]
        self.encoded_width = sum(self._widths)
        bias = self._key_bias()
        self._both: Linear | None = None
        self._keys: Linear | None = None
        self._values: Linear | None = None
        if keys is not None and values is not None:
            whole = None if bias is None else np.concatenate([bias, np.zeros(self._widths[1], np.float32)])
            self._both = Linear(context, "attention.source", np.concatenate([keys, values], axis=1), whole)
        elif keys is not None:
            self._keys = Linear(context, "attention.keys", keys, bias)
        elif values is not None:
            self._values = Linear(context, "attention.values", values)

    def _key_matrix(self) -> Array | None:
        return array(self._module.key.weight).T

    def _key_bias(self) -> Array | None:
        bias = getattr(getattr(self._module, "key", None), "bias", None)
        return None if bias is None else array(bias)

    def encode(self, memory: Var, summary: Var) -> Var:
        """See the protocol."""
        if self._both is not None:
            return self._both(memory)
        parts = [part(memory) if part is not None else memory for part in (self._keys, self._values)]
        return op.concat(parts, axis=2)

    def open(self, encoded: Var, lengths: Var) -> Memory:
        """See the protocol."""
        keys, values = op.split(encoded, constant(self._widths), axis=2)
        shape = op.shape(encoded)
        batch, source = (op.slice(shape, constant([i]), constant([i + 1])) for i in (0, 1))
        position = op.range(constant(0), op.squeeze(source), constant(1))
        inside = op.less(position, op.unsqueeze(lengths, constant([1, 2])))
        bias = op.where(inside, constant(0, np.float32), constant(_MASKED, np.float32))
        return Memory(self._laid_keys(keys), self._laid_values(values), bias, batch, source)

    def _laid_keys(self, keys: Var) -> Var:
        """`[batch, width, source]`."""
        return op.transpose(keys, perm=(0, 2, 1))

    def _laid_values(self, values: Var) -> Var:
        return values

    def __call__(self, query: Var, memory: Memory, coverage: Var | None) -> tuple[Var, Var]:
        """See the protocol."""
        weights = op.softmax(op.add(self._scores(query, memory, coverage), memory.bias), axis=-1)
        mixed = op.matmul(weights, memory.values)
        context = op.reshape(mixed, constant([1, -1, self._widths[1]]))
        return context, _rows(weights, memory)

    def _scores(self, query: Var, memory: Memory, coverage: Var | None) -> Var:
        """`[batch, rows / batch, source]`."""
        scores = op.matmul(memory.grouped(query, self._widths[0]), memory.keys)
        if coverage is None:
            return scores
        weight = float(array(self._module.spread.weight)[0])
        return op.add(scores, op.mul(memory.grouped(coverage, memory.source), constant(weight, np.float32)))


class Dot(_Attention):
    """`q . m` (Luong et al. 2015)."""

    def _key_matrix(self) -> Array | None:
        return None


class General(_Attention):
    """`q . W m` (Luong et al. 2015)."""


class ScaledDot(_Attention):
    """Heads of `Q q . K m / sqrt(head width)` (Vaswani et al. 2017)."""

    def __init__(self, context: Context, attention: Any, readout: Array | None) -> None:
        super().__init__(context, attention, readout)
        self._inner = int(attention.inner)
        self._query = Linear(context, "attention.query", array(attention.query.weight).T)

    def _key_matrix(self) -> Array | None:
        inner = int(self._module.inner)
        scale = np.float32(1 / math.sqrt(inner // self._module.heads))
        return array(self._module.key.weight).T * scale

    def _laid_keys(self, keys: Var) -> Var:
        """`[batch, heads, width / heads, source]`."""
        return op.transpose(self._split(keys), perm=(0, 2, 3, 1))

    def _laid_values(self, values: Var) -> Var:
        """`[batch, heads, source, width / heads]`, or as they are with one head."""
        return values if self.heads == 1 else op.transpose(self._split(values), perm=(0, 2, 1, 3))

    def _split(self, x: Var) -> Var:
        shape = op.slice(op.shape(x), constant([0]), constant([2]))
        sizes = constant([self.heads, self._inner // self.heads])
        return op.reshape(x, op.concat([shape, sizes], axis=0), allowzero=1)

    def __call__(self, query: Var, memory: Memory, coverage: Var | None) -> tuple[Var, Var]:
        """See the protocol."""
        asked = memory.grouped(self._query(query), self.heads, self._inner // self.heads)
        scores = op.matmul(op.transpose(asked, perm=(0, 2, 1, 3)), memory.keys)
        if coverage is not None:
            weight = self._context.weights.add(
                "attention.coverage", array(self._module.spread.weight)[:, None, None]
            )
            looked = op.unsqueeze(memory.grouped(coverage, memory.source), constant([1]))
            scores = op.add(scores, op.mul(looked, weight))
        return _mixed_heads(scores, memory, self.heads, self._widths[1])


class Additive(_Attention):
    """`v . tanh(W q + U m)` (Bahdanau et al. 2015), also of Luong's concat kind and in several heads."""

    def __init__(self, context: Context, attention: Any, readout: Array | None) -> None:
        super().__init__(context, attention, readout)
        self._inner = int(attention.inner)
        self._query = Linear(context, "attention.query", array(attention.query.weight).T)
        width = self._inner // self.heads
        # One column a head: the products of all heads, summed head by head, are one matrix product.
        columns = np.kron(np.eye(self.heads, dtype=np.float32), np.ones((width, 1), np.float32))
        self._score = context.weights.add("attention.score", array(attention.score)[:, None] * columns)

    def _laid_keys(self, keys: Var) -> Var:
        """`[batch, 1, source, width]`."""
        return op.unsqueeze(keys, constant([1]))

    def _laid_values(self, values: Var) -> Var:
        """`[batch, heads, source, width / heads]`, or as they are with one head."""
        if self.heads == 1:
            return values
        shape = op.slice(op.shape(values), constant([0]), constant([2]))
        sizes = constant([self.heads, self._widths[1] // self.heads])
        parts = op.reshape(values, op.concat([shape, sizes], axis=0), allowzero=1)
        return op.transpose(parts, perm=(0, 2, 1, 3))

    def __call__(self, query: Var, memory: Memory, coverage: Var | None) -> tuple[Var, Var]:
        """See the protocol; coverage joins inside the tanh (Tu et al. 2016)."""
        asked = memory.grouped(self._query(query), 1, self._inner)
        keys = memory.keys
        if coverage is not None:
            spread = self._context.weights.add("attention.coverage", array(self._module.spread))
            keys = op.add(keys, op.mul(memory.grouped(coverage, memory.source, 1), spread))
        scores = op.matmul(op.tanh(op.add(asked, keys)), self._score)
        scores = op.transpose(scores, perm=(0, 3, 1, 2))
        return _mixed_heads(scores, memory, self.heads, self._widths[1])


def _mixed_heads(scores: Var, memory: Memory, heads: int, width: int) -> tuple[Var, Var]:
    """Contexts `[1, rows, width]` and mean weights; `scores [batch, heads, rows / batch, source]`."""
    if heads == 1:
        weights = op.softmax(op.add(op.squeeze(scores, constant([1])), memory.bias), axis=-1)
        mixed = op.matmul(weights, memory.values)
        return op.reshape(mixed, constant([1, -1, width])), _rows(weights, memory)
    weights = op.softmax(op.add(scores, op.unsqueeze(memory.bias, constant([1]))), axis=-1)
    mixed = op.transpose(op.matmul(weights, memory.values), perm=(0, 2, 1, 3))
    context = op.reshape(mixed, constant([1, -1, width]))
    return context, _rows(op.reduce_mean(weights, constant([1]), keepdims=0), memory)


def _rows(weights: Var, memory: Memory) -> Var:
    """`[batch, rows / batch, source]` -> `[1, rows, source]`."""
    return op.reshape(weights, op.concat([constant([1, -1]), memory.source], axis=0))


class NoAttention:
    """The summary as the context of every step (Cho et al. 2014); looks nowhere."""

    folded = False

    def __init__(self, context: Context, attention: Any, readout: Array | None) -> None:
        self.encoded_width = int(attention.width)

    def encode(self, memory: Var, summary: Var) -> Var:
        """The summary at every position."""
        shape = op.slice(op.shape(memory), constant([0]), constant([2]))
        whole = op.concat([shape, constant([self.encoded_width])], axis=0)
        return op.expand(op.unsqueeze(summary, constant([1])), whole)

    def open(self, encoded: Var, lengths: Var) -> Memory:
        """The summary, `[batch, 1, width]`."""
        whole = op.slice(encoded, constant([0]), constant([1]), constant([1]))
        shape = op.shape(encoded)
        batch, source = (op.slice(shape, constant([i]), constant([i + 1])) for i in (0, 1))
        return Memory(whole, whole, whole, batch, source)

    def __call__(self, query: Var, memory: Memory, coverage: Var | None) -> tuple[Var, Var]:
        """The summaries of the rows `query [1, rows, …]`, and no weights."""
        rows = op.slice(op.shape(query), constant([1]), constant([2]))
        each = op.concat([memory.batch, op.div(rows, memory.batch), constant([1])], axis=0)
        context = op.reshape(op.expand(memory.values, each), constant([1, -1, self.encoded_width]))
        nothing = op.concat([constant([1]), rows, memory.source], axis=0)
        return context, op.expand(constant([[[0.0]]], np.float32), nothing)


_KINDS: dict[str, type[_Attention]] = {
    "dot": Dot,
    "general": General,
    "scaled_dot": ScaledDot,
    "concat": Additive,
    "additive": Additive,
    "multihead": Additive,
}


def lower_attention(context: Context, kind: str, attention: Any, readout: Array | None) -> LoweredAttention:
    """The lowering of a trained attention of this kind; `readout` as for the kinds."""
    if kind == "none":
        return NoAttention(context, attention, readout)
    return _KINDS[kind](context, attention, readout)
