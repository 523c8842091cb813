"""`seqtools.load`: open a file, hand it to the task it names."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

import seqtools
from seqtools.discovery import EntryPoint
from seqtools.errors import ModelFileError, PluginError
from seqtools.model_file import ModelFile
from seqtools.plugin import TaskSpec, hookimpl
from seqtools.registry import Registry


class Counting:
    """A plugin with one task, `count`."""

    @hookimpl
    def seqtools_tasks(self) -> list[TaskSpec]:
        return [TaskSpec(name="count", target="counting_module:open_counter", summary="Count.")]


def test_the_task_gets_the_file_and_the_settings(
    plugin_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module: Any = types.ModuleType("counting_module")
    module.open_counter = lambda model, **settings: (model, settings)
    monkeypatch.setitem(sys.modules, "counting_module", module)
    plugin_registry.add(EntryPoint("counter", "m", "d", "1"), Counting())
    file = types.SimpleNamespace(task="count")
    monkeypatch.setattr(ModelFile, "open", lambda path: file if path == tmp_path / "m.onnx" else None)
    model, settings = seqtools.load(str(tmp_path / "m.onnx"), threads=2)
    assert model is file
    assert settings == {"device": "cpu", "threads": 2, "deadline": None}
    file.task = "cuont"
    with pytest.raises(PluginError, match=r"task 'cuont'.*Did you mean 'count'\?"):
        seqtools.load(tmp_path / "m.onnx")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelFileError):
        seqtools.load(tmp_path / "m.onnx")


def test_the_public_names_are_there() -> None:
    assert sorted(seqtools.__all__) == seqtools.__all__
    assert all(hasattr(seqtools, name) for name in seqtools.__all__)
