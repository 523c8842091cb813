"""What spox leaves to its users: where nodes live, and types of operators it does not know.

spox puts a node into the innermost graph that uses it. In a loop body that means computing the same thing
in every turn, and for the whole array of uniforms a cost that grows with the square of the steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs in a node's attributes: a loop's body, a condition's branches."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g


def scalar_turns(graph: GraphProto) -> None:
    """Declare the turn of every loop a scalar, as ONNX does, and drop the reshapes that make it one.

    spox declares `[1]`, and a runtime hands on what is declared: one operator in every turn for nothing.
    """
    for node in graph.node:
        for inner in subgraphs(node):
            scalar_turns(inner)
            if node.op_type == "Loop":
                _make_scalar(inner, inner.input[0])


def _make_scalar(body: GraphProto, turn: ValueInfoProto) -> None:
    nodes = list(_nodes(body))
    nothing = {node.output[0] for _, node in nodes if node.op_type == "Constant" and _is_empty(node)}
    using = [(graph, node) for graph, node in nodes if turn.name in node.input]
    if all(node.op_type == "Reshape" and node.input[1] in nothing for _, node in using):
        del turn.type.tensor_type.shape.dim[:]
        for graph, node in using:
            _rename(graph, {node.output[0]: turn.name})
            graph.node.remove(node)
        _drop_unused(body, nothing)


def _drop_unused(graph: GraphProto, names: set[str]) -> None:
    """Take away what makes these, unless it is used: onnxruntime warns of such constants."""
    nodes = list(_nodes(graph))
    asked = {name for _, node in nodes for name in node.input} | {value.name for value in graph.output}
    for owner, node in nodes:
        if node.output[0] in names - asked:
            owner.node.remove(node)


def _is_empty(node: NodeProto) -> bool:
    """Whether a Constant is an array of nothing; as a shape it is a scalar's."""
    return all(list(attribute.t.dims) == [0] for attribute in node.attribute)


def _nodes(graph: GraphProto) -> Iterator[tuple[GraphProto, NodeProto]]:
    """Every node with the graph it stands in, branches and inner loops included."""
    for node in graph.node:
        yield graph, node
        for inner in subgraphs(node):
            yield from _nodes(inner)


def hoist(graph: GraphProto) -> None:
    """Move nodes that do not depend on the turn out of every loop body, also out of branches inside one.

    Branches outside loops keep theirs: they run once, and only if their condition holds.
    """
    nodes: list[NodeProto] = []
    for node in graph.node:
        for inner in subgraphs(node):
            hoist(inner)
        if node.op_type == "Loop":
            for body in subgraphs(node):
                nodes += _take_invariant(body, {value.name for value in body.input})
        nodes.append(node)
    _replace(graph, nodes)


def _take_invariant(graph: GraphProto, inside: set[str]) -> list[NodeProto]:
    """Remove and return the nodes of a body, or of a branch in it, that use nothing made `inside`.

    Constants stay unless a node that goes needs them: a loop hands on every outer value in every turn.
    """
    taken, kept = [], []
    inside = inside | {value.name for value in graph.output}
    for node in graph.node:
        branches = list(subgraphs(node))
        for branch in branches:
            taken += _take_invariant(branch, inside)
        if not branches and not inside & {*node.input, *node.output}:
            taken.append(node)
        else:
            kept.append(node)
            inside |= set(node.output)
    needed = {name for node in taken for name in node.input}
    staying = [node for node in taken if node.op_type == "Constant" and node.output[0] not in needed]
    _replace(graph, staying + kept)
    return [node for node in taken if node not in staying]


def drop_identities(graph: GraphProto) -> None:
    """Let the node in front of an Identity produce a graph's result itself."""
    for node in graph.node:
        for inner in subgraphs(node):
            drop_identities(inner)
    results = {value.name for value in graph.output}
    made = {name for node in graph.node for name in node.output}
    renamed: dict[str, str] = {}
    kept: list[NodeProto] = []
    for node in graph.node:
        source = node.input[0] if node.op_type == "Identity" else ""
        if source in made and source not in results | renamed.keys() and node.output[0] in results:
            renamed[source] = node.output[0]
        else:
            kept.append(node)
    _replace(graph, kept)
    if renamed:
        _rename(graph, renamed)


def tell_types(graph: GraphProto) -> None:
    """Note the element types of contrib outputs, which onnx cannot infer (its checker crashes on some)."""
    for node in graph.node:
        for inner in subgraphs(node):
            tell_types(inner)
        if node.domain == "com.microsoft":
            kind = TensorProto.STRING if node.op_type == "Tokenizer" else TensorProto.FLOAT
            graph.value_info.extend(
                onnx.helper.make_tensor_value_info(name, kind, None) for name in node.output if name
            )


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for inner in subgraphs(node):
            _rename(inner, names)


def _replace(graph: GraphProto, nodes: list[NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
