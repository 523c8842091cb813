"""Arrays of a graph under construction: one copy of equal ones, a name of its own for every other."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("spox")

import onnxruntime as ort
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument

from seqtools.export.graph import Weights


def test_equal_arrays_are_one_and_others_never_take_their_name() -> None:
    weights = Weights()
    ones, twos = np.ones(3, np.float32), np.full(3, 2, np.float32)
    first = weights.add("key", ones)
    assert weights.add("other", ones.copy()) is first
    second, third = weights.add("key", twos), weights.add("key", twos + 1)
    assert weights.add("key", twos) is second
    x = argument(Tensor(np.float32, (3,)))
    told = op.add(op.mul(x, op.add(first, second)), third)
    model = weights.build({"x": x}, {"y": told})
    assert [part.name for part in model.graph.initializer] == ["key", "key.2", "key.3"]
    session = ort.InferenceSession(model.SerializeToString())
    assert session.run(None, {"x": np.array([0, 1, 10], np.float32)})[0].tolist() == [3, 6, 33]
