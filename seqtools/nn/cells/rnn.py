"""Elman's simple recurrent network, the cell whose gradients vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqtools.nn.cell import Cell, State

if TYPE_CHECKING:
    from jaxtyping import Float


class TanhRNN(Cell):
    """Elman 1990: `h' = tanh(x part + h part)`."""

    gates, states, kernel = 1, ("h",), "rnn_tanh"

    @classmethod
    def step(
        cls, from_input: Float[Tensor, "batch width"], from_hidden: Float[Tensor, "batch width"], state: State
    ) -> State:
        """One step."""
        return (torch.tanh(from_input + from_hidden),)


class ReluRNN(Cell):
    """As `TanhRNN` with `max(0, ·)`, as in Le et al. 2015."""

    gates, states, kernel = 1, ("h",), "rnn_relu"

    @classmethod
    def step(
        cls, from_input: Float[Tensor, "batch width"], from_hidden: Float[Tensor, "batch width"], state: State
    ) -> State:
        """One step."""
        return (torch.relu(from_input + from_hidden),)
