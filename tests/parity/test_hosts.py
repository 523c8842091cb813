"""The same file in other hosts: Node and WASM run the self-test that a model file carries."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqtools.bundled import bundled_model
from seqtools.loader import task
from seqtools.model_file import ModelFile

SCRIPT = Path(__file__).parents[1] / "hosts" / "parity.mjs"


CASES = {
    "generate": {"greedy", "sampled", "score"},
    "translate": {"search", "score"},
    "sentiment": {"batch", "one text"},
    "tag": {"text", "words"},
    "forecast": {"one series", "two series"},
}


HOSTS = ("onnxruntime-node", "onnxruntime-web")
FORECASTERS: dict[str, dict[str, Any]] = {
    "segment": {"transform": "log", "location": "seasons", "scale": "difference", "residual": "both"},
    "seq2seq": {"kind": "seq2seq", "cell": "lstm.v1", "location": "median", "scale": "robust"},
    "smoothing": {"kind": "smoothing"},
    "deepar": {"kind": "deepar", "head": "student"},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("host", HOSTS)
def test_bundled_models_give_the_same_answers_in_javascript(host: str, name: str, tmp_path: Path) -> None:
    results = answers(host, bundled_model(task(name)), tmp_path)
    assert CASES[name] <= {result["name"] for result in results}
    # Versions of onnxruntime quantise activations a little differently on their way through an int8 LSTM.
    tolerance = 1e-5 if name == "generate" else 0.05
    assert all(result["largest"] <= tolerance and not result["unequal"] for result in results)


@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.parametrize("host", HOSTS)
def test_forecasters_read_gaps_alike_in_javascript(host: str, name: str, tmp_path: Path) -> None:
    module(host)
    here = Path(__file__).resolve().parents[1] / "unit" / "tiny_forecast_parts.py"
    tiny: Any = SimpleNamespace(**runpy.run_path(str(here)))
    shape = tiny.shape()
    fitted = tiny.calibration(shape, "seasonal naive 4", 0.7)
    path = tiny.write(tmp_path / "model.onnx", FORECASTERS[name], like=shape, fitted=fitted)
    results = answers(host, path, tmp_path)
    assert {result["name"] for result in results} == {"one series", "two series"}
    assert all(result["largest"] <= 1e-4 and not result["unequal"] for result in results)


def module(host: str) -> tuple[str, Path]:
    """Node, and the folder in which it finds onnxruntime."""
    modules = Path(os.environ.get("SEQTOOLS_NODE_MODULES", "node_modules"))
    node = shutil.which("node")
    if node is None or not (modules / host).is_dir():
        pytest.skip(f"needs node and {host} in $SEQTOOLS_NODE_MODULES")
    return node, modules.parent


def answers(host: str, path: Path, folder: Path) -> list[dict[str, Any]]:
    """What the self-test of a file finds in a host, case by case."""
    node, where = module(host)
    cases = folder / "cases.json"
    cases.write_text(json.dumps(ModelFile.open(path).parity, allow_nan=False), encoding="utf-8")
    done = subprocess.run(
        [node, SCRIPT, host, path, cases], cwd=where, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
