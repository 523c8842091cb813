"""The decoder as a graph piece: one step over rows of hypotheses.

States are `[1, rows, width]` throughout: each layer's, then the readout, then the coverage where the network
looks at it. The readout is a state since the next token depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import Memory, lower_attention
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Linear, array, lower_norm
from seqtools.export.network import lower_layer


class LoweredDecoder:
    """The pieces of one `seqtools.nn.decoder.Decoder`.

    Attributes:
        attention: its lowered attention.
        widths: of every state but the coverage.
        covers: whether the coverage is a state.
    """

    def __init__(self, context: Context, decoder: Any) -> None:
        config = self._config = decoder.config
        trained = list(decoder.layers)
        self._layers = [lower_layer(context, layer, f"decoder.{i}", None) for i, layer in enumerate(trained)]
        self._kinds = [len(layer.states) for layer in trained]
        self._norms = [
            lower_norm(context, norm, f"decoder.norm.{i}") for i, norm in enumerate(decoder.between)
        ]
        self._attends, self._early = bool(decoder.attends), bool(decoder.early)
        weight, top = array(decoder.readout.weight).T, config.width
        split = top + int(decoder.attention.width)
        foldable = None if self._early or not self._attends else weight[top:split]
        self.attention = lower_attention(context, config.attention, decoder.attention, foldable)
        kept = np.concatenate([weight[:top], weight[split:]]) if self.attention.folded else weight
        self._readout = Linear(context, "readout", np.ascontiguousarray(kept), array(decoder.readout.bias))
        self._bridge = _bridge(context, decoder.bridge)
        self.covers = bool(config.coverage) and self._attends
        self.widths = [config.width] * sum(self._kinds) + [int(decoder.readout_width)]

    def start(self, summary: Var) -> list[Var]:
        """States `[1, batch, width]` before the first step, coverage left out; `summary [batch, width]`."""
        batch = op.slice(op.shape(summary), constant([0]), constant([1]))

        def zeros(width: int) -> Var:
            shape = op.concat([constant([1]), batch, constant([width])], axis=0)
            return op.expand(constant([[[0.0]]], np.float32), shape)

        if self._bridge is None:
            return [zeros(width) for width in self.widths]
        given = op.tanh(self._bridge(op.unsqueeze(summary, constant([0]))))
        count = len(self.widths) - 1
        parts = [given] if count == 1 else op.split(given, constant(self.widths[:-1]), axis=2)
        return [*parts, zeros(self.widths[-1])]

    def step(self, x: Var, states: Sequence[Var], memory: Memory) -> tuple[list[Var], Var]:
        """Feed one embedded token a row, `[1, rows, input]`.

        Returns:
            The new states, and where the step looked, `[1, rows, source]`.
        """
        config, count = self._config, sum(self._kinds)
        readout, coverage = states[count], states[count + 1] if self.covers else None
        given = [x, readout] if config.input_feeding else [x]
        context, weights = None, None
        if not self._attends:
            context, weights = self.attention(x, memory, None)
            given.append(context)
        output, new, taken = _joined(given), [], 0
        for depth, (layer, norm) in enumerate(zip(self._layers, self._norms, strict=True)):
            below = output
            if depth and self._early and context is not None:
                below = _joined([output, context])
            state = layer.step(below, states[taken : taken + self._kinds[depth]])
            taken += self._kinds[depth]
            new += list(state)
            top = state[0] if norm is None else norm(state[0])
            output = op.add(output, top) if config.residual and depth else top
            if self._attends and depth == (0 if self._early else len(self._layers) - 1):
                context, weights = self.attention(output, memory, coverage)
        assert context is not None and weights is not None
        new.append(self._read_out(output, context, x))
        if coverage is not None:
            new.append(op.add(coverage, weights))
        return new, weights

    def _read_out(self, top: Var, context: Var, x: Var) -> Var:
        parts = [top] if self.attention.folded else [top, context]
        read = self._readout(_joined([*parts, x] if self._config.deep_output else parts))
        return op.tanh(op.add(read, context) if self.attention.folded else read)


def _bridge(context: Context, bridge: Any) -> Linear | None:
    if bridge is None:
        return None
    matrix: Array = array(bridge.weight).T
    return Linear(context, "bridge", matrix, array(bridge.bias))


def _joined(parts: Sequence[Var]) -> Var:
    return parts[0] if len(parts) == 1 else op.concat(parts, axis=2)
