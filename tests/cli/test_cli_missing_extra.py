"""A base install, without the [train] extra: what needs it says so, what does not works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ABSENT = "raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"


@pytest.fixture
def base_install(tmp_path: Path) -> dict[str, str]:
    """An environment in which no package of the extra can be imported."""
    folder = tmp_path / "absent"
    folder.mkdir()
    for name in ("torch", "onnx", "spox", "safetensors", "rich"):
        (folder / f"{name}.py").write_text(ABSENT.format(name=name))
    return {"PYTHONPATH": str(folder)}


def test_training_asks_for_the_extra(
    base_install: dict[str, str], run_process: Callable[..., Any], tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("To be, or not to be, that is the question.\n" * 100)
    done = run_process("train", "generate", text, "-o", tmp_path / "run", env=base_install)
    assert done.returncode == 4, done.stderr
    assert 'pip install "seqtools-suite[train]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["plugins", "list"],
        ["generate", "--help"],
        ["train", "generate", "--help"],
        ["export", "--help"],
    ],
    ids=" ".join,
)
def test_everything_else_works_without_it(
    base_install: dict[str, str], run_process: Callable[..., Any], words: list[str]
) -> None:
    done = run_process(*words, env=base_install)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["torch", "safetensors.torch"])
def test_a_late_import_inside_a_command_is_told_the_same_way(
    name: str, run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtools import doctor

    def refuse() -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(doctor, "examine", refuse)
    done = run_cli("doctor")
    assert done.exit_code == 4
    assert done.stderr.startswith(f"Error: this command: it needs the package '{name.partition('.')[0]}'")
