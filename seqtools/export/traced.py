"""A cell of a plugin that names no lowering: its one torch step, exported and put into our loop."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any, cast

import onnx
import spox
import spox.opset.ai.onnx.v20 as op
import torch

from seqtools.errors import ExportError
from seqtools.export.cells import State, unroll
from seqtools.export.graph import IR_VERSION, OPSET, Var, constant
from seqtools.export.linear import Array, Context


class _Step(torch.nn.Module):
    """One time step of a layer with tensors in and out, as the exporter wants it."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        _, new = self.layer(x, state)
        return tuple(new)


def trace(layer: Any) -> onnx.ModelProto:
    """The ONNX graph of one step: `x [1, batch, input]` and states `[batch, width]` to new states.

    Raises:
        ExportError: torch cannot express the step in ONNX.
    """
    states = list(layer.states)
    example = (torch.zeros(1, 2, layer.input_width), *(torch.zeros(2, layer.width) for _ in states))
    names = ["x", *states]
    outputs = [f"new_{name}" for name in states]
    dynamic = {"x": {1: "batch"}, **{name: {0: "batch"} for name in [*states, *outputs]}}
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter without onnxscript announces its retirement
            torch.onnx.export(
                _Step(layer).eval(), example, cast(Any, file), input_names=names, output_names=outputs,
                dynamic_axes=dynamic, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ExportError(
            f"cell '{layer.cell}'",
            f"torch cannot export its step ({reason})",
            "Write its step in plain tensor operations, or give its CellSpec a lowering",
        ) from error
    model = onnx.load_from_string(file.getvalue())
    model.ir_version = IR_VERSION
    return model


class TracedCell:
    """Faces `sequence` and `step` around a traced step; always fp32."""

    flat = True

    def __init__(self, context: Context, layer: Any, name: str, embedding: Array | None = None) -> None:
        self._states, self.width = list(layer.states), int(layer.width)
        model = trace(layer)
        self._weights = {
            tensor.name: context.weights.add(f"{name}.{tensor.name}", onnx.numpy_helper.to_array(tensor))
            for tensor in model.graph.initializer
        }
        self._model = _weights_as_inputs(model)
        self._table = None if embedding is None else context.weights.add(f"{name}.embedding", embedding)

    def flat_step(self, x: Var, state: State) -> State:
        """One traced step; tokens are looked up first (a one-hot input is a row of the identity)."""
        return self._step([x if self._table is None else op.gather(self._table, x)], state)

    def _step(self, x: Sequence[Var], state: State) -> State:
        flat = dict(zip(self._states, state, strict=True))
        new = spox.inline(self._model)(x=op.unsqueeze(x[0], constant([0])), **flat, **self._weights)
        return [new[f"new_{name}"] for name in self._states]

    def step(self, x: Var, state: State) -> State:
        """As `flat_step`, with a first axis of 1."""
        x = op.squeeze(x, constant([0] if self._table is None else [0, 2]))
        new = self.flat_step(x, [op.squeeze(part, constant([0])) for part in state])
        return [op.unsqueeze(part, constant([0])) for part in new]

    def sequence(self, x: Var, lengths: Var | None, state: State) -> tuple[Var, State]:
        """A loop of steps; rows past their length keep their state."""
        vectors = x if self._table is None else op.gather_nd(self._table, x)
        return unroll(self._step, [vectors], lengths, state, self.width)


def _weights_as_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn initializers into inputs: the same arrays then serve the prompt's loop and the decoding one."""
    for tensor in model.graph.initializer:
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        )
    del model.graph.initializer[:]
    return model
