"""Long short-term memory."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtools.nn.cell import Cell, State, Weights


class LSTM(Cell):
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates i, f, g, o as in torch.

    c' = f * c + i * g        what is kept and what is added
    h' = o * tanh(c')         what is shown
    """

    gates, states, forget_gate, fused_mode = 4, ("h", "c"), 1, "LSTM"

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        """One step; the additive path through c is what lets gradients live long."""
        return cls.emit(*cls.remember(from_input, from_hidden, state[1]))

    @classmethod
    def remember(cls, from_input: Tensor, from_hidden: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The output gate and the new cell state."""
        i, f, g, o = (from_input + from_hidden).chunk(4, dim=-1)
        return o.sigmoid(), f.sigmoid() * c + i.sigmoid() * g.tanh()

    @classmethod
    def emit(cls, o: Tensor, c: Tensor, shown: Tensor | None = None) -> State:
        """The new states; `shown` replaces c inside the tanh (a normalised c)."""
        return o * torch.tanh(c if shown is None else shown), c

    @classmethod
    def run(cls, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """torch's fused kernel (oneDNN on CPU, cuDNN on CUDA)."""
        h, c = (part.unsqueeze(0).contiguous() for part in state)
        y, h, c = torch._VF.lstm(
            x, (h, c), list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False
        )
        return y, (h.squeeze(0), c.squeeze(0))
