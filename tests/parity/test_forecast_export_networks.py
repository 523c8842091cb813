"""Forecast files against torch: every network, with everything beside the history and with nothing."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqtools_forecast.graph import build
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import verify

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))

RICH = {"past": 2, "future": 3, "numbers": 2, "categories": (3, 4), "periods": ((24, 1), (876_582, 100))}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "segment": ({}, {}),
    "segment with all": ({"calendar": True, "deep": True, "linear": True, "affine": True}, RICH),
    "segments that do not fit": ({"segment": 5, "calendar": True, "observed": False}, RICH),
    "two LSTMs": ({"cell": "lstm.v1", "layers": 2, "layer_norm": "between", "learned_state": True}, {}),
    "a plain RNN": ({"cell": "rnn_tanh.v1"}, {}),
    "gates normalised": ({"layer_norm": "cell"}, {}),
    "recurrent": ({"kind": "recurrent"}, {}),
    "recurrent with all": ({"kind": "recurrent", "calendar": True}, RICH),
    "dilated": ({"kind": "recurrent", "layers": 2, "dilations": "1,4", "last_width": 5}, {}),
    "seq2seq": ({"kind": "seq2seq", "attention": "additive"}, {}),
    "seq2seq with all": ({"kind": "seq2seq", "attention": "scaled_dot", "calendar": True}, RICH),
    "three targets": ({"calendar": True, "affine": True}, {"targets": 3, **RICH}),
    "three that are mixed": ({"mixing": True}, {"targets": 3}),
    "five networks": ({"members": 5, "transform": "log"}, {}),
    "two that are linear": ({"members": 2}, {}),
    "a thin map": ({"linear": True, "linear_rank": 3}, {}),
    "a map in one of two": ({"members": 2, "linear": True, "linear_members": 1}, {}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_says_what_torch_says(name: str) -> None:
    config, like = NETWORKS[name]
    shape = tiny.shape(**like)
    parts = tiny.parts(config, shape, tiny.calibration(shape))
    parity = verify(Runner(build(parts, card={}).SerializeToString()), parts)
    assert set(parity.largest) == {"quantiles", "mean"}
    assert parity.tokens == 40  # five lengths of eight series
    assert parity.worst <= 1e-5, parity.largest
