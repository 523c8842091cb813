"""Small helpers over spox: weights that live in the outermost graph, loops, contrib operators.

Opset 20 throughout: it is the newest one whose kernels all of onnxruntime's providers accept.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from seqtools.export.tidy import drop_identities, hoist, scalar_turns, tell_types

OPSET, IR_VERSION = 20, 10

Var = spox.Var


class Weights:
    """The arrays of a graph under construction.

    Each becomes an argument while spox builds and an initializer of the outermost graph afterwards, so
    that a loop body and the code around it share one copy. Equal arrays are stored once.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._vars: dict[str, Var] = {}
        self._names: dict[str, str] = {}

    def add(self, name: str, array: NDArray[Any]) -> Var:
        """Store an array under a readable name; an equal one that is there already is used instead.

        A name that another array has gets a number, so that several networks may share a file.
        """
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
        if digest not in self._names:
            names = chain([name], (f"{name}.{number}" for number in count(2)))
            self._names[digest] = next(free for free in names if free not in self._vars)
        name = self._names[digest]
        if name not in self._vars:
            self._arrays[name] = array
            self._vars[name] = spox.argument(spox.Tensor(array.dtype.type, array.shape))
        return self._vars[name]

    def text(self, name: str, value: str) -> Var:
        """Store a string, as a scalar; `set_text` may change it in the finished model."""
        self._arrays[name] = np.array(value, dtype=object)
        self._vars[name] = spox.argument(spox.Tensor(np.str_, ()))
        return self._vars[name]

    def build(self, inputs: Mapping[str, Var], outputs: Mapping[str, Var]) -> onnx.ModelProto:
        """The model with these inputs and outputs, weights as initializers."""
        model = spox.build({**inputs, **self._vars}, dict(outputs))
        kept = [value for value in model.graph.input if value.name in inputs]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in self._arrays.items())
        model.ir_version = IR_VERSION
        scalar_turns(model.graph)
        hoist(model.graph)
        drop_identities(model.graph)
        tell_types(model.graph)
        return model


def set_text(model: onnx.ModelProto, name: str, value: str) -> None:
    """Replace a string that `Weights.text` stored."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.string_data[:] = [value.encode()]


def constant(value: Any, dtype: type = np.int64) -> Var:
    """A small constant (a scalar, an axis, a list of sizes)."""
    return op.const(np.array(value, dtype=dtype))


def repeat(times: Var, carried: Sequence[Var], body: Callable[..., Iterable[Var]]) -> Sequence[Var]:
    """`Loop` with a trip count and no other way to stop.

    Args:
        times: int64 scalar.
        carried: what the first turn starts from.
        body: `(turn int64 [1] or scalar, *carried) -> [*carried, *collected]`.

    Returns:
        The carried values after the last turn, then each collected value stacked on a new first axis.
    """

    def turn(index: Var, go: Var, *values: Var) -> list[Var]:
        return [go, *body(index, *values)]

    trips = op.reshape(times, constant([1]))
    with warnings.catch_warnings():
        # spox forgets the rank of what a loop carries when a dimension's name is lost on the way round.
        warnings.filterwarnings("ignore", message="Output type for variable .* not concrete")
        final = op.loop(trips, constant([True], np.bool_), list(carried), body=turn)
    kept = [op.reshape(last, op.shape(first)) for first, last in zip(carried, final, strict=False)]
    return [*kept, *final[len(carried) :]]


def contrib(
    op_type: str,
    inputs: Sequence[Var | None],
    outputs: Sequence[tuple[type, Sequence[int | None]]],
    domain: str = "com.microsoft",
    **attributes: Any,
) -> list[Var]:
    """One node of another domain, as spox has no module for it; `None` skips an optional input."""
    names = ["" if value is None else f"in{i}" for i, value in enumerate(inputs)]
    given = {name: value for name, value in zip(names, inputs, strict=True) if value is not None}
    results = [f"out{i}" for i in range(len(outputs))]
    node = helper.make_node(op_type, names, results, domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        op_type,
        [helper.make_value_info(name, value.unwrap_type()._to_onnx()) for name, value in given.items()],
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
            for name, (kind, shape) in zip(results, outputs, strict=True)
        ],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(domain, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    produced = spox.inline(model)(**given)
    return [produced[name] for name in results]
