"""What may import what, at run time: inference without torch, plugins without weight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seqtools import loader
from seqtools.plugin import resolve

TRAINING_ONLY = {"torch", "onnx", "spox", "safetensors", "rich"}
INFERENCE = {"numpy", "onnxruntime", "sentencepiece"}
ROOT = Path(__file__).resolve().parents[2]


def modules_after(statement: str) -> set[str]:
    """Top-level packages loaded once a statement has run in a fresh Python."""
    script = f"{statement}\nimport sys\nprint(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("plugin", [entry.target for entry in loader.registry().plugins])
def test_a_plugin_module_is_light(plugin: str) -> None:
    assert not modules_after(f"import {plugin}") & (TRAINING_ONLY | INFERENCE)


def inference_targets() -> list[str]:
    """Everything that runs a model file: tasks, their evaluation, tokenizers, decoders, metrics, commands."""
    found = loader.registry()
    targets = [item.spec.target for item in found.tasks.values()]
    targets += [item.spec.evaluate for item in found.tasks.values() if item.spec.evaluate]
    for table in (found.tokenizers, found.decoders, found.scorers, found.constraints, found.metrics):
        targets += [item.spec.target for item in table.values()]
    return targets + [item.spec.target for item in found.commands.values()]


@pytest.mark.parametrize("target", sorted({target.partition(":")[0] for target in inference_targets()}))
def test_the_inference_path_never_imports_torch(target: str) -> None:
    assert not modules_after(f"import {target}") & TRAINING_ONLY


@pytest.mark.parametrize("key", sorted(loader.registry().commands))
def test_a_command_module_is_light(key: str) -> None:
    """Completion and `--help` of a command import its module: click and nothing more."""
    module = loader.registry().commands[key].spec.target.partition(":")[0]
    assert not modules_after(f"import {module}") & (TRAINING_ONLY | INFERENCE)


def all_targets() -> list[str]:
    found = loader.registry()
    kinds = ("commands", "tasks", "tokenizers", "cells", "decoders", "scorers", "constraints", "metrics")
    targets = set()
    for table in (getattr(found, kind) for kind in kinds):
        for item in table.values():
            values = (
                getattr(item.spec, field, "")
                for field in ("target", "graph", "lowering", "evaluate", "export")
            )
            targets |= {value for value in values if value}
    return sorted(targets)


@pytest.mark.parametrize("target", all_targets())
def test_every_target_of_ours_can_be_imported(target: str) -> None:
    assert resolve(target, "target") is not None


def test_generating_never_loads_torch() -> None:
    bundled = ROOT / "plugins" / "seqtools_generate" / "models" / "shakespeare.onnx"
    if not bundled.is_file():
        pytest.skip("needs the bundled model")
    loaded = modules_after(
        "from seqtools.cli import root\n"
        "try: root(['generate', 'ROMEO:', '-n', '4', '--seed', '1'])\n"
        "except SystemExit as end: assert not end.code"
    )
    assert not loaded & TRAINING_ONLY
    assert "onnxruntime" in loaded
