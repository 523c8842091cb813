"""Sessions: quiet, guarded, on the device asked for."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from seqtools.errors import DeviceError, ModelFileError, SeqtoolsError, UsageError
from seqtools.runtime.providers import CPU, CUDA, candidates
from seqtools.runtime.session import Session


def counting_model() -> bytes:
    """A loop that adds `x [batch]` to itself `times` times: as slow as one likes."""
    port = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["carried", "x"], ["sum"]),
        ],
        "body",
        [
            port("turn", TensorProto.INT64, []),
            port("go", TensorProto.BOOL, []),
            port("carried", TensorProto.FLOAT, None),
        ],
        [port("go_on", TensorProto.BOOL, []), port("sum", TensorProto.FLOAT, None)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["times", "", "x"], ["y"], body=body)],
        "counting",
        [port("times", TensorProto.INT64, []), port("x", TensorProto.FLOAT, ["batch"])],
        [port("y", TensorProto.FLOAT, ["batch"])],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    data: bytes = onnx.ModelProto.SerializeToString(model)
    return data


def feeds(times: int, batch: int = 2) -> dict[str, object]:
    return {"times": np.array(times, np.int64), "x": np.ones(batch, np.float32)}


def test_it_runs_and_tells_its_names() -> None:
    session = Session(counting_model(), threads=2, spin=True, deadline=30)
    assert (session.inputs, session.outputs, session.provider) == (["times", "x"], ["y"], CPU)
    assert session.run(["y"], feeds(3))[0].tolist() == [4, 4]


def test_a_run_over_its_deadline_is_stopped() -> None:
    session = Session(counting_model(), subject="slow.onnx", deadline=0.2)
    with pytest.raises(SeqtoolsError, match=r"slow\.onnx: one run took longer than the deadline of 0\.2 s"):
        session.run(["y"], feeds(1 << 40))
    assert session.run(["y"], feeds(1))[0].tolist() == [2, 2]  # the next one is not hurt


def test_an_empty_batch_never_reaches_onnxruntime() -> None:
    with pytest.raises(UsageError, match="batch is empty"):
        Session(counting_model()).run(["y"], feeds(1, batch=0))


def test_a_failed_run_is_one_line() -> None:
    with pytest.raises(SeqtoolsError, match="could not run it") as caught:
        Session(counting_model()).run(["y"], {"times": np.array(1, np.int32), "x": np.ones(1, np.float32)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"threads": -1}, {"deadline": 0}, {"deadline": float("nan")}])
def test_settings_out_of_range(setting: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="out of range"):
        Session(counting_model(), **setting)  # type: ignore[arg-type]


def test_a_graph_that_onnxruntime_refuses() -> None:
    model = onnx.load_from_string(counting_model())
    model.graph.node[0].op_type = "Lopp"
    with pytest.raises(ModelFileError, match=r"m\.onnx: onnxruntime refuses it"):
        Session(model.SerializeToString(), subject="m.onnx")


def test_which_providers_are_tried() -> None:
    assert candidates("cpu", [CUDA, CPU]) == [[CPU]]
    assert candidates("auto", [CPU]) == [[CPU]]
    assert candidates("auto", [CUDA, CPU]) == [[CUDA, CPU], [CPU]]
    assert candidates("cuda", [CUDA, CPU]) == [[CUDA, CPU]]
    with pytest.raises(UsageError, match="'gpu' is unknown"):
        candidates("gpu", [CPU])
    with pytest.raises(DeviceError, match=r"no CUDA support.*--device cpu"):
        candidates("cuda", [CPU])


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_cuda_that_is_listed_but_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with pytest.raises(DeviceError, match="lists CUDA but cannot open it here"):
        Session(counting_model(), device="cuda")
    assert Session(counting_model(), device="auto").provider == CPU


def test_onnxruntime_is_imported_late() -> None:
    script = "import seqtools.runtime.session, sys; assert 'onnxruntime' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
