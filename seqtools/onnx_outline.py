"""What an ONNX file says about itself: operators, inputs, outputs, metadata, and what is unsafe in it.

The walk goes everywhere a tensor or a node can hide: nested graphs of `If`, `Loop` and `Scan`,
constants, sparse tensors, function bodies and training graphs. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from seqtools.protobuf import Value, WireError, fields, integer, text, view

MAX_DEPTH = 24
"""Nested graphs deeper than this are refused (ours have three levels)."""

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16", 21: "uint4", 22: "int4",
}  # fmt: skip


@dataclass(frozen=True)
class Port:
    """An input or output: its name, element type and shape (a number, or the name of a free axis)."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(str(axis) for axis in self.shape)}]"


@dataclass
class Outline:
    """Collected while walking; `weights` counts the bytes of all initializers and constants."""

    ir_version: int = 0
    producer: str = ""
    producer_version: str = ""
    graphs: int = 0
    nodes: int = 0
    weights: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    external: list[str] = field(default_factory=list)
    endless: list[str] = field(default_factory=list)
    defaulted: list[str] = field(default_factory=list)


def outline(data: bytes | memoryview) -> Outline:
    """Walk a serialised ModelProto.

    Raises:
        WireError: the bytes are no model; `truncated` tells a cut file from a foreign one.
    """
    found = Outline()
    for number, value in fields(memoryview(data)):
        if number == 1:
            found.ir_version = integer(value)
        elif number == 2:
            found.producer = text(value)
        elif number == 3:
            found.producer_version = text(value)
        elif number == 7:
            _main_graph(view(value), found)
        elif number == 8:
            _opset(view(value), found)
        elif number == 14:
            _metadata(view(value), found)
        elif number == 20:
            _training(view(value), found)
        elif number == 25:
            _function(view(value), found)
    return found


def _opset(data: memoryview, found: Outline) -> None:
    parts = dict(fields(data))
    found.opsets[text(parts.get(1, memoryview(b"")))] = integer(parts.get(2, 0))


def _metadata(data: memoryview, found: Outline) -> None:
    parts = dict(fields(data))
    empty = memoryview(b"")
    key = text(parts.get(1, empty))
    if key in found.metadata:
        raise WireError(f"the metadata key {key!r} is there twice")
    found.metadata[key] = text(parts.get(2, empty))


def _main_graph(data: memoryview, found: Outline) -> None:
    names: set[str] = set()
    for number, value in fields(data):
        if number in (11, 12):
            (found.inputs if number == 11 else found.outputs).append(_port(view(value)))
        elif number == 5:
            names.add(_tensor(view(value), found))
        else:
            _graph_part(number, value, found, 0)
    found.graphs += 1
    found.defaulted += [port.name for port in found.inputs if port.name in names]


def _graph(data: memoryview, found: Outline, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError(f"its graphs are nested more than {MAX_DEPTH} deep")
    for number, value in fields(data):
        _graph_part(number, value, found, depth)


def _graph_part(number: int, value: Value, found: Outline, depth: int) -> None:
    if number == 1:
        _node(view(value), found, depth)
    elif number == 5:
        _tensor(view(value), found)
    elif number == 15:
        _sparse(view(value), found)


def _training(data: memoryview, found: Outline) -> None:
    for number, value in fields(data):
        if number in (1, 2):
            _graph(view(value), found, 1)


def _function(data: memoryview, found: Outline) -> None:
    for number, value in fields(data):
        if number == 7:
            _node(view(value), found, 1)
        elif number == 9:
            _opset(view(value), found)
        elif number == 11:
            _attribute(view(value), found, 1)


def _node(data: memoryview, found: Outline, depth: int) -> None:
    inputs: list[str] = []
    labels = {3: "", 4: "", 7: ""}
    for number, value in fields(data):
        if number == 1:
            inputs.append(text(value))
        elif number in labels:
            labels[number] = text(value)
        elif number == 5:
            _attribute(view(value), found, depth)
    name, operator, domain = labels[3], labels[4], labels[7]
    found.nodes += 1
    found.operators.add(("" if domain == "ai.onnx" else domain, operator))
    if operator == "Loop" and not (inputs and inputs[0]):
        found.endless.append(name or operator)


def _attribute(data: memoryview, found: Outline, depth: int) -> None:
    tensors: dict[int, Callable[[memoryview, Outline], object]] = {
        5: _tensor,
        10: _tensor,
        22: _sparse,
        23: _sparse,
    }
    for number, value in fields(data):
        if number in tensors:
            tensors[number](view(value), found)
        elif number in (6, 11):
            _graph(view(value), found, depth + 1)


def _sparse(data: memoryview, found: Outline) -> None:
    for number, value in fields(data):
        if number in (1, 2):
            _tensor(view(value), found)


def _tensor(data: memoryview, found: Outline) -> str:
    """Count a tensor and note whether it lives outside the file; returns its name."""
    name, outside = "", False
    for number, value in fields(data):
        if number == 8:
            name = text(value)
        elif number == 13 or (number == 14 and integer(value) != 0):
            outside = True
    found.weights += len(data)
    if outside:
        found.external.append(name or "a constant")
    return name


def _port(data: memoryview) -> Port:
    name = ""
    described: tuple[str, tuple[int | str, ...]] = ("?", ())
    for number, value in fields(data):
        if number == 1:
            name = text(value)
        elif number == 2:
            described = _type(view(value))
    return Port(name, *described)


def _type(data: memoryview) -> tuple[str, tuple[int | str, ...]]:
    """Element type and shape of a TypeProto; anything but a tensor is "?"."""
    dtype = "?"
    shape: tuple[int | str, ...] = ()
    for number, value in fields(data):
        if number != 1:
            continue
        for part, inner in fields(view(value)):
            if part == 1:
                dtype = DTYPES.get(integer(inner), "?")
            elif part == 2:
                shape = tuple(_axis(view(axis)) for which, axis in fields(view(inner)) if which == 1)
    return dtype, shape


def _axis(data: memoryview) -> int | str:
    for number, value in fields(data):
        if number == 1:
            return integer(value)
        if number == 2:
            return text(value)
    return "?"
