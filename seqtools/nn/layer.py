"""One recurrent layer in one direction: a cell and its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqtools.loader import cell as cell_spec
from seqtools.nn import init
from seqtools.nn.cell import Cell, State, Weights, unroll


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
        with torch.no_grad():
            init.recurrent_(self.weight_hh, scheme)
            if self.kind.forget_gate >= 0:
                self.bias_ih.view(-1, width)[self.kind.forget_gate] = forget_bias
        if norm_cell:
            self.norm_ih, self.norm_hh = nn.LayerNorm(rows), nn.LayerNorm(rows)
            if "c" in self.states:
                self.norm_c = nn.LayerNorm(width)
        self.initial: nn.ParameterDict | None = None
        if learned_state:
            self.initial = nn.ParameterDict({name: nn.Parameter(torch.zeros(width)) for name in self.states})

    def start(self, batch: int) -> State:
        """The state before anything was read, each `[batch, width]`."""
        if self.initial is None:
            return tuple(self.weight_hh.new_zeros(batch, self.width) for _ in self.states)
        return tuple(self.initial[name].expand(batch, -1) for name in self.states)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs `[time, batch, width]` and the last state for `x [time, batch, input_width]`."""
        weights = self.weights()
        if not self.norm_cell:
            return self.kind.run(x, state, weights)
        given = self.norm_ih(nn.functional.linear(x, weights.weight_ih, weights.bias_ih))
        return unroll(given, state, lambda part, old: self._normed_step(part, old, weights))

    def weights(self) -> Weights:
        """The parameters, `weight_hh` dropped out while training.

        The dropped matrix is a value of this call and no attribute: fused kernels take it as any other
        weight, and the gradient goes to the raw parameter.
        """
        hidden: Tensor = self.weight_hh
        if self.training and self.dropout_weight:
            hidden = nn.functional.dropout(hidden, self.dropout_weight)
        return Weights(self.weight_ih, hidden, self.bias_ih, self.bias_hh)

    def _normed_step(self, given: Tensor, state: State, weights: Weights) -> State:
        hidden = self.norm_hh(nn.functional.linear(state[0], weights.weight_hh, weights.bias_hh))
        if "c" not in self.states:
            return self.kind.step(given, hidden, state)
        kind: Any = self.kind
        o, c = kind.remember(given, hidden, state[1])
        new: State = kind.emit(o, c, self.norm_c(c))
        return new

    def _apply(self, fn: Any, recurse: bool = True) -> RecurrentLayer:
        """Move or cast, then lay the weights out in the one buffer that cuDNN wants."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._flatten()
        return self

    def _flatten(self) -> None:
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        cudnn: Any = torch.backends.cudnn
        if not (self.kind.fused_mode and self.weight_hh.is_cuda and cudnn.is_acceptable(self.weight_hh)):
            return
        with torch.no_grad(), torch.cuda.device(self.weight_hh.device):
            mode = cudnn.rnn.get_cudnn_mode(self.kind.fused_mode)
            torch._cudnn_rnn_flatten_weight(
                weights, 4, self.input_width, mode, self.width, 0, 1, False, False
            )

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"{self.cell}, {self.input_width} -> {self.width}"
