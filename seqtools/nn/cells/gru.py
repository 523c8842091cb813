"""Gated recurrent unit."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtools.nn.cell import Cell, State, Weights


class GRU(Cell):
    """Cho et al. 2014 in cuDNN's form: the reset gate works on the projected h. Gates r, z, n as in torch.

    n = tanh(x part + r * h part)
    h' = (1 - z) * n + z * h
    """

    gates, states, fused_mode = 3, ("h",), "GRU"

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        """One step."""
        xr, xz, xn = from_input.chunk(3, dim=-1)
        hr, hz, hn = from_hidden.chunk(3, dim=-1)
        z = (xz + hz).sigmoid()
        n = torch.tanh(xn + (xr + hr).sigmoid() * hn)
        return ((1 - z) * n + z * state[0],)

    @classmethod
    def run(cls, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """torch's fused kernel."""
        h = state[0].unsqueeze(0).contiguous()
        y, h = torch._VF.gru(x, h, list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h.squeeze(0),)
