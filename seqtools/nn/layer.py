"""One recurrent layer in one direction: a cell and its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqtools.loader import cell as cell_spec
from seqtools.nn import fused, init
from seqtools.nn.cell import Cell, State, Weights, unroll

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class RecurrentLayer(nn.Module):
    """A cell run over time.

    Args:
        cell: registered name, e.g. `lstm.v1`.
        input_width, width: values in and out of each step.
        norm_cell: layer norm on both pre-activations, and on c of an LSTM (Ba et al. 2016); slower, since
            the fused kernel cannot do it.
        learned_state: learn the state that sequences start from.
        forget_bias: where the forget gate's bias starts (Jozefowicz et al. 2015 want 1).
        scheme: `orthogonal` or `uniform` recurrent weights.
        dropout_weight: DropConnect on `weight_hh` (Merity et al. 2017), one mask per call.
        one_hot: the input is one-hot.
    """

    def __init__(
        self,
        cell: str,
        input_width: int,
        width: int,
        *,
        norm_cell: bool = False,
        learned_state: bool = False,
        forget_bias: float = 1.0,
        scheme: str = "orthogonal",
        dropout_weight: float = 0.0,
        one_hot: bool = False,
    ) -> None:
        super().__init__()
        self.cell, self.input_width, self.width = cell, input_width, width
        self.norm_cell, self.dropout_weight = norm_cell, dropout_weight
        self.kind: type[Cell] = cell_spec(cell).load()
        self.states = self.kind.states
        rows = self.kind.gates * width
        self.weight_ih = nn.Parameter(torch.empty(rows, input_width))
        self.weight_hh = nn.Parameter(torch.empty(rows, width))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))
        init.input_(self.weight_ih, width, one_hot=one_hot)
        if norm_cell:
            self.norm_ih, self.norm_hh = nn.LayerNorm(rows), nn.LayerNorm(rows)
            if self.kind.norms_c:
                self.norm_c = nn.LayerNorm(width)
        with torch.no_grad():
            init.recurrent_(self.weight_hh, scheme)
            if self.kind.forget_gate >= 0:
                # What a norm comes after it would take away from the other gates.
                last = self.norm_ih.bias if norm_cell else self.bias_ih
                last.view(-1, width)[self.kind.forget_gate] = forget_bias
        self.initial: nn.ParameterDict | None = None
        if learned_state:
            self.initial = nn.ParameterDict({name: nn.Parameter(torch.zeros(width)) for name in self.states})

    def start(self, batch: int) -> State:
        """The state before anything was read, each `[batch, width]`."""
        if self.initial is None:
            return tuple(self.weight_hh.new_zeros(batch, self.width) for _ in self.states)
        return tuple(self.initial[name].expand(batch, -1) for name in self.states)

    def forward(
        self, x: Float[Tensor, "time batch input"], state: State, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "time batch width"], State]:
        """Outputs and the last state; past a row's length its output is zero and its state stays."""
        weights = self.weights()
        if not self.norm_cell:
            return self.kind.run(x, state, weights, lengths)
        given = self.norm_ih(nn.functional.linear(x, weights.weight_ih, weights.bias_ih))
        return unroll(given, state, lambda part, old: self._normed_step(part, old, weights), lengths)

    def stepper(self) -> Callable[[Tensor, State], State]:
        """A function `(x [batch, input], state) -> state` for single steps; weights are dropped out once."""
        weights, linear = self.weights(), nn.functional.linear

        def step(x: Tensor, state: State) -> State:
            given = linear(x, weights.weight_ih, weights.bias_ih)
            if self.norm_cell:
                return self._normed_step(self.norm_ih(given), state, weights)
            return self.kind.step(given, linear(state[0], weights.weight_hh, weights.bias_hh), state)

        return step

    def weights(self) -> Weights:
        """The parameters, `weight_hh` dropped out while training.

        The dropped matrix is a value of this call and no attribute: fused kernels take it as any other
        weight, and the gradient goes to the raw parameter.
        """
        hidden: Tensor = self.weight_hh
        if self.training and self.dropout_weight:
            hidden = nn.functional.dropout(hidden, self.dropout_weight)
        weights = Weights(self.weight_ih, hidden, self.bias_ih, self.bias_hh)
        return fused.in_one_buffer(weights) if hidden.is_cuda and hidden is not self.weight_hh else weights

    def _normed_step(self, given: Tensor, state: State, weights: Weights) -> State:
        hidden = self.norm_hh(nn.functional.linear(state[0], weights.weight_hh, weights.bias_hh))
        step: Any = self.kind.step
        new: State = step(given, hidden, state, *([self.norm_c] if self.kind.norms_c else []))
        return new

    def _apply(self, fn: Any, recurse: bool = True) -> RecurrentLayer:
        """Move or cast, then lay the weights out in the one buffer that cuDNN wants."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        fused.flatten_(self.kind.kernel, Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))
        return self

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"{self.cell}, {self.input_width} -> {self.width}"
