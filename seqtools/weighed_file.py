"""A model file with knobs: what some nodes give, or read, is multiplied by further inputs.

Files have frozen inputs, so a host that wants to turn down a part of the network makes itself a copy with
inputs for that. Nothing but the bytes is needed: no onnx package, no torch. Field numbers are onnx.proto3's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seqtools.protobuf import encoded, fields, text, view

_GRAPH, _NODE, _INPUT = 7, 1, 11
_FLOAT = 1
_RAW = ".unweighed"


@dataclass(frozen=True)
class Knob:
    """A further input.

    Attributes:
        name: of the input, float32.
        shape: sizes, or names of free axes; it is broadcast with what it multiplies.
        reads: multiply what the node reads first, for whoever reads that; else what it gives first.
    """

    name: str
    shape: Sequence[int | str]
    reads: bool = False


def weighed(data: bytes, knobs: Mapping[str, Knob]) -> bytes:
    """The file with knobs.

    Args:
        data: a serialised ModelProto.
        knobs: by the initializer that a node reads; of several such nodes it is the first.

    Raises:
        KeyError: no node of the outermost graph reads one of them, or gives what is to be multiplied.
        WireError: the bytes are no model.
    """
    parts = []
    for number, value in fields(memoryview(data)):
        part = _weighed_graph(view(value), knobs) if number == _GRAPH else value
        parts.append(encoded(number, part))
    return b"".join(parts)


def _weighed_graph(graph: memoryview, knobs: Mapping[str, Knob]) -> bytes:
    places, parts = _places(graph, knobs), []
    for number, value in fields(graph):
        output = None
        if number == _NODE:
            node = view(value)
            output = next((name for name in _names(node, 2) if name in places), None)
        if output is None:
            parts.append(encoded(number, value))
        else:
            parts += [encoded(_NODE, made) for made in _turned(node, output, knobs[places.pop(output)])]
    if places:
        raise KeyError(min(places.values()))
    return b"".join([*parts, *(encoded(_INPUT, _port(knob)) for knob in knobs.values())])


def _places(graph: memoryview, knobs: Mapping[str, Knob]) -> dict[str, str]:
    """What is to be multiplied, and the initializer that told of it."""
    missing, found = dict(knobs), {}
    for number, value in fields(graph):
        if number == _NODE:
            node = view(value)
            read = next((name for name in _names(node, 1) if name in missing), None)
            if read is not None:
                found[next(_names(node, 1 if missing.pop(read).reads else 2))] = read
    if missing:
        raise KeyError(min(missing))
    return found


def _turned(node: memoryview, output: str, knob: Knob) -> Iterator[bytes]:
    """The node under another name of an output, and the product under the old one."""
    renamed = output + _RAW
    yield b"".join(
        encoded(number, renamed if number == 2 and text(value) == output else value)
        for number, value in fields(node)
    )
    product = ((1, renamed), (1, knob.name), (2, output), (3, renamed), (4, "Mul"))
    yield b"".join(encoded(number, name) for number, name in product)


def _names(node: memoryview, kind: int) -> Iterator[str]:
    """Inputs (1) or outputs (2) of a node."""
    return (text(value) for number, value in fields(node) if number == kind)


def _port(knob: Knob) -> bytes:
    """A ValueInfoProto."""
    axes = (encoded(1, axis) if isinstance(axis, int) else encoded(2, axis) for axis in knob.shape)
    shape = b"".join(encoded(1, axis) for axis in axes)
    return encoded(1, knob.name) + encoded(2, encoded(1, encoded(1, _FLOAT) + encoded(2, shape)))
