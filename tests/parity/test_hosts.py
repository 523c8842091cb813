"""The same file in other hosts: Node and WASM run the self-test that a model file carries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

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
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("host", ["onnxruntime-node", "onnxruntime-web"])
def test_bundled_models_give_the_same_answers_in_javascript(host: str, name: str, tmp_path: Path) -> None:
    modules = Path(os.environ.get("SEQTOOLS_NODE_MODULES", "node_modules"))
    node = shutil.which("node")
    if node is None or not (modules / host).is_dir():
        pytest.skip(f"needs node and {host} in $SEQTOOLS_NODE_MODULES")
    path = bundled_model(task(name))
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(ModelFile.open(path).parity), encoding="utf-8")
    done = subprocess.run(
        [node, SCRIPT, host, path, cases], cwd=modules.parent, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert CASES[name] <= {result["name"] for result in results}
    # Versions of onnxruntime quantise activations a little differently on their way through an int8 LSTM.
    tolerance = 1e-5 if name == "generate" else 0.05
    assert all(result["largest"] <= tolerance and not result["unequal"] for result in results)
