"""The recurrent cells as graph pieces. A lowered layer has two faces over the same weights:

`sequence` runs over a whole known input, `step` one token further inside a decoding loop. Both give the
same bits, for any batch, so that chunked, stepwise and whole runs agree. That decides which operator is used:

* LSTM: ONNX `LSTM` over time; in a step the same node, or the gates spelled out where the input is a table
  row (onnxruntime's kernel and the spelled-out gates agree bitwise).
* GRU: ONNX `GRU` in both faces, or spelled out in both: its kernel rounds otherwise than separate operators.
* Elman RNN: spelled out in both; the kernel of ONNX `RNN` gives other bits for a batch of 1 than of 16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export import quantize
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.layout import GRU_ORDER, LSTM_ORDER, RNN_ORDER, reorder
from seqtools.export.linear import Array, Context, LayerNorm, Linear, array

State = Sequence[Var]
"""One layer's states, each `[1, batch, width]`, in the cell's order."""


class Lowered(Protocol):
    """What the network needs of a lowered layer.

    `x` is `[time, batch, input]`; in a folded layer, tokens `[time, batch, 1]`.
    """

    def sequence(self, x: Var, lengths: Var, state: State) -> tuple[Var, State]:
        """Outputs `[time, batch, width]` (anything past a row's length) and each row's last state."""

    def step(self, x: Var, state: State) -> State:
        """The state after one more input, `[1, batch, …]`."""


class ExplicitCell:
    """Gates spelled out: an input part, a recurrent part and their combination.

    Args:
        layer: the trained layer (`seqtools.nn.layer.RecurrentLayer`).
        name: prefix of the weights' names.
        embedding: `[vocab, input]` when the input is a token and its projection is to be folded with the
            embedding in one table `[vocab, gates * width]`; None for vectors.
    """

    order: ClassVar[tuple[int, ...]]
    keeps_recurrent_bias: ClassVar[bool] = False

    def __init__(self, context: Context, layer: Any, name: str, embedding: Array | None = None) -> None:
        self.context, self.name, self.width = context, name, int(layer.width)
        self.normalised = bool(layer.norm_cell)
        self.folded = embedding is not None
        self.w, self.r, b_ih, b_hh = (
            reorder(array(getattr(layer, part)), self.order)
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        self.biases = b_ih, b_hh
        apart = self.keeps_recurrent_bias or self.normalised
        input_bias = b_ih if apart else b_ih + b_hh
        self._recurrent = Linear(context, f"{name}.recurrent", self.r.T, b_hh if apart else None)
        self._input_norm = self._norm(layer, "norm_ih")
        self._recurrent_norm = self._norm(layer, "norm_hh")
        self._input = Linear(context, f"{name}.input", self.w.T, input_bias)
        self.table = None if embedding is None else fold(embedding, self.w, input_bias)

    def _norm(self, layer: Any, attribute: str) -> Callable[[Var], Var]:
        if not self.normalised:
            return lambda x: x
        norm, order = getattr(layer, attribute), self.order
        gain, bias = (reorder(array(part), order) for part in (norm.weight, norm.bias))
        return LayerNorm(self.context, f"{self.name}.{attribute}", gain, bias, norm.eps)

    def input_part(self, x: Var) -> Var:
        """What the input adds to the gates, `[time, batch, gates * width]`."""
        if self.table is not None:
            table = self.context.weights.add(f"{self.name}.table", self.table)
            return self._input_norm(op.gather_nd(table, x))
        return self._input_norm(self._input(x))

    def recurrent_part(self, h: Var) -> Var:
        """What the last hidden state adds to the gates."""
        return self._recurrent_norm(self._recurrent(h))

    def combine(self, given: Var, recurrent: Var, state: State) -> State:
        """The new state from both parts and the old state."""
        raise NotImplementedError

    def step(self, x: Var, state: State) -> State:
        """One explicit step."""
        return self.combine(self.input_part(x), self.recurrent_part(state[0]), state)

    def sequence(self, x: Var, lengths: Var, state: State) -> tuple[Var, State]:
        """A loop of explicit steps; rows past their length keep their state."""
        given = self.input_part(x)

        def step(part: Var, old: State) -> State:
            return self.combine(part, self.recurrent_part(old[0]), old)

        return unroll(step, given, lengths, state, self.width)


class TanhRNN(ExplicitCell):
    """Elman: `h' = tanh(x part + h part)`."""

    order = RNN_ORDER

    def combine(self, given: Var, recurrent: Var, state: State) -> State:
        """See the class."""
        return [op.tanh(op.add(given, recurrent))]


class ReluRNN(ExplicitCell):
    """Elman with `max(0, ·)` instead of tanh."""

    order = RNN_ORDER

    def combine(self, given: Var, recurrent: Var, state: State) -> State:
        """See the class."""
        return [op.relu(op.add(given, recurrent))]


class LSTM(ExplicitCell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

    order = LSTM_ORDER

    def __init__(self, context: Context, layer: Any, name: str, embedding: Array | None = None) -> None:
        super().__init__(context, layer, name, embedding)
        self._cell_norm: Callable[[Var], Var] = lambda x: x
        if self.normalised:
            norm = layer.norm_c
            gain, bias = array(norm.weight), array(norm.bias)
            self._cell_norm = LayerNorm(context, f"{name}.norm_c", gain, bias, norm.eps)

    def combine(self, given: Var, recurrent: Var, state: State) -> State:
        """`c' = f c + i g`, `h' = o tanh(c')`; one Sigmoid for the three gates that lie side by side."""
        gates, candidate = op.split(op.add(given, recurrent), constant([3 * self.width, self.width]), axis=2)
        i, o, f = op.split(op.sigmoid(gates), num_outputs=3, axis=2)
        c = op.add(op.mul(i, op.tanh(candidate)), op.mul(f, state[1]))
        return [op.mul(o, op.tanh(self._cell_norm(c))), c]

    def step(self, x: Var, state: State) -> State:
        """Spelled out where the input is a table row or gates are normalised, else the node on one step."""
        if self.folded or self.normalised:
            return super().step(x, state)
        return self._node(x, None, state)[1]

    def sequence(self, x: Var, lengths: Var, state: State) -> tuple[Var, State]:
        """One node over the whole time, unless normalised, or folded and quantised."""
        if self.normalised or (self.folded and self.context.int8):
            return super().sequence(x, lengths, state)
        y, last = self._node(x, lengths, state)
        return y, keep_empty(lengths, last, state)

    def _node(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        weights, name = self.context.weights, self.name
        lengths = None if lengths is None else op.cast(lengths, to=np.int32)
        if self.context.int8:
            bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
            matrices = quantize.quantize_columns(self.w.T), quantize.quantize_columns(self.r.T)
            y, h, c = quantize.lstm(weights, name, matrices, bias, x, lengths, state)
        else:
            y, h, c = op.lstm(*self._arguments(x), lengths, state[0], state[1], hidden_size=self.width)
        return op.squeeze(y, constant([1])), [h, c]

    def _arguments(self, x: Var) -> tuple[Var, Var, Var, Var | None]:
        """X, W, R and B of the node; folded, one-hot rows and the step's weights, transposed at loading."""
        weights, name = self.context.weights, self.name
        if self.table is None:
            bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
            return x, weights.add(f"{name}.W", self.w[None]), weights.add(f"{name}.R", self.r[None]), bias
        table, r = weights.add(f"{name}.table", self.table), weights.add(f"{name}.recurrent", self.r.T)
        depth, first = constant(self.table.shape[0]), constant([0])
        rows = op.one_hot(op.squeeze(x, constant([2])), depth, constant([0.0, 1.0], np.float32))
        return rows, op.unsqueeze(op.transpose(table), first), op.unsqueeze(op.transpose(r), first), None


class GRU(ExplicitCell):
    """Gated recurrent unit (Cho et al. 2014), torch's variant: the reset gate after the recurrent product."""

    order = GRU_ORDER
    keeps_recurrent_bias = True

    def combine(self, given: Var, recurrent: Var, state: State) -> State:
        """`n = tanh(x + r h)`, `h' = n + z (h_old - n)`."""
        sizes = constant([2 * self.width, self.width])
        given_gates, given_new = op.split(given, sizes, axis=2)
        gates, new = op.split(recurrent, sizes, axis=2)
        z, r = op.split(op.sigmoid(op.add(given_gates, gates)), num_outputs=2, axis=2)
        n = op.tanh(op.add(given_new, op.mul(r, new)))
        return [op.add(n, op.mul(z, op.sub(state[0], n)))]

    @property
    def _spelled_out(self) -> bool:
        return self.folded or self.normalised or self.context.int8

    def step(self, x: Var, state: State) -> State:
        """The GRU node on one step where the prompt uses it too."""
        return super().step(x, state) if self._spelled_out else self._node(x, None, state)[1]

    def sequence(self, x: Var, lengths: Var, state: State) -> tuple[Var, State]:
        """One GRU node over the whole time, unless folded, normalised or quantised."""
        if self._spelled_out:
            return super().sequence(x, lengths, state)
        y, last = self._node(x, op.cast(lengths, to=np.int32), state)
        return y, keep_empty(lengths, last, state)

    def _node(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        weights, name = self.context.weights, self.name
        w, r = weights.add(f"{name}.W", self.w[None]), weights.add(f"{name}.R", self.r[None])
        bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
        y, h = op.gru(x, w, r, bias, lengths, state[0], hidden_size=self.width, linear_before_reset=1)
        return op.squeeze(y, constant([1])), [h]


def unroll(
    step: Callable[[Var, State], State], x: Var, lengths: Var, state: State, width: int
) -> tuple[Var, State]:
    """A loop of steps over `x [time, batch, …]`; rows past their length keep their state.

    Returns:
        Outputs `[time, batch, width]` and the last states.
    """
    shape = op.slice(op.shape(x), constant([0]), constant([2]))

    def turn(index: Var, *old: Var) -> list[Var]:
        # Runtimes differ in whether the turn is a scalar.
        new = step(op.gather(x, op.reshape(index, constant([1])), axis=0), old)
        alive = op.unsqueeze(op.less(index, lengths), constant([0, 2]))
        kept = [op.where(alive, after, before) for after, before in zip(new, old, strict=True)]
        return [*kept, kept[0]]

    *last, outputs = repeat(op.gather(shape, constant(0)), list(state), turn)
    return op.reshape(outputs, op.concat([shape, constant([width])], axis=0), allowzero=1), last


def fold(embedding: Array, w: Array, bias: Array) -> Array:
    """Embedding times input weights plus bias as one table `[vocab, gates * width]`, summed in double."""
    table: Array = (embedding.astype(np.float64) @ w.T.astype(np.float64) + bias).astype(np.float32)
    return table


def keep_empty(lengths: Var, new: State, old: State) -> State:
    """The old state for rows of length 0, where the kernels leave garbage in their last state."""
    empty = op.unsqueeze(op.equal(lengths, constant(0)), constant([0, 2]))
    return [op.where(empty, before, after) for before, after in zip(old, new, strict=True)]
