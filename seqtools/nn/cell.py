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
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""States of one layer, each `[batch, width]`; the first is the output h."""


class Weights(NamedTuple):
    """The parameters of one layer as the cell sees them, dropped weights already in place."""

    weight_ih: Tensor
    """`[gates * width, input]`"""
    weight_hh: Tensor
    """`[gates * width, width]`"""
    bias_ih: Tensor
    """`[gates * width]`"""
    bias_hh: Tensor
    """`[gates * width]`"""


class Cell:
    """Base of all cells. Subclasses give `gates`, `states` and `step`; `run` may be a fused kernel.

    Attributes:
        gates: how many blocks of `width` the affine maps have.
        states: names of the states; the first is the output.
        forget_gate: index of the gate whose bias starts at `forget_bias`; -1 for none.
        fused_mode: cuDNN's name of the cell, for one flat weight buffer on CUDA; "" for none.
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]]
    forget_gate: ClassVar[int] = -1
    fused_mode: ClassVar[str] = ""

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        """One step from the two pre-activations, each `[batch, gates * width]`."""
        raise NotImplementedError(f"{cls.__name__} does not say what a step does")

    @classmethod
    def run(cls, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """All steps over `x [time, batch, input]`; outputs `[time, batch, width]` and the last state."""
        given = torch.nn.functional.linear(x, weights.weight_ih, weights.bias_ih)
        hidden = torch.nn.functional.linear
        return unroll(
            given,
            state,
            lambda part, old: cls.step(part, hidden(old[0], weights.weight_hh, weights.bias_hh), old),
        )


def unroll(given: Tensor, state: State, step: Callable[[Tensor, State], State]) -> tuple[Tensor, State]:
    """Walk over the first axis of `given`; stack the first state of every step."""
    outputs = []
    for part in given.unbind(0):
        state = step(part, state)
        outputs.append(state[0])
    return torch.stack(outputs), state
