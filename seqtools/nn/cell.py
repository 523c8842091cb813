"""What a recurrent cell is: some gates, some states, and how one step makes new states of old ones.

A cell owns no parameters. The layer around it holds two affine maps, `x W_ih' + b_ih` and `h W_hh' + b_hh`,
each `gates * width` wide, and hands the cell their results. That is all a plugin has to write:

    class Minimal(Cell):
        gates, states = 1, ("h",)

        @classmethod
        def step(cls, from_input, from_hidden, state):
            return (torch.tanh(from_input + from_hidden),)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from seqtools.nn import fused
from seqtools.nn.fused import State as State
from seqtools.nn.fused import Weights as Weights

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Cell:
    """Base of all cells. Subclasses give `gates`, `states` and `step`.

    Attributes:
        gates: how many blocks of `width` the affine maps have.
        states: names of the states; the first is the output.
        forget_gate: index of the gate whose bias starts at `forget_bias`; -1 for none.
        kernel: torch's fused kernel that computes exactly `step` over time (`lstm`, `gru`, `rnn_tanh`,
            `rnn_relu`); "" for none. A subclass with a step of its own loses it.
        norms_c: `step` takes a fourth argument, the layer norm of c, when the layer normalises gates.
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]]
    forget_gate: ClassVar[int] = -1
    kernel: ClassVar[str] = ""
    norms_c: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "step" in vars(cls) and "kernel" not in vars(cls):
            cls.kernel = ""

    @classmethod
    def step(
        cls,
        from_input: Float[Tensor, "batch gates_width"],
        from_hidden: Float[Tensor, "batch gates_width"],
        state: State,
    ) -> State:
        """One step from the two pre-activations, each `[batch, gates * width]`."""
        raise NotImplementedError(f"{cls.__name__} does not say what a step does")

    @classmethod
    def run(
        cls,
        x: Float[Tensor, "time batch input"],
        state: State,
        weights: Weights,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "time batch width"], State]:
        """All steps; past a row's length its output is zero and its state stays."""
        if cls.kernel:
            return fused.run(cls.kernel, x, state, weights, lengths)
        linear = torch.nn.functional.linear
        return unroll(
            linear(x, weights.weight_ih, weights.bias_ih),
            state,
            lambda part, old: cls.step(part, linear(old[0], weights.weight_hh, weights.bias_hh), old),
            lengths,
        )


def unroll(
    given: Float[Tensor, "time batch gates_width"],
    state: State,
    step: Callable[[Tensor, State], State],
    lengths: Int[Tensor, " batch"] | None = None,
) -> tuple[Float[Tensor, "time batch width"], State]:
    """Walk over the first axis of `given`; stack the first state of every step. Lengths as in `Cell.run`."""
    outputs = []
    for time, part in enumerate(given.unbind(0)):
        new = step(part, state)
        output = new[0]
        if lengths is not None:
            alive = (time < lengths)[:, None]
            new = tuple(torch.where(alive, after, before) for after, before in zip(new, state, strict=True))
            output = output.masked_fill(~alive, 0)
        outputs.append(output)
        state = new
    return torch.stack(outputs), state
