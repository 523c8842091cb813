"""Gated recurrent unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqtools.nn.cell import Cell, State

if TYPE_CHECKING:
    from jaxtyping import Float


class GRU(Cell):
    """Cho et al. 2014 in cuDNN's form: the reset gate works on the projected h. Gates r, z, n as in torch.

    n = tanh(x part + r * h part)
    h' = (1 - z) * n + z * h
    """

    gates, states, kernel = 3, ("h",), "gru"

    @classmethod
    def step(
        cls,
        from_input: Float[Tensor, "batch gates_width"],
        from_hidden: Float[Tensor, "batch gates_width"],
        state: State,
    ) -> State:
        """One step."""
        xr, xz, xn = from_input.chunk(3, dim=-1)
        hr, hz, hn = from_hidden.chunk(3, dim=-1)
        z = (xz + hz).sigmoid()
        n = torch.tanh(xn + (xr + hr).sigmoid() * hn)
        return ((1 - z) * n + z * state[0],)
