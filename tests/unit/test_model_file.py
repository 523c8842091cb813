"""The opener: what it tells about a good file, and what it refuses, always with ModelFileError."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.onnx_outline import outline
from seqtools.protobuf import WireError, fields, varint

INPUT = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
OUTPUT = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "?"])
WEIGHTS = numpy_helper.from_array(np.arange(3, dtype=np.float32), "w")
META = {
    "seqtools.format": "1",
    "seqtools.task": "generate",
    "seqtools.profile": "portable",
    "seqtools.form": "ids",
    "seqtools.io": '{"x": "input"}',
    "seqtools.tokenizer": '{"kind": "byte", "payload": {}}',
    "seqtools.card": '{"license": "Apache-2.0"}',
    "seqtools.parity": "{}",
}


def model(nodes: list[Any] | None = None, initializers: list[Any] | None = None, **meta: str) -> Any:
    """A small model of ours; `meta` keys without the prefix replace or (with "") drop entries."""
    graph = helper.make_graph(
        nodes or [helper.make_node("Add", ["x", "w"], ["y"])],
        "main",
        [INPUT],
        [OUTPUT],
        [WEIGHTS] if initializers is None else initializers,
    )
    proto = helper.make_model(
        graph,
        producer_name="seqtools",
        producer_version="0.1.0",
        ir_version=10,
        opset_imports=[helper.make_opsetid("", 20)],
    )
    changed = META | {f"seqtools.{key}": value for key, value in meta.items()}
    helper.set_model_props(proto, {key: value for key, value in changed.items() if value})
    return proto


def loop(name: str, trip: str, body: list[Any]) -> Any:
    """A Loop node around `body`."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), *body],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
    )
    return helper.make_node("Loop", [trip, "start"], ["end"], name=name, body=graph)


def external(name: str) -> Any:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return tensor


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(ModelFileError) as caught:
        ModelFile.from_bytes(data, "m.onnx", **options)
    message = str(caught.value)
    assert message.startswith("m.onnx: ") and "\n" not in message and len(message) < 400
    assert caught.value.cure
    return message


def test_describes_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(model().SerializeToString())
    found = ModelFile.open(path, expect_task="generate")
    assert found.data == path.read_bytes() and found.path == path
    assert (found.task, found.format, found.profile, found.form) == ("generate", 1, "portable", "ids")
    assert found.tokenizer == {"kind": "byte", "payload": {}} and found.card == {"license": "Apache-2.0"}
    assert found.producer == "seqtools 0.1.0" and found.opsets == {"": 20} and found.nodes == 1
    assert [str(port) for port in found.inputs] == ["x: float32[batch, 3]"]
    assert [str(port) for port in found.outputs] == ["y: float32[batch, ?]"]
    assert 12 <= found.weights < 40
    assert len(found.sha256) == 64


def test_outline_agrees_with_onnx() -> None:
    proto = model([loop("l", "n", [loop("m", "k", [])])])
    found = outline(proto.SerializeToString())
    assert {op for _, op in found.operators} == {"Loop", "Identity"}
    assert found.nodes == 4 and found.ir_version == proto.ir_version
    assert found.metadata == {entry.key: entry.value for entry in proto.metadata_props}


def test_loads_nothing_heavy() -> None:
    code = (
        "import sys, seqtools.model_file as m; "
        "bad = {'numpy', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules); sys.exit(bool(bad))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_large_file_is_not_copied_or_slow() -> None:
    big = numpy_helper.from_array(np.zeros(10_000_000, np.float32), "w")
    data = model(initializers=[big]).SerializeToString()
    began = time.process_time()
    found = ModelFile.from_bytes(data)
    assert time.process_time() - began < 0.05
    assert found.data is data and found.weights > 40_000_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": ""}, "without seqtools' description (written by seqtools 0.1.0"),
        ({"format": "2"}, "its format is version 2 (by seqtools 0.1.0); this seqtools reads up to version 1"),
        ({"format": "one"}, "format version 'one' makes no sense"),
        ({"format": "9" * 5000}, "makes no sense"),
        ({"task": ""}, "lacks 'seqtools.task'"),
        ({"profile": ""}, "lacks 'seqtools.profile'"),
        ({"profile": "int2"}, "profile 'int2' is not known"),
        ({"card": "{"}, "'seqtools.card' is not valid JSON"),
        ({"card": "[1]"}, "'seqtools.card' is not a JSON object"),
        ({"io": "[" * 100_000}, "'seqtools.io' is not valid JSON"),
    ],
)
def test_refuses_metadata(change: dict[str, str], says: str) -> None:
    assert says in refusal(model(**change).SerializeToString())


def test_a_newer_format_says_how_to_upgrade() -> None:
    assert "pip install -U seqtools-suite" in refusal(model(format="2").SerializeToString())


def test_refuses_another_task() -> None:
    says = refusal(model(task="translate").SerializeToString(), expect_task="generate")
    assert "a model for 'translate', not for 'generate'" in says and "seqtools translate -m m.onnx" in says


def test_names_from_a_file_cannot_write_on_the_terminal() -> None:
    says = refusal(model(task="\x1b[2J\nboo").SerializeToString(), expect_task="generate")
    assert "\x1b" not in says


def _in_loop(node: Any) -> list[Any]:
    return [loop("outer", "n", [loop("inner", "n", [node])])]


def _constant(**attribute: Any) -> Any:
    return helper.make_node("Constant", [], ["c"], **attribute)


def _sparse(tensor: Any) -> Any:
    sparse = onnx.SparseTensorProto(dims=[3])
    sparse.values.CopyFrom(tensor)
    return sparse


def _function_body(proto: Any) -> Any:
    node = _constant(value=external("hidden"))
    proto.functions.append(helper.make_function("ai.onnx.ml", "f", [], ["c"], [node], proto.opset_import))
    return proto


def _sparse_initializer(proto: Any) -> Any:
    proto.graph.sparse_initializer.append(_sparse(external("hidden")))
    return proto


def _training_graph(proto: Any) -> Any:
    proto.training_info.add().initialization.initializer.append(external("hidden"))
    return proto


@pytest.mark.parametrize(
    "make",
    [
        lambda: model(initializers=[external("hidden")]),
        lambda: model([_constant(value=external("hidden"))]),
        lambda: model(_in_loop(_constant(value=external("hidden")))),
        lambda: model(_in_loop(_constant(sparse_value=_sparse(external("hidden"))))),
        lambda: model([helper.make_node("Any", [], ["c"], many=[external("hidden")])]),
        lambda: _sparse_initializer(model()),
        lambda: _function_body(model()),
        lambda: _training_graph(model()),
    ],
    ids=["initializer", "constant", "nested", "sparse constant", "list", "sparse", "function", "training"],
)
def test_refuses_external_data_anywhere(make: Callable[[], Any]) -> None:
    assert "tensor 'hidden' keeps its data in another file" in refusal(make().SerializeToString())


def test_refuses_a_hidden_external_location() -> None:
    """data_location is checked at every occurrence, although readers take the last one."""
    data = model(initializers=[external("hidden")]).SerializeToString()
    assert data.count(b"\x70\x01") == 1
    assert "another file" in refusal(data.replace(b"\x70\x01", b"\x70\x00"))


def test_refuses_an_endless_loop() -> None:
    assert "loop 'forever' has no trip count" in refusal(model([loop("forever", "", [])]).SerializeToString())
    nested = model(_in_loop(loop("deep", "", []))).SerializeToString()
    assert "loop 'deep' has no trip count" in refusal(nested)


def test_refuses_unknown_domains() -> None:
    node = helper.make_node("Shell", ["x"], ["y"], domain="evil.example")
    assert "unknown domain 'evil.example'" in refusal(model([node]).SerializeToString())
    imported = model()
    imported.opset_import.append(helper.make_opsetid("other.example", 1))
    assert "unknown domain 'other.example'" in refusal(imported.SerializeToString())


def test_contrib_operators_depend_on_the_profile() -> None:
    node = helper.make_node("DynamicQuantizeLSTM", ["x"], ["y"], domain="com.microsoft")
    says = refusal(model([node]).SerializeToString())
    assert "com.microsoft.DynamicQuantizeLSTM is not allowed in profile 'portable'" in says
    assert ModelFile.from_bytes(model([node], profile="int8").SerializeToString()).profile == "int8"


def test_refuses_defaulted_inputs() -> None:
    default = numpy_helper.from_array(np.zeros((1, 3), np.float32), "x")
    assert "input 'x' has a default value" in refusal(model(initializers=[default]).SerializeToString())


def test_refuses_deep_nesting() -> None:
    nodes: list[Any] = []
    for depth in range(30):
        nodes = [loop(f"l{depth}", "n", nodes)]
    assert "nested more than 24 deep" in refusal(model(nodes).SerializeToString())


def test_refuses_repeated_metadata() -> None:
    proto = model()
    entry = proto.metadata_props.add()
    entry.key, entry.value = "seqtools.task", "other"
    assert "'seqtools.task' is there twice" in refusal(proto.SerializeToString())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500), "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG image"),
        (b"To be, or not to be\n" * 40, "a text file"),
        ("Größe und Maß\n".encode() * 80, "a text file"),
        (pickle.dumps({"weights": [1.0, 2.0]}), "a Python pickle"),
        (b"PK\x03\x04" + bytes(300), "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", "git lfs pull"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"w":{}}' + b" " * 56, "a safetensors file"),
        (b"\x00", "not an ONNX file"),
        (bytes(1000), "not an ONNX file"),
        (b"\xff" * 1000, "not an ONNX file"),
        (b"\x08\x0a", "not an ONNX file"),
    ],
    ids=["empty", "jpeg", "png", "text", "utf-8", "pickle", "zip", "lfs", "tensors", "nul", "0", "ff", "ir"],
)  # fmt: skip
def test_refuses_other_files(data: bytes, says: str) -> None:
    assert says in refusal(data)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for path, says in (
        (tmp_path / "none.onnx", "no such file"),
        (run, "this is a folder"),
        (tmp_path / "none.onnx" / "x", "no such file"),
        (Path("a\0b"), "cannot be read"),
    ):
        with pytest.raises(ModelFileError, match=says) as caught:
            ModelFile.open(path)
        assert caught.value.exit_code == 3
    (run / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelFileError, match=r"Use .*model\.onnx"):
        ModelFile.open(run)


def test_limit_on_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model(card=json.dumps({"note": "x" * (2 << 20)})).SerializeToString())
    with pytest.raises(ModelFileError, match="larger than the limit of 1 MB"):
        ModelFile.open(path, limit=1 << 20)
    monkeypatch.setenv("SEQTOOLS_MAX_MODEL_MB", "1")
    with pytest.raises(ModelFileError, match="SEQTOOLS_MAX_MODEL_MB"):
        ModelFile.open(path)
    monkeypatch.setenv("SEQTOOLS_MAX_MODEL_MB", "3")
    assert ModelFile.open(path).task == "generate"


GOOD = model([loop("l", "n", [_constant(value=WEIGHTS)])]).SerializeToString()


def test_every_truncation_is_refused() -> None:
    for size in range(1, len(GOOD)):
        try:
            found = ModelFile.from_bytes(GOOD[:size], "m.onnx")
        except ModelFileError as error:
            assert "m.onnx: " in str(error)
        else:  # cut exactly between optional entries at the end: what is left is a whole model
            assert found.task == "generate" and found.profile == "portable"
    assert "cut short after 200 bytes" in refusal(GOOD[:200])


def test_every_flipped_bit_is_refused_or_harmless() -> None:
    for at in range(len(GOOD)):
        for bit in (0, 3, 7):
            data = bytearray(GOOD)
            data[at] ^= 1 << bit
            _opens_or_refuses(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_opened(data: bytes) -> None:
    _opens_or_refuses(data)
    _opens_or_refuses(b"\x08\x0a\x3a" + data)


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 20),
    insert=st.binary(max_size=30),
)
def test_any_splice_is_refused_or_opened(at: int, cut: int, insert: bytes) -> None:
    _opens_or_refuses(GOOD[:at] + insert + GOOD[at + cut :])


def _opens_or_refuses(data: bytes) -> None:
    try:
        assert isinstance(ModelFile.from_bytes(data), ModelFile)
    except ModelFileError as error:
        assert "\n" not in str(error)


@given(st.integers(0, 2**64 - 1))
def test_varints(value: int) -> None:
    data = bytearray()
    rest = value
    while rest > 127:
        data.append(rest & 0x7F | 0x80)
        rest >>= 7
    data.append(rest)
    assert varint(memoryview(bytes(data)), 0) == (value, len(data))


BROKEN = (
    b"\x80",
    b"\x08",
    b"\x08" + b"\x80" * 10 + b"\x01",
    b"\x0a\x05abc",
    b"\x0b",
    b"\x00\x00",
    b"\x09\x01",
)


@pytest.mark.parametrize("data", BROKEN)
def test_broken_fields(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(memoryview(data)))
