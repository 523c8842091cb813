"""What the lowering of a core is given, and small pieces that cores share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.covariates import side_by_side
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Linear, array


class Channel(NamedTuple):
    """Some of what is known of a window's steps."""

    values: Var
    """`[rows, context]` if the width is 1, else `[rows, context, width]`"""
    width: int


class Inputs(NamedTuple):
    """What a core reads; each target of each series is a row."""

    channels: list[Channel]
    """of the window's steps, in the order of the network's"""
    known: list[Var]
    """of the steps to forecast, `[rows, horizon, …]`"""
    phases: Callable[[Sequence[int]], Var] | None
    """calendar of steps, the first one to forecast being 0: `[rows, steps, phases]`; None for none"""
    static: list[Var]
    """of the whole series, `[rows, …]`"""


class LoweredCore(Protocol):
    """A core as graph pieces.

    Attributes:
        block: steps to forecast that one output stands for.
        blocks: outputs of a row.
        width: values of an output.
    """

    block: int
    blocks: int
    width: int

    def __call__(self, inputs: Inputs) -> Var:
        """What the head reads, `[rows * blocks, width]`."""


def affine(context: Context, name: str, linear: Any) -> Linear:
    """A linear layer of torch."""
    bias = None if linear.bias is None else array(linear.bias)
    return Linear(context, name, array(linear.weight).T, bias)


class Chain:
    """Linear layers of torch one after the other.

    Args:
        name: prefix of their weights' names.
    """

    def __init__(self, context: Context, name: str, layers: Any) -> None:
        self._parts = [affine(context, f"{name}.{i}", layer) for i, layer in enumerate(layers)]

    def rows(self, x: Var) -> Var:
        """`[rows, input]` -> `[rows, output]`."""
        for part in self._parts:
            x = part.rows(x)
        return x


def optional(context: Context, name: str, linear: Any | None) -> Linear | None:
    """The same, or None."""
    return None if linear is None else affine(context, name, linear)


def mapped(context: Context, name: str, linear: Any | None) -> Chain | None:
    """A linear map of one layer or two, or None."""
    if linear is None:
        return None
    return Chain(context, name, [linear] if hasattr(linear, "weight") else linear)


def over_time(inputs: Inputs, steps: int) -> Var:
    """All that is known of each step of the window, time first: `[context, rows, input]`."""
    two, one = constant([2]), constant([1])
    parts = [op.unsqueeze(part, two) if width == 1 else part for part, width in inputs.channels]
    if inputs.phases is not None:
        parts.append(inputs.phases(range(-steps, 0)))
    if inputs.static:
        static = op.unsqueeze(side_by_side(inputs.static), one)
        parts.append(op.add(static, op.const(np.zeros((steps, 1), np.float32))))
    return op.transpose(side_by_side(parts), perm=(1, 0, 2))


def ahead(inputs: Inputs, horizon: int) -> Var | None:
    """All that is known of each step to forecast, `[rows, horizon, …]`; None where that is nothing."""
    parts = list(inputs.known)
    if inputs.phases is not None:
        parts.append(inputs.phases(range(horizon)))
    return side_by_side(parts) if parts else None
