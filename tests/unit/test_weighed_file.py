"""Copies of a model file with knobs: the wire format written, what is multiplied, what is not there."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from seqtools.protobuf import encoded, fields, integer
from seqtools.weighed_file import Knob, weighed


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.one_of(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=300)))
def test_fields_come_back_as_they_were_written(number: int, value: int | bytes) -> None:
    ((found, told),) = fields(memoryview(encoded(number, value)))
    assert found == number
    assert (integer(told) if isinstance(told, int) else bytes(told)) == value


def model() -> bytes:
    """`(x + w) * v`."""
    nodes = [helper.make_node("Add", ["x", "w"], ["sum"]), helper.make_node("Mul", ["sum", "v"], ["y"])]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in "xy"]
    weights = [numpy_helper.from_array(np.array(row, np.float32), name) for name, row in WEIGHTS.items()]
    graph = helper.make_graph(nodes, "main", ports[:1], ports[1:], weights)
    made = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    data: bytes = made.SerializeToString()
    return data


WEIGHTS = {"w": [1, 2, 3], "v": [2, 2, 2]}


def test_a_knob_multiplies_what_a_node_gives() -> None:
    data = weighed(model(), {"w": Knob("gain", ("rows", 1)), "v": Knob("share", ())})
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert [port.name for port in session.get_inputs()] == ["x", "gain", "share"]
    x = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    feeds = {"x": x, "gain": np.array([[1], [0.5]], np.float32), "share": np.array(10, np.float32)}
    assert session.run(None, feeds)[0].tolist() == [[20, 40, 60], [20, 30, 40]]


def test_a_knob_multiplies_what_a_node_reads() -> None:
    data = weighed(model(), {"v": Knob("gain", ("rows", 1), reads=True)})
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    feeds = {"x": np.zeros((2, 3), np.float32), "gain": np.array([[1], [0.5]], np.float32)}
    assert session.run(None, feeds)[0].tolist() == [[2, 4, 6], [1, 2, 3]]


def test_what_no_node_gives_cannot_be_multiplied() -> None:
    with pytest.raises(KeyError, match="w"):  # its node reads the input of the graph
        weighed(model(), {"w": Knob("gain", (), reads=True)})


def test_without_knobs_nothing_changes() -> None:
    assert onnx.load_model_from_string(weighed(model(), {})) == onnx.load_model_from_string(model())


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="u"):
        weighed(model(), {"u": Knob("gain", ()), "w": Knob("share", ())})
