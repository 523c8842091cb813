"""`seqtools evaluate` and `seqtools forecast backtest` for forecasters, with a small real file."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_forecast_file.py")))
COUNTS = ["series", "windows", "dropped", "horizon", "season"]
FIGURES = [*COUNTS, "scores", "floors", "relative", "steps", "cutoffs", "worst", "verdict"]
FLOORS = ["naive", "seasonal_naive", "drift", "theta", "ets", "naive2"]
METRICS = [
    "mae", "mse", "rmse", "smape", "mase", "crps", "wql", "sql", "msis", "bias", "coverage_80", "coverage_95",
    "width_80", "width_95", "owa",
]  # fmt: skip


def values(name: str) -> np.ndarray:
    rng = np.random.default_rng(ord(name))
    season = np.array([3.0, -1, 0, -2])[np.arange(40) % 4]
    found: np.ndarray = (20 + season + rng.normal(0, 0.5, 40)).round(3)
    return found


def write(path: Path, rows: dict[str, np.ndarray], first: int = 0) -> Path:
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["unique_id", "ds", "y"])
        for name, row in rows.items():
            for step, value in enumerate(row):
                table.writerow([name, np.datetime64("2024-01-01") + first + step, value])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("forecasts")
    tiny.write(made / "model.onnx")
    write(made / "whole.csv", {name: values(name) for name in "ab"})
    write(made / "train.csv", {name: values(name)[:37] for name in "ab"})
    write(made / "test.csv", {name: values(name)[37:] for name in "ab"}, 37)
    return made


@pytest.fixture
def evaluate(run_cli: Cli, folder: Path) -> Cli:
    return lambda *arguments: run_cli("evaluate", "-m", folder / "model.onnx", *arguments)


@pytest.fixture
def backtest(run_cli: Cli, folder: Path) -> Cli:
    return lambda *arguments: run_cli("forecast", "backtest", "-m", folder / "model.onnx", *arguments)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def failed(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code and result.stdout == "", result.stdout
    assert all(word in result.stderr for word in words), result.stderr


def test_golden_keys_and_figures(evaluate: Cli, folder: Path) -> None:
    told = json.loads(ok(evaluate(folder / "whole.csv", "--windows", "2", "--json")))
    assert list(told) == ["model", "files", "actual", "adapt", "seconds", *FIGURES]
    assert [told[name] for name in COUNTS] == [2, 4, 0, 3, 4]
    assert list(told["scores"]) == METRICS and list(told["floors"]) == FLOORS
    errors = np.array(
        [
            np.abs(values(name)[end - 3 : end] - values(name)[end - 7 : end - 4])
            for name in "ab"
            for end in (37, 40)
        ]
    )
    assert told["scores"]["mae"] == pytest.approx(errors.mean(), rel=1e-5)
    assert [one["mae"] for one in told["steps"]] == pytest.approx(errors.mean(axis=0), rel=1e-5)
    assert [one["step"] for one in told["steps"]] == [1, 2, 3]
    assert told["scores"]["mase"] == pytest.approx(told["floors"]["seasonal_naive"]["mase"], rel=1e-5)
    assert told["relative"]["seasonal_naive"] == 1 and told["relative"]["model"] > 0
    assert [one["from"] for one in told["cutoffs"]] == ["2024-02-03", "2024-02-06"]
    assert sorted(one["series"] for one in told["worst"]) == ["a", "b"]


def test_the_table(evaluate: Cli, folder: Path) -> None:
    lines = ok(evaluate(folder / "whole.csv", "--worst", "1")).splitlines()
    assert lines[0].startswith("model.onnx on ") and lines[1] == "2 windows of 2 series, 3 steps ahead"
    assert [line.split()[0] for line in lines[3:10]] == [
        "model", "naive", "seasonal", "drift", "Theta", "ETS", "Naive2",
    ]  # fmt: skip
    assert lines[10] == "Intervals of the model are 2 (80 %), 4 (95 %) wide on average."
    assert "earn its place" in lines[11] or "beats every simple method" in lines[11]
    assert lines[13].startswith("step ahead")
    assert [line.split()[0] for line in lines[14:17]] == ["1", "2", "3"]
    assert lines[18].startswith("worst series") and len(lines) == 20
    plain = ok(evaluate(folder / "whole.csv", "--no-floors", "--worst", "0"))
    assert "naive" not in plain and "worst" not in plain and "relative" not in plain


def test_what_came_after_stands_in_another_table(evaluate: Cli, folder: Path) -> None:
    whole = json.loads(ok(evaluate(folder / "whole.csv", "--json")))
    apart = json.loads(ok(evaluate(folder / "train.csv", "--actual", folder / "test.csv", "--json")))
    assert apart["actual"] == [str(folder / "test.csv")]
    for name in FIGURES:
        assert apart[name] == whole[name]


def test_m4_tables_go_by_order(evaluate: Cli, folder: Path, tmp_path: Path) -> None:
    for part, cut in (("train", slice(0, 37)), ("test", slice(37, 40))):
        rows = [[name, *values(name)[cut]] for name in "ab"]
        heads = [f"V{place}" for place in range(1, len(rows[0]) + 1)]
        with (tmp_path / f"Daily-{part}.csv").open("w", newline="") as stream:
            csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC).writerows([heads, *rows])
    wide = ok(evaluate(tmp_path / "Daily-train.csv", "--actual", tmp_path / "Daily-test.csv", "--json"))
    long = ok(evaluate(folder / "whole.csv", "--json"))
    assert json.loads(wide)["scores"] == json.loads(long)["scores"]


def test_the_season_is_that_of_the_model_or_as_told(evaluate: Cli, folder: Path) -> None:
    told = json.loads(ok(evaluate(folder / "whole.csv", "--season", "1", "--json")))
    scale = np.array([np.abs(np.diff(values(name)[:37])).mean() for name in "ab"])
    errors = np.array([np.abs(values(name)[37:] - values(name)[33:36]).mean() for name in "ab"])
    assert told["season"] == 1 and told["scores"]["mase"] == pytest.approx((errors / scale).mean(), rel=1e-5)
    assert "seasonal_naive" not in told["floors"]


def test_backtest_tells_by_cutoff(backtest: Cli, folder: Path) -> None:
    lines = ok(backtest(folder / "whole.csv", "--windows", "4", "--stride", "2")).splitlines()
    assert lines[0] == "8 windows of 2 series, 3 steps ahead"
    head, *rows = lines[lines.index("") + 1 :]
    assert head.startswith("cutoff") and head.endswith("best simple method")
    assert [row.split()[:2] for row in rows] == [
        ["2024-01-31", "2"], ["2024-02-02", "2"], ["2024-02-04", "2"], ["2024-02-06", "2"],
    ]  # fmt: skip
    told = json.loads(ok(backtest(folder / "whole.csv", "--windows", "4", "--stride", "2", "--json")))
    assert list(told) == ["model", "files", "stride", "refit", "adapt", *FIGURES]
    assert (told["stride"], told["refit"], told["windows"]) == (2, False, 8)
    assert [list(one) for one in told["cutoffs"]] == [["from", "to", "windows", "scores", "relative"]] * 4


def test_backtest_writes_each_forecast(backtest: Cli, folder: Path, tmp_path: Path) -> None:
    told = backtest(folder / "whole.csv", "--windows", "2", "-o", "-", "--levels", "80")
    rows = list(csv.DictReader(ok(told).splitlines()))
    assert "seasonal naive" in told.stderr  # the figures make way for the data
    assert list(rows[0]) == ["unique_id", "ds", "cutoff", "y", "mean", "lo-80", "hi-80"]
    assert [(row["unique_id"], row["cutoff"]) for row in rows] == [
        (name, cutoff) for name in "ab" for cutoff in ("2024-02-03", "2024-02-06") for _ in range(3)
    ]
    last = rows[3]
    assert (last["ds"], float(last["y"])) == ("2024-02-07", values("a")[37])
    assert float(last["mean"]) == pytest.approx(values("a")[33] + 0.5, rel=1e-6)
    assert float(last["lo-80"]) == pytest.approx(values("a")[33] - 1, rel=1e-6)
    path = tmp_path / "out.jsonl"
    shown = ok(backtest(folder / "whole.csv", "--windows", "2", "-o", path))
    assert "cutoff" in shown and len(path.read_text().splitlines()) == 12
    assert "lo-95" in json.loads(path.read_text().splitlines()[0])


def test_two_targets_have_rows_of_their_own(run_cli: Cli, tmp_path: Path) -> None:
    model = tiny.write(tmp_path / "two.onnx", targets=2)
    lines = ["ds,a,b"]
    pairs = zip(values("a"), values("b"), strict=True)
    lines += [f"{np.datetime64('2024-01-01') + step},{a},{b}" for step, (a, b) in enumerate(pairs)]
    (tmp_path / "two.csv").write_text("\n".join(lines))
    arguments = ("forecast", "backtest", "-m", model, tmp_path / "two.csv", "--windows", "1")
    told = json.loads(ok(run_cli(*arguments, "--json")))
    errors = [np.abs(values(name)[37:] - values(name)[33:36]).mean() for name in "ab"]
    assert told["scores"]["mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    rows = list(csv.DictReader(ok(run_cli(*arguments, "-o", "-", "--levels", "80")).splitlines()))
    assert list(rows[0])[2:5] == ["cutoff", "a", "b"] and len(rows) == 3
    assert float(rows[0]["b"]) == values("b")[37]
    assert float(rows[0]["b-mean"]) == pytest.approx(values("b")[33] + 0.5, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("FILE", "no table to score on")),
        (("whole.csv", "--windows", "0"), ("--windows", "0 is out of range")),
        (("whole.csv", "--stride", "-1"), ("--stride", "out of range")),
        (("whole.csv", "--season", "0"), ("--season", "out of range")),
        (("whole.csv", "--batch-size", "0"), ("--batch-size", "out of range")),
        (("train.csv", "--actual", "test.csv", "--windows", "2"), ("--windows", "--actual")),
    ],
)
def test_what_evaluate_refuses(
    evaluate: Cli,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(folder)
    failed(evaluate(*arguments), 2, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("FILE", "no table to score on")),
        (("whole.csv", "--windows", "0"), ("--windows", "out of range")),
        (("whole.csv", "--recipe", "x.toml"), ("--recipe", "without --refit")),
        (("whole.csv", "--refit"), ("--refit", "no recipe to train by", "resolved.toml is not there")),
        (("whole.csv", "--json", "-o", "-"), ("--json", "stdout has the forecasts already")),
        (("whole.csv", "--format", "parquet"), ("Parquet",)),
        (("whole.csv", "--levels", "99"), ("nothing beyond intervals of 95 %",)),
        (("whole.csv", "--levels", "x"), ("no percentage",)),
    ],
)
def test_what_backtest_refuses(
    backtest: Cli,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(folder)
    failed(backtest(*arguments), 2, *words)


def test_series_that_cannot_be_scored(evaluate: Cli, folder: Path, tmp_path: Path) -> None:
    short = write(tmp_path / "short.csv", {"a": values("a")[:3]})
    failed(evaluate(short), 1, "the longest has 3 steps, too few to compare 3")
    other = write(tmp_path / "other.csv", {"x": values("a")[37:], "y": values("b")[37:]}, 37)
    failed(evaluate(folder / "train.csv", "--actual", other), 1, "no series of the same name, like 'a'")
    early = write(tmp_path / "early.csv", {name: values(name)[:3] for name in "ab"})
    failed(evaluate(folder / "train.csv", "--actual", early), 1, "none of its rows comes within the horizon")


def test_a_recipe_for_something_else_is_refused(backtest: Cli, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    for text, words in (
        ('task = "sentiment"', "it is a recipe for 'sentiment'"),
        ('task = "forecast"\n[data]\nhorizon = 9', "its horizon is 9, and that of the model 3"),
    ):
        recipe.write_text(text)
        failed(backtest(folder / "whole.csv", "--refit", "--recipe", recipe), 2, words)


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (2, ("cutoff 2024-01-03: the longest series has 3 steps up to there, and training wants 4 or more",
             "Use fewer --windows, or a smaller --stride")),
        (1, ("cutoff 2024-01-03: the longest series has 3 steps", "Give longer series")),
    ],
)  # fmt: skip
def test_a_cutoff_with_too_little_before_it_is_named(
    backtest: Cli, tmp_path: Path, windows: int, words: tuple[str, ...]
) -> None:
    recipe, length = tmp_path / "recipe.toml", 3 + 3 * windows
    recipe.write_text('task = "forecast"\n')
    table = write(tmp_path / "short.csv", {"a": values("a")[:length], "b": values("b")[: length - 1]})
    failed(backtest(table, "--windows", str(windows), "--refit", "--recipe", recipe), 1, *words)


def test_refitting_trains_before_each_cutoff_on_what_comes_before(
    backtest: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtools_forecast import train_run

    seen: list[tuple[list[int], int, int, str]] = []

    def train(run: Any, recipe: Any, fill: Any, *, floor: bool, report: Any) -> None:
        store = fill(run.path / "data")
        data = recipe.data
        seen.append((store.lengths.tolist(), data.test_windows, data.horizon, data.levels))
        shutil.copy(folder / "model.onnx", run.path / "model.onnx")

    monkeypatch.setattr(train_run, "train_filled", train)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('task = "forecast"\n\n[data]\ntest_windows = 4\n')
    told = json.loads(
        ok(backtest(folder / "whole.csv", "--windows", "2", "--refit", "--recipe", recipe, "--json"))
    )
    settled = (0, 3, "0.025,0.1,0.5,0.9,0.975")
    assert seen == [([34, 34], *settled), ([37, 37], *settled)] and told["refit"] is True
    plain = json.loads(ok(backtest(folder / "whole.csv", "--windows", "2", "--json")))
    assert told["scores"] == pytest.approx(plain["scores"])
    for one, other in zip(told["cutoffs"], plain["cutoffs"], strict=True):
        assert one["scores"] == pytest.approx(other["scores"]) and one["from"] == other["from"]


def test_more_windows_than_there_is_room_for_are_told(backtest: Cli, folder: Path) -> None:
    told = backtest(folder / "whole.csv", "--windows", "100", "--no-floors").stderr
    assert "100 windows were asked for, and no series has room for more than" in told
    assert "were asked for" not in backtest(folder / "whole.csv", "--windows", "2", "--no-floors").stderr
