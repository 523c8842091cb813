"""Elman's simple recurrent network, the cell whose gradients vanish."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtools.nn.cell import Cell, State, Weights


class TanhRNN(Cell):
    """Elman 1990: `h' = tanh(x part + h part)`."""

    gates, states, fused_mode = 1, ("h",), "RNN_TANH"

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        """One step."""
        return (torch.tanh(from_input + from_hidden),)

    @classmethod
    def run(cls, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """torch's fused kernel."""
        h = state[0].unsqueeze(0).contiguous()
        y, h = torch._VF.rnn_tanh(x, h, list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h.squeeze(0),)


class ReluRNN(Cell):
    """As `TanhRNN` with `max(0, ·)`, as in Le et al. 2015."""

    gates, states, fused_mode = 1, ("h",), "RNN_RELU"

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        """One step."""
        return (torch.relu(from_input + from_hidden),)

    @classmethod
    def run(cls, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """torch's fused kernel."""
        h = state[0].unsqueeze(0).contiguous()
        y, h = torch._VF.rnn_relu(x, h, list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h.squeeze(0),)
