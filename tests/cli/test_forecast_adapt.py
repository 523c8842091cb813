"""`--adapt` of `seqtools forecast`, `backtest` and `evaluate` as a person meets it."""

from __future__ import annotations

import csv
import io
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import seqtools
from seqtools_forecast.adapting import FASTEST

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_forecast_file.py")))
STEPS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says what was four steps before, within 1 and 2, and a series that does just that."""
    made = tmp_path_factory.mktemp("adapting")
    day = np.datetime64("2024-01-01")
    until = int((day + 40).astype("datetime64[D]").astype(int))
    tiny.write(made / "model.onnx", until=until)
    tiny.write(made / "older.onnx")
    tiny.write(made / "draws.onnx", draws=True, until=until)
    lines = [f"{day + step},{(3, 1, 0, 2)[step % 4]}" for step in range(STEPS)]
    (made / "table.csv").write_text("\n".join(["ds,y", *lines, ""]))
    (made / "first.csv").write_text("\n".join(["ds,y", *lines[:40], ""]))
    return made


def table(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def width(rows: list[dict[str, str]], share: int) -> float:
    return float(rows[0][f"hi-{share}"]) - float(rows[0][f"lo-{share}"])


def test_intervals_that_were_too_wide_become_narrower(run_cli: Cli, folder: Path) -> None:
    asked = ("forecast", "-m", str(folder / "model.onnx"), str(folder / "table.csv"))
    fixed, adapted = table(run_cli(*asked)), run_cli(*asked, "--adapt", "20")
    rows = table(adapted)
    # All of 20 steps were inside, where a fifth and a twentieth might be outside.
    assert width(rows, 80) == pytest.approx(np.exp(-20 * FASTEST * 0.2) * width(fixed, 80))
    assert width(rows, 95) == pytest.approx(np.exp(-20 * FASTEST * 0.05) * width(fixed, 95))
    assert [row["mean"] for row in rows] == [row["mean"] for row in fixed]
    assert "widths of intervals over those calibrated" in adapted.stderr
    assert table(run_cli(*asked, "--adapt", "new")) == rows  # the file says that 20 steps came after training


def test_python_adapts_as_the_command_does(run_cli: Cli, folder: Path) -> None:
    asked = ("forecast", "-m", str(folder / "model.onnx"), str(folder / "table.csv"), "--adapt", "20")
    model = seqtools.load(folder / "model.onnx")
    values = np.array([(3.0, 1, 0, 2)[step % 4] for step in range(STEPS)])
    found = model.predict([values], adapt=20)
    low, high = found.interval(80)
    row = table(run_cli(*asked))[0]
    assert [low[0, 0, 0], high[0, 0, 0]] == pytest.approx([float(row["lo-80"]), float(row["hi-80"])])
    assert found.widths.shape == (1, 1, len(tiny.LEVELS))
    assert model.predict([values]).widths is None


def test_without_new_steps_intervals_are_as_calibrated(run_cli: Cli, folder: Path) -> None:
    asked = ("forecast", "-m", str(folder / "model.onnx"), str(folder / "first.csv"))
    adapted = run_cli(*asked, "--adapt", "new")
    assert table(adapted) == table(run_cli(*asked))
    assert "as calibrated" in adapted.stderr


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("model", ("--adapt", "0"), "no number of steps"),
        ("model", ("--adapt", "some"), "no number of steps"),
        ("model", ("--adapt", "9" * 30), "no number of steps"),
        ("older", ("--adapt", "new"), "cannot tell which"),
        ("draws", ("--adapt", "5", "--samples", "3"), "sample paths are not"),
    ],
)
def test_what_is_refused(
    run_cli: Cli, folder: Path, model: str, options: tuple[str, ...], words: str
) -> None:
    result = run_cli("forecast", "-m", str(folder / f"{model}.onnx"), str(folder / "table.csv"), *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("command", [("forecast", "backtest"), ("evaluate",)])
def test_windows_learn_from_those_before_them(run_cli: Cli, folder: Path, command: tuple[str, ...]) -> None:
    asked = (*command, "-m", str(folder / "model.onnx"), str(folder / "table.csv"))
    options = ("--windows", "6", "--stride", "3", "--json")
    fixed, adapted = (json.loads(run_cli(*asked, *options, *more).stdout) for more in ((), ("--adapt",)))
    assert (fixed["adapt"], adapted["adapt"]) == (False, True)
    assert fixed["scores"]["width_80"] == pytest.approx(2.0)
    # Three steps lie between windows.
    factors = np.exp(-3 * FASTEST * 0.2 * np.arange(6))
    assert adapted["scores"]["width_80"] == pytest.approx(2 * factors.mean())
    assert adapted["scores"]["mae"] == fixed["scores"]["mae"]


def test_windows_of_the_training_are_told(run_cli: Cli, folder: Path) -> None:
    asked = ("forecast", "backtest", "-m", str(folder / "model.onnx"), str(folder / "table.csv"))
    told = run_cli(*asked, "--windows", "9").stderr
    assert "3 of 9 windows begin before the end of the model's training (2024-02-09)" in told
    assert "flatters" not in run_cli(*asked, "--windows", "6").stderr


def test_what_came_after_is_one_window(run_cli: Cli, folder: Path) -> None:
    asked = ("evaluate", "-m", str(folder / "model.onnx"), str(folder / "first.csv"))
    result = run_cli(*asked, "--actual", str(folder / "table.csv"), "--adapt")
    assert result.exit_code == 2
    assert "which no other comes before" in result.stderr
