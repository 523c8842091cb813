"""`seqtools forecast detect`: values that a model did not expect."""

from __future__ import annotations

import csv
import dataclasses
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

from seqtools_forecast.run import Forecaster

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_forecast_file.py")))
COLUMNS = ["unique_id", "ds", "y", "mean", "lo-95", "hi-95", "score", "anomaly"]


def text(values: np.ndarray, name: str = "a") -> str:
    day = np.datetime64("2024-01-01")
    return "".join(f"{name},{day + step},{value:g}\n" for step, value in enumerate(values))


SEASON = np.array([3.0, -1, 0, -2])[np.arange(40) % 4]
ODD = SEASON + 50 * (np.arange(40) == 20)
TABLE = "unique_id,ds,y\n" + text(ODD) + text(SEASON, "b")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tiny.write(tmp_path_factory.mktemp("detect") / "model.onnx")
    return made


@pytest.fixture
def detect(run_cli: Cli, model: Path) -> Cli:
    return lambda *arguments, **more: run_cli("forecast", "detect", "-m", model, *arguments, **more)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def failed(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.exception or result.stdout
    assert all(word in result.stderr for word in words), result.stderr


def table(told: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told)))


def test_a_jump_is_found_and_so_is_its_echo(detect: Cli) -> None:
    done = detect("-", input=TABLE)
    found = table(ok(done))
    assert list(found[0]) == COLUMNS
    # The model expects what was a season ago: the jump, and its absence a season later, are odd to it.
    assert [(row["unique_id"], row["ds"]) for row in found] == [("a", "2024-01-21"), ("a", "2024-01-25")]
    first = {name: float(value) for name, value in list(found[0].items())[2:]}
    assert first["y"] == 53 and (first["lo-95"], first["mean"], first["hi-95"]) == (1, 3.5, 5)
    assert first["score"] == pytest.approx(50 / 2 * 1.959964, rel=1e-5) and first["anomaly"] == 1
    assert float(found[1]["score"]) == pytest.approx(-first["score"])
    assert "2 of 64 values are anomalies (share 0.001 expected)" in done.stderr


def test_all_values_and_a_larger_share(detect: Cli, tmp_path: Path) -> None:
    rows = table(ok(detect("-", "--all", input=TABLE)))
    assert len(rows) == 64 and sum(int(row["anomaly"]) for row in rows) == 2
    assert rows[0]["ds"] == "2024-01-09"
    noisy = "unique_id,ds,y\n" + text(SEASON + 1.5 * (np.arange(40) == 30))
    assert table(ok(detect("-", input=noisy))) == []
    assert [row["ds"] for row in table(ok(detect("-", "--share", "0.2", input=noisy)))] == [
        "2024-01-31", "2024-02-04",
    ]  # fmt: skip
    strided = table(ok(detect("-", "--all", "--stride", "3", input=TABLE)))
    assert [row["anomaly"] for row in strided] == [row["anomaly"] for row in rows]
    ok(detect("-", "-o", tmp_path / "found.jsonl", input=TABLE))
    told = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [list(row) for row in told] == [COLUMNS] * 2 and told[0]["y"] == 53


def test_missing_values_are_not_judged(detect: Cli) -> None:
    rows = table(ok(detect("-", "--all", input=TABLE.replace("a,2024-01-31,0", "a,2024-01-31,"))))
    assert len(rows) == 63 and "2024-01-31" not in {row["ds"] for row in rows if row["unique_id"] == "a"}


def test_intervals_are_called_what_they_are(detect: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Forecaster.at

    def narrow(levels: tuple[float, ...]) -> None:
        def at(self: Any, *asked: Any, **more: Any) -> Any:
            mean, quantiles, paths = whole(self, *asked, **more)
            return mean, quantiles[..., 1 : 1 + len(levels)], paths

        shape = property(
            lambda self: dataclasses.replace(self.about.shape, levels=levels), lambda self, _: None
        )
        monkeypatch.setattr(Forecaster, "shape", shape, raising=False)
        monkeypatch.setattr(Forecaster, "at", at)

    narrow(tiny.LEVELS[1:4])
    rows = table(ok(detect("-", "--all", input=TABLE)))
    assert list(rows[0]) == [*COLUMNS[:4], "lo-80", "hi-80", *COLUMNS[6:]]
    narrow((0.5,))
    failed(detect("-", input=TABLE), 2, "it tells no interval")


def test_several_targets_are_judged_each(run_cli: Cli, tmp_path: Path) -> None:
    tiny.write(tmp_path / "two.onnx", targets=2)
    lines = "".join(
        f"{np.datetime64('2024-01-01') + step},{a:g},{b:g}\n"
        for step, (a, b) in enumerate(zip(SEASON, ODD, strict=True))
    )
    done = run_cli("forecast", "detect", "-m", tmp_path / "two.onnx", "-", input="ds,a,b\n" + lines)
    rows = table(ok(done))
    assert list(rows[0]) == [*COLUMNS[:2], "target", *COLUMNS[2:]]
    assert [(row["target"], row["ds"]) for row in rows] == [("b", "2024-01-21"), ("b", "2024-01-25")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-", "--share", "0"), "--share: 0 is out of range"),
        (("-", "--stride", "4"), "Use 1 to 3, the model's horizon"),
        (("-", "--stride", "0"), "--stride: 0 is out of range"),
        (("-", "--format", "parquet"), "does not go to stdout"),
        ((), "there is no table to read"),
    ],
)
def test_what_cannot_be_asked(detect: Cli, arguments: tuple[str, ...], words: str) -> None:
    failed(detect(*arguments, input=TABLE), 2, words)


def test_tables_that_cannot_be_judged(detect: Cli) -> None:
    hours = "".join(f"a,2024-01-01 {hour:02}:00,{hour}\n" for hour in range(12))
    failed(detect("-", input="unique_id,ds,y\n" + hours), 1, "their step is h")
    assert ok(detect("-", input="unique_id,ds,y\na,2024-01-01,1\n")).splitlines() == [",".join(COLUMNS)]
