"""What a training leaves behind whose data are refused: nothing, whatever the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

Cli = Callable[..., Any]
REFUSED: dict[str, tuple[str, list[str]]] = {
    "generate": ("", ["in.txt"]),
    "translate": ("one line without a tab\n", ["in.txt"]),
    "sentiment": ("{]\n", ["in.txt"]),
    "tag": ("word\n\n", ["in.txt"]),
    "forecast": ("ds,y\n2020-01-01,1\nsoon,2\n", ["in.txt"]),
}
"""A file, and how it is named."""


@pytest.mark.parametrize("task", REFUSED)
def test_refused_data_leave_no_folder(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    text, words = REFUSED[task]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text(text)
    done = run_cli("train", task, *words, "-o", "runs/deep/mine", "--no-export")
    assert done.exit_code in (1, 2), done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: in.txt"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
