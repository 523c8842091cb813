"""A language model as graph pieces: packed state, prompt, one step, logits.

Inside the graph everything is time-major, `[time, batch, …]`; a state is `[1, batch, width]`, tokens are
`[time, batch, 1]`; one loop turn goes without the axis of time where it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export import traced
from seqtools.export.cells import Lowered, State
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Embedding, Linear, array, lower_norm
from seqtools.loader import cell as cell_spec
from seqtools.plugin import resolve


class LoweredLanguageModel:
    """The pieces of one `seqtools.nn.language_model.LanguageModel`.

    Attributes:
        vocab: number of tokens.
        size: number of weights.
        state_width: columns of the packed state: a count, then every layer's states in order.
        top_width: columns of the top layer's outputs.
    """

    def __init__(self, context: Context, network: Any) -> None:
        self.context = context
        layers = list(network.stack.layers)
        embedding = None if network.embedding is None else array(network.embedding.weight)
        self.vocab = int(network.head.bias.shape[0])
        table = self._foldable(embedding, layers[0])
        self._embedding = None if table is not None else Embedding(context, "embedding", _given(embedding))
        self._layers: list[Any] = [
            lower_layer(context, layer, f"layers.{i}", table if i == 0 else None)
            for i, layer in enumerate(layers)
        ]
        between = enumerate(network.stack.between)
        self._between = [lower_norm(context, norm, f"between.{i}") for i, norm in between]
        self._head = _head(context, network.head)
        self._widths = [[int(layer.width)] * len(layer.states) for layer in layers]
        self._initial = _initial(context, layers)
        self.size = sum(parameter.numel() for parameter in network.parameters())
        self.state_width = 1 + sum(map(sum, self._widths))
        self.top_width = self._widths[-1][0]

    def _foldable(self, embedding: Array | None, layer: Any) -> Array | None:
        """What to fold with the first layer's input weights: where the table is smaller to read and keep."""
        if embedding is None:
            return np.eye(self.vocab, dtype=np.float32)
        # A table stays float32; next to int8 weights a value of it costs four of theirs.
        cost = self.vocab * (4 if self.context.int8 else 1)
        return embedding if cost <= embedding.shape[1] + layer.width else None

    def unpack(self, state: Var) -> tuple[Var, list[State]]:
        """Packed `[batch, state_width]` -> tokens seen `[batch, 1]` and each layer's states.

        A row that has seen nothing starts from the learned initial state, if the network has one.
        """
        sizes = [1, *(w for layer in self._widths for w in layer)]
        seen, *parts = op.split(state, constant(sizes), axis=1)
        if self._initial is not None:
            fresh = op.equal(seen, constant(0, np.float32))
            parts = [op.where(fresh, start, part) for start, part in zip(self._initial, parts, strict=True)]
        lifted = iter([op.unsqueeze(part, constant([0])) for part in parts])
        return seen, [[next(lifted) for _ in layer] for layer in self._widths]

    def pack(self, seen: Var, states: Sequence[State]) -> Var:
        """The inverse of `unpack`."""
        flat = [op.squeeze(part, constant([0])) for layer in states for part in layer]
        return op.concat([seen, *flat], axis=1)

    def prompt(self, tokens: Var, lengths: Var, states: Sequence[State]) -> tuple[Var, list[State]]:
        """Run over `tokens [time, batch, 1]` of which `lengths [batch]` count.

        Returns:
            The top layer's outputs `[time, batch, width]` for `logits`, and every layer's last states.
        """
        x, last = self._embed(tokens), []
        for layer, between, state in zip(self._layers, self._between, states, strict=True):
            y, new = layer.sequence(x, lengths, state)
            x = y if between is None else between(y)
            last.append(new)
        return y, last

    def enter(self, states: Sequence[State]) -> list[State]:
        """States as `step` wants them: without the first axis where a layer can do without."""
        return self._each_flat(states, op.squeeze)

    def leave(self, states: Sequence[State]) -> list[State]:
        """The inverse of `enter`."""
        return self._each_flat(states, op.unsqueeze)

    def _each_flat(self, states: Sequence[State], change: Callable[[Var, Var], Var]) -> list[State]:
        return [
            [change(part, constant([0])) if _flat(layer) else part for part in state]
            for layer, state in zip(self._layers, states, strict=True)
        ]

    def step(self, token: Var, states: Sequence[State]) -> list[State]:
        """Feed one token a row, `[batch]`; states as `enter` gives them."""
        flat, last = self._embedding is None and _flat(self._layers[0]), []
        x = token if flat else self._embed(op.unsqueeze(token, constant([0, 2])))
        for i, (layer, state) in enumerate(zip(self._layers, states, strict=True)):
            if _flat(layer) != flat:
                x = op.unsqueeze(x, constant([0])) if flat else op.squeeze(x, constant([0]))
            flat = _flat(layer)
            last.append(layer.flat_step(x, state) if flat else layer.step(x, state))
            x = self._normed(i, last[-1][0])
        return last

    def _normed(self, i: int, x: Var) -> Var:
        norm = self._between[i]
        return x if norm is None else norm(x)

    def next_log_probs(self, states: Sequence[State]) -> Var:
        """Log-probabilities `[batch, vocab]` of what follows states as `step` gives them."""
        top = states[-1][0]
        return self.log_probs(top if _flat(self._layers[-1]) else op.squeeze(top, constant([0])))

    def log_probs(self, top: Var) -> Var:
        """Log-probabilities `[rows, vocab]` of what follows top outputs `[rows, width]`."""
        return op.log_softmax(self._head(self._normed(-1, top)), axis=-1)

    def _embed(self, tokens: Var) -> Var:
        return tokens if self._embedding is None else self._embedding(tokens)


def _flat(layer: Any) -> bool:
    return getattr(layer, "flat", False)


def lower_layer(context: Context, layer: Any, name: str, embedding: Array | None) -> Lowered:
    """The lowering a cell's plugin names, or its traced step where it names none."""
    spec = cell_spec(layer.cell)
    kind = resolve(spec.lowering, f"cell '{spec.name}'") if spec.lowering else traced.TracedCell
    lowered: Lowered = kind(context, layer, name, embedding)
    return lowered


class _Head:
    """Top outputs to logits; two matrices where tied widths differ."""

    def __init__(self, projection: Linear | None, output: Linear) -> None:
        self._projection, self._output = projection, output

    def __call__(self, top: Var) -> Var:
        return self._output.rows(top if self._projection is None else self._projection.rows(top))


def _head(context: Context, head: Any) -> _Head:
    between = head.projection
    projection = None if between is None else Linear(context, "head.projection", array(between.weight).T)
    return _Head(projection, Linear(context, "head", array(head.weight).T, array(head.bias)))


def _given(embedding: Array | None) -> Array:
    assert embedding is not None  # one-hot networks always fold
    return embedding


def _initial(context: Context, layers: Sequence[Any]) -> list[Var] | None:
    if all(layer.initial is None for layer in layers):
        return None
    return [
        context.weights.add(f"layers.{i}.initial.{state}", array(layer.initial[state])[None])
        for i, layer in enumerate(layers)
        for state in layer.states
    ]
