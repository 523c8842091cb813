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

    `x` is `[time, batch, input]`; in a folded layer, tokens `[time, batch, 1]`. A layer that is `flat`
    also has `flat_step`, which is `step` without the first axis: on `x [batch, input]` or tokens `[batch]`,
    and states `[batch, width]`. A loop in which nothing is reshaped is faster.
    """

    def sequence(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        """Outputs `[time, batch, width]` (anything past a row's length) and each row's last state.

        Without `lengths [batch]` all steps count, of which there must be one at least; a layer that is not
        `flat` may then begin with an empty state, which stands for zeros.
        """

    def step(self, x: Var, state: State) -> State:
        """The state after one more input, `[1, batch, …]`."""


class ExplicitCell:
    """Gates spelled out: an input part, a recurrent part and their combination.

    Each gate has a matrix of its own: onnxruntime makes one node of product, sum and activation, and taking a
    wide product apart costs more than its parts do. There is one product with layer norm, which spans all
    gates, and in eight bits, where each would quantise h again.

    Args:
        layer: the trained layer (`seqtools.nn.layer.RecurrentLayer`).
        name: prefix of the weights' names.
        embedding: `[vocab, input]` when the input is a token and its projection is to be folded with the
            embedding in tables `[vocab, width]`; None for vectors.
    """

    order: ClassVar[tuple[int, ...]]
    apart: ClassVar[int] = 0
    """How many gates, the last ones, get both parts instead of their sum."""

    def __init__(self, context: Context, layer: Any, name: str, embedding: Array | None = None) -> None:
        self.context, self.name, self.width = context, name, int(layer.width)
        self.normalised = bool(layer.norm_cell)
        self.folded = embedding is not None
        self.w, self.r, b_ih, b_hh = (
            reorder(array(getattr(layer, part)), self.order)
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        self.biases = b_ih, b_hh
        self._wide = self.normalised or context.int8
        self._sums = len(self.order) - self.apart
        own = np.arange(len(b_hh)) >= (0 if self.normalised else self._sums * self.width)
        input_bias, recurrent_bias = np.where(own, b_ih, b_ih + b_hh), np.where(own, b_hh, np.float32(0))
        self._recurrent = [
            Linear(context, self._named("recurrent", i), r.T, bias if self._wide or i >= self._sums else None)
            for i, (r, bias) in enumerate(zip(self._cut(self.r), self._cut(recurrent_bias), strict=True))
        ]
        self._input_norm = self._norm(layer, "norm_ih")
        self._recurrent_norm = self._norm(layer, "norm_hh")
        self._input = [
            Linear(context, self._named("input", i), w.T, bias)
            for i, (w, bias) in enumerate(zip(self._cut(self.w), self._cut(input_bias), strict=True))
        ]
        self.table = None if embedding is None else fold(embedding, self.w, input_bias)

    def _cut(self, rows: Array) -> list[Array]:
        """Rows of all gates as they are multiplied: gate by gate, or together."""
        return np.split(rows, 1 if self._wide else len(self.order))

    def _named(self, part: str, gate: int) -> str:
        return f"{self.name}.{part}" if self._wide else f"{self.name}.{gate}.{part}"

    def _norm(self, layer: Any, attribute: str) -> Callable[[Var], Var]:
        if not self.normalised:
            return lambda x: x
        norm, order = getattr(layer, attribute), self.order
        gain, bias = (reorder(array(part), order) for part in (norm.weight, norm.bias))
        return LayerNorm(self.context, f"{self.name}.{attribute}", gain, bias, norm.eps)

    def tables(self) -> list[Var]:
        """The folded table, cut as the gates are: `[vocab, width]` each, or one wide."""
        assert self.table is not None
        return [
            self.context.weights.add(self._named("table", i), part.T)
            for i, part in enumerate(self._cut(self.table.T))
        ]

    def input_parts(self, x: Var) -> list[Var]:
        """What the input adds to each product of gates: `x [rows, input]` or tokens of any shape."""
        if self.folded:
            parts = [op.gather(table, x) for table in self.tables()]
        else:
            parts = [linear.rows(x) for linear in self._input]
        return [self._input_norm(part) for part in parts]

    def gates(self, given: Sequence[Var], h: Var) -> list[Var]:
        """The sum for each gate; both parts for those `apart`. `given` `[batch, …]`, `h` `[batch, width]`."""
        if not self._wide:
            products = [
                linear.rows(h, part if i < self._sums else None)
                for i, (linear, part) in enumerate(zip(self._recurrent, given, strict=True))
            ]
            return [*products[: self._sums], *given[self._sums :], *products[self._sums :]]
        parts, kept = [given[0], self._recurrent_norm(self._recurrent[0].rows(h))], []
        if self.apart:
            sizes = constant([self._sums * self.width, self.apart * self.width])
            (given_sums, given_own), (sums, own) = (op.split(part, sizes, axis=-1) for part in parts)
            parts, kept = [given_sums, sums], [given_own, own]
        total = op.add(*parts)
        return [*([total] if self._sums == 1 else op.split(total, num_outputs=self._sums, axis=-1)), *kept]

    def combine(self, gates: Sequence[Var], state: State) -> State:
        """The new state from the gates' sums and the old state, all `[batch, width]`."""
        raise NotImplementedError

    @property
    def flat(self) -> bool:
        """Whether a step is spelled out at all; see `Lowered`."""
        return True

    def flat_step(self, x: Var, state: State) -> State:
        """One explicit step: `x [batch, input]` or tokens `[batch]`, states `[batch, width]`."""
        return self.combine(self.gates(self.input_parts(x), state[0]), state)

    def step(self, x: Var, state: State) -> State:
        """One explicit step."""
        x = op.squeeze(x, constant([0, 2] if self.folded else [0]))
        new = self.flat_step(x, [op.squeeze(part, constant([0])) for part in state])
        return [op.unsqueeze(part, constant([0])) for part in new]

    def sequence(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        """A loop of explicit steps; rows past their length keep their state."""
        if self.folded:
            given = self.input_parts(op.squeeze(x, constant([2])))
        else:
            parts = self.input_parts(op.reshape(x, constant([-1, self.w.shape[1]])))
            given = [over_time(part, x, len(self.w) // len(parts)) for part in parts]

        def step(parts: Sequence[Var], old: State) -> State:
            return self.combine(self.gates(parts, old[0]), old)

        return unroll(step, given, lengths, state, self.width)


class TanhRNN(ExplicitCell):
    """Elman: `h' = tanh(x part + h part)`."""

    order = RNN_ORDER

    def combine(self, gates: Sequence[Var], state: State) -> State:
        """See the class."""
        return [op.tanh(gates[0])]


class ReluRNN(ExplicitCell):
    """Elman with `max(0, ·)` instead of tanh."""

    order = RNN_ORDER

    def combine(self, gates: Sequence[Var], state: State) -> State:
        """See the class."""
        return [op.relu(gates[0])]


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

    @property
    def flat(self) -> bool:
        """Spelled out where the input is a table row or gates are normalised."""
        return self.folded or self.normalised

    def combine(self, gates: Sequence[Var], state: State) -> State:
        """`c' = f c + i g`, `h' = o tanh(c')`."""
        i, o, f = (op.sigmoid(gate) for gate in gates[:3])
        c = op.add(op.mul(i, op.tanh(gates[3])), op.mul(f, state[1]))
        return [op.mul(o, op.tanh(self._cell_norm(c))), c]

    def step(self, x: Var, state: State) -> State:
        """The node on one step where `flat` is false."""
        return super().step(x, state) if self.flat else self._node(x, None, state)[1]

    def sequence(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        """One node over the whole time, unless normalised, or folded and quantised."""
        if self.normalised or (self.folded and self.context.int8):
            return super().sequence(x, lengths, state)
        y, last = self._node(x, lengths, state)
        return y, last if lengths is None else keep_empty(lengths, last, state)

    def _node(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        weights, name = self.context.weights, self.name
        lengths = None if lengths is None else op.cast(lengths, to=np.int32)
        if self.context.int8:
            bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
            matrices = quantize.quantize_columns(self.w.T), quantize.quantize_columns(self.r.T)
            y, h, c = quantize.lstm(weights, name, matrices, bias, x, lengths, state)
        else:
            first, second = state or (None, None)
            y, h, c = op.lstm(*self._arguments(x), lengths, first, second, hidden_size=self.width)
        return op.squeeze(y, constant([1])), [h, c]

    def _arguments(self, x: Var) -> tuple[Var, Var, Var, Var | None]:
        """X, W, R and B of the node; folded, one-hot rows and the step's weights, put together at loading."""
        weights, name = self.context.weights, self.name
        if self.table is None:
            bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
            return x, weights.add(f"{name}.W", self.w[None]), weights.add(f"{name}.R", self.r[None]), bias
        depth = constant(self.table.shape[0])
        rows = op.one_hot(op.squeeze(x, constant([2])), depth, constant([0.0, 1.0], np.float32))
        matrices = self.tables(), [linear.matrix() for linear in self._recurrent]
        w, r = (op.unsqueeze(op.transpose(op.concat(parts, axis=1)), constant([0])) for parts in matrices)
        return rows, w, r, None


class GRU(ExplicitCell):
    """Gated recurrent unit (Cho et al. 2014), torch's variant: the reset gate after the recurrent product."""

    order = GRU_ORDER
    apart = 1

    def combine(self, gates: Sequence[Var], state: State) -> State:
        """`n = tanh(x + r h)`, `h' = n + z (h_old - n)`."""
        z, r = (op.sigmoid(gate) for gate in gates[:2])
        n = op.tanh(op.add(gates[2], op.mul(r, gates[3])))
        return [op.add(n, op.mul(z, op.sub(state[0], n)))]

    @property
    def flat(self) -> bool:
        """Not where the GRU node serves: for vectors, neither normalised nor quantised."""
        return self.folded or self.normalised or self.context.int8

    def step(self, x: Var, state: State) -> State:
        """The GRU node on one step where the prompt uses it too."""
        return super().step(x, state) if self.flat else self._node(x, None, state)[1]

    def sequence(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        """One GRU node over the whole time, unless folded, normalised or quantised."""
        if self.flat:
            return super().sequence(x, lengths, state)
        y, last = self._node(x, lengths, state)
        return y, last if lengths is None else keep_empty(lengths, last, state)

    def _node(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        weights, name = self.context.weights, self.name
        lengths = None if lengths is None else op.cast(lengths, to=np.int32)
        w, r = weights.add(f"{name}.W", self.w[None]), weights.add(f"{name}.R", self.r[None])
        bias = weights.add(f"{name}.bias", np.concatenate(self.biases)[None])
        start = state[0] if state else None
        y, h = op.gru(x, w, r, bias, lengths, start, hidden_size=self.width, linear_before_reset=1)
        return op.squeeze(y, constant([1])), [h]


def unroll(
    step: Callable[[Sequence[Var], State], State],
    given: Sequence[Var],
    lengths: Var | None,
    state: State,
    width: int,
) -> tuple[Var, State]:
    """A loop of flat steps over each `[time, batch, …]` of `given`; rows past their length keep their state.

    Returns:
        Outputs `[time, batch, width]` and the last states.
    """

    def turn(index: Var, *old: Var) -> list[Var]:
        # Runtimes differ in whether the turn is a scalar.
        now = op.reshape(index, constant([]))
        new = step([op.gather(part, now, axis=0) for part in given], old)
        if lengths is None:
            return [*new, new[0]]
        alive = op.unsqueeze(op.less(now, lengths), constant([1]))
        kept = [op.where(alive, after, before) for after, before in zip(new, old, strict=True)]
        return [*kept, kept[0]]

    start = [op.squeeze(part, constant([0])) for part in state]
    *last, outputs = repeat(op.gather(op.shape(given[0]), constant(0)), start, turn)
    return over_time(outputs, given[0], width), [op.unsqueeze(part, constant([0])) for part in last]


def over_time(rows: Var, like: Var, width: int) -> Var:
    """Any array of so many values as `[time, batch, width]`; time and batch from `like [time, batch, …]`."""
    shape = op.slice(op.shape(like), constant([0]), constant([2]))
    return op.reshape(rows, op.concat([shape, constant([width])], axis=0), allowzero=1)


def fold(embedding: Array, w: Array, bias: Array) -> Array:
    """Embedding times input weights plus bias as one table `[vocab, gates * width]`, summed in double."""
    table: Array = (embedding.astype(np.float64) @ w.T.astype(np.float64) + bias).astype(np.float32)
    return table


def keep_empty(lengths: Var, new: State, old: State) -> State:
    """The old state for rows of length 0, where the kernels leave garbage in their last state."""
    empty = op.unsqueeze(op.equal(lengths, constant(0)), constant([0, 2]))
    return [op.where(empty, before, after) for before, after in zip(old, new, strict=True)]
