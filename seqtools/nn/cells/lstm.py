"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from seqtools.nn.cell import Cell, State

if TYPE_CHECKING:
    from jaxtyping import Float


class LSTM(Cell):
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates i, f, g, o as in torch.

    c' = f * c + i * g        what is kept and what is added
    h' = o * tanh(c')         what is shown
    """

    gates, states, forget_gate, kernel, norms_c = 4, ("h", "c"), 1, "lstm", True

    @classmethod
    def step(
        cls,
        from_input: Float[Tensor, "batch gates_width"],
        from_hidden: Float[Tensor, "batch gates_width"],
        state: State,
        norm_c: Callable[[Tensor], Tensor] | None = None,
    ) -> State:
        """One step; the additive path through c, which no norm touches, lets gradients live long."""
        i, f, g, o = (from_input + from_hidden).chunk(4, dim=-1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        shown = c if norm_c is None else norm_c(c)
        return o.sigmoid() * shown.tanh(), c
