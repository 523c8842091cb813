"""`seqtools train forecast` as a person uses it: small runs, second starts, trials, bad input."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from safetensors.torch import load_file

from seqtools import config
from seqtools.errors import ConfigError
from seqtools_forecast.auto import candidates, train_auto
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.retraining import folds
from seqtools_forecast.run_folder import ForecastRun
from seqtools_forecast.train_run import train_forecast

Cli = Callable[..., Any]
UNIT = Path(__file__).parents[1] / "unit"
TINY_SERIES = SimpleNamespace(**runpy.run_path(str(UNIT / "tiny_series.py")))
TINY = [
    "--width",
    5,
    "--batch-size",
    8,
    "--no-export",
    "--season",
    6,
    "--horizon",
    4,
    "--set",
    "training.warmup=2",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Four series of 60 days as a long table."""
    return Path(TINY_SERIES.csv(tmp_path / "series.csv", count=4, steps=60))


@pytest.fixture
def train(run_cli: Cli, tmp_path: Path) -> Cli:
    """`train(words…, name=, steps=)`: a tiny run in a folder of that name; the click result."""

    def run(*words: object, name: str = "run", steps: int | None = 4, code: int = 0) -> Any:
        length = [] if steps is None else ["--steps", steps]
        done = run_cli("train", "forecast", *words, "-o", tmp_path / name, *TINY, *length)
        assert done.exit_code == code, done.stderr
        return done

    return run


def stop_message(done: Any) -> str:
    line = str(done.stderr).splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.stderr
    return line


def test_a_csv_makes_a_run_that_says_what_it_chose_and_how_good_it_is(
    train: Cli, file: Path, tmp_path: Path
) -> None:
    done = train(file)
    run = ForecastRun(tmp_path / "run")
    there = {path.name for path in run.path.iterdir()}
    wanted = {
        "recipe.toml",
        "resolved.toml",
        "shape.json",
        "calibration.json",
        "floor.json",
        "best.safetensors",
    }
    assert wanted <= there
    assert not list(run.data.glob("*.tmp"))
    assert run.recipe().network.transform == "auto" and run.resolved().network.transform == "log"
    assert run.shape().horizon == 4 and run.shape().seasons == (6,)
    scores = run.floor()["scores"]
    assert scores.keys() == {"network", "file", "naive", "seasonal_naive", "drift", "theta", "ets"}
    for said in (
        "chosen: horizon 4",
        "validation loss, relative to the naive",
        "calibration (cqr)",
        "relative",
    ):
        assert said in done.stderr
    assert run.floor()["verdict"] in done.stderr
    info = run.info()
    assert info["refit"]["steps"] == info["best"]["step"]
    chosen, last = (load_file(folder / "best.safetensors") for folder in (run.path, run.refit))
    assert any((chosen[name] != last[name]).any() for name in chosen)
    weights = run.forecaster().state_dict()
    assert all((weights[name] == last[name]).all() for name in last)


def test_a_table_and_a_horizon_are_enough(
    run_cli: Cli, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = {"training.steps": 4, "training.epochs": 1.0}
    monkeypatch.setattr("seqtools_forecast.choices._length", lambda *_: short)  # that takes no minute
    done = run_cli("train", "forecast", file.name, "--horizon", "4")
    assert done.exit_code == 0, done.stderr
    assert "run folder: runs/series\n" in done.stderr
    assert "Try it: seqtools forecast -m runs/series/model.onnx FILE" in done.stderr
    rows = run_cli("forecast", "-m", "runs/series/model.onnx", file.name).stdout.splitlines()
    assert len(rows) == 1 + 4 * 4 and rows[0] == "unique_id,ds,mean,lo-95,lo-80,hi-80,hi-95"
    for words in (("-",), ("--resume",)):
        assert "nothing says where the run goes" in stop_message(run_cli("train", "forecast", *words))


def test_blocks_of_time_are_foretold_by_networks_of_their_own(train: Cli, file: Path, tmp_path: Path) -> None:
    words = (file, "--set", "calibration.folds=2", "--no-floor")
    done = train(*words)
    run = ForecastRun(tmp_path / "run")
    assert "training without block 2 of 2" in done.stderr
    assert "windows of 3 blocks of time" in done.stderr
    assert run.info()["folds"] == 2
    held = [windows for _, windows in folds(run)]
    calibration = run.calibration()
    assert calibration.figures["windows"] == len(run.splits().valid) + sum(map(len, held))
    networks = [run.forecaster(chosen=True), run.without(0), run.without(1)]
    weights = [[part.tolist() for part in network.parameters()] for network in networks]
    assert weights[0] != weights[1] != weights[2] != weights[0]
    assert not (run.fold(0) / "checkpoint").exists()
    again = train(*words)
    assert "without block" not in again.stderr
    train(file, "--no-floor", name="plain")
    assert ForecastRun(tmp_path / "plain").calibration().figures["windows"] == len(run.splits().valid)


def test_a_bad_network_falls_back_and_says_so(train: Cli, file: Path, tmp_path: Path) -> None:
    done = train(file, "--residual", "none", "--scale", "mean_abs", "--location", "zero", steps=1)
    run = ForecastRun(tmp_path / "run")
    calibration = run.calibration()
    assert calibration.weight == 0 and "season" in calibration.expert
    assert "the network does not win; the file falls back on" in done.stderr
    relative = run.floor()["relative"]
    assert relative["file"] < relative["network"] and relative["file"] < 1.1
    assert "refit" not in run.info()  # a network that says nothing need not learn more


@pytest.mark.parametrize(
    "options",
    [
        ["--no-blend", "--calibration", "conformal", "--members", 2, "--no-refit"],
        ["--kind", "deepar", "--calibration", "none", "--set", "network.samples=10", "--no-floor"],
        ["--max-time", "1s", "--weights", "owa", "--no-floor", "--kind", "recurrent"],
    ],
    ids=["ensemble", "deepar", "timed"],
)
def test_ways_of_training(train: Cli, file: Path, tmp_path: Path, options: list[object]) -> None:
    train(file, *options, steps=None if "--max-time" in options else 2)
    run = ForecastRun(tmp_path / "run")
    assert np.isfinite(run.info()["best"]["valid_loss"])
    assert ("refit" in run.info()) == (run.calibration().weight > 0 and "--no-refit" not in options)
    assert bool(run.floor()) == ("--no-floor" not in options)
    assert run.calibration().weight == 1 or "deepar" not in options


def test_the_same_command_again_does_nothing_twice_and_another_is_refused(
    train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file)
    paths = [tmp_path / "run" / name for name in ("best.safetensors", "refit/best.safetensors", "floor.json")]
    before = [path.read_bytes() for path in paths]
    train(file)
    assert [path.read_bytes() for path in paths] == before
    assert "another recipe" in stop_message(train(file, "--lr", 0.5, code=2))
    file.write_text(file.read_text().replace("s0,", "t0,"))
    assert "begun with other" in stop_message(train(file, code=2))


def test_resume_needs_no_files_and_takes_no_options(
    run_cli: Cli, train: Cli, file: Path, tmp_path: Path
) -> None:
    train(file)
    assert run_cli("train", "forecast", "-o", tmp_path / "run", "--resume", "--no-export").exit_code == 0
    assert "keeps the recipe" in stop_message(train("--resume", code=2))
    missing = run_cli("train", "forecast", "-o", tmp_path / "none", "--resume")
    assert missing.exit_code == 2
    assert "there is no run to resume" in missing.stderr


class Killed(BaseException):
    """Stands for a kill: nothing in training catches it."""


@pytest.mark.parametrize(
    ("when", "more"),
    [
        ("step 6  valid", {}),
        ("training again", {"network.linear": True}),
        ("step 6  valid", {"network.linear": True, "training.linear_rate": 0.0}),
        ("network:", {}),
    ],
)
def test_killed_and_started_again_it_ends_bit_for_bit_as_undisturbed(
    file: Path, tmp_path: Path, when: str, more: dict[str, Any]
) -> None:
    values = {
        "network.width": 5, "training.batch_size": 4, "training.steps": 12, "training.checkpoint_every": 5,
        "training.evaluate_every": 6, "data.horizon": 4, "data.season": "6", "training.noise": 0.1,
        "calibration.blend": False, **more,
    }  # fmt: skip
    recipe = config.build(config.Layer("test", values), kind=ForecastRecipe)

    def run(name: str, killed: bool) -> Path:
        def report(line: str) -> None:
            if killed and line.startswith(when):
                raise Killed

        train_forecast((str(file),), tmp_path / name, recipe, floor=False, export=False, report=report)
        return tmp_path / name

    whole = run("whole", killed=False)
    with pytest.raises(Killed):
        run("killed", killed=True)
    again = run("killed", killed=False)
    for name in ("best.safetensors", "refit/best.safetensors", "calibration.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_a_start_killed_while_reading_is_begun_afresh(train: Cli, file: Path, tmp_path: Path) -> None:
    data = tmp_path / "run" / "data"
    data.mkdir(parents=True)
    (data / "reading.tmp").touch()
    (data / "half.rows").write_text("left behind")
    train(file, "--no-floor", "--no-refit", steps=1)
    assert not (data / "half.rows").exists()


def test_what_a_kind_does_not_read_is_told(train: Cli, file: Path) -> None:
    done = train(file, "--kind", "segment", "--dilations", "1", "--set", "network.lags=1", steps=2)
    (line,) = [line for line in done.stderr.splitlines() if "without effect" in line]
    assert "network.dilations is for recurrent and smoothing; network.lags is for deepar" in line
    assert "without effect" not in train(file, "--kind", "segment", "--segment", 3, name="own").stderr


def test_trials_choose_a_network(train: Cli, file: Path, tmp_path: Path) -> None:
    done = train(file, "--auto", "--auto-time", "1s", "--kind", "segment", "--no-floor", "--no-refit")
    assert "trial 1: segments, validation loss" in done.stderr
    assert "chosen by validation: segments" in done.stderr
    info = ForecastRun(tmp_path / "run").info()
    assert "segments" in info["auto"]["tried"] and info["best"]["steps"] == 4
    assert not [path for path in tmp_path.iterdir() if "trials" in path.name]
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    train(file, "--auto", "--kind", "segment", "--no-floor", "--no-refit")
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before


def test_trials_and_training_killed_leave_nothing_beside_the_run(file: Path, tmp_path: Path) -> None:
    values = {
        "network.kind": "segment", "network.width": 5, "network.linear": False, "training.batch_size": 4,
        "training.steps": 12, "training.checkpoint_every": 2, "training.evaluate_every": 6,
        "training.refit": False, "data.horizon": 4, "data.season": "6",
    }  # fmt: skip
    recipe = config.build(config.Layer("test", values), kind=ForecastRecipe)
    left = tmp_path / ".run-trials-killed" / "series"
    left.mkdir(parents=True)
    beside: list[str] = []
    said: list[str] = []

    def killed(line: str) -> None:
        said.append(line)
        if line.startswith("step 6  valid"):
            beside.extend(path.name for path in tmp_path.iterdir() if "trials" in path.name)
            raise Killed

    def start(report: Callable[[str], None]) -> None:
        files, output = (str(file),), tmp_path / "run"
        train_auto(
            files, output, recipe, values, budget="1s", floor=False, export=False, report=report
        )  # fmt: skip

    with pytest.raises(Killed):
        start(killed)
    assert not beside and not left.exists()
    told = ForecastRun(tmp_path / "run").info()["auto"]
    assert f"chosen by validation: {told['chosen']}" in said and len(told["tried"]) > 1
    start(said.append)
    assert f"chosen before: {told['chosen']}" in said
    assert any(line.startswith("Going on from step") for line in said)
    file.write_text(file.read_text().replace("s0,", "t0,"))
    with pytest.raises(ConfigError, match="begun with other"):
        start(said.append)


def test_networks_that_come_to_the_same_are_tried_once(train: Cli, file: Path) -> None:
    more = "--kind", "segment", "--set", "network.residual=auto", "--no-floor", "--no-refit"
    done = train(file, "--auto", "--auto-time", "0.1s", *more)
    assert "in all: segments; segments, window linear\n" in done.stderr
    assert "too short to tell much" in done.stderr


def test_without_windows_to_judge_by_nothing_is_tried(train: Cli, tmp_path: Path) -> None:
    short = Path(TINY_SERIES.csv(tmp_path / "short.csv", count=2, steps=7))
    done = train(short, "--auto", "--auto-time", "1s", "--no-floor", "--no-refit")
    assert "no trials: no series is long enough" in done.stderr and "chosen by" not in done.stderr
    assert ForecastRun(tmp_path / "run").info()["auto"]["tried"] == {}
    train(short, "--auto", "--auto-time", "1s", "--no-floor", "--no-refit")


def test_where_all_choices_come_to_the_same_nothing_is_tried(train: Cli, tmp_path: Path) -> None:
    # A season that is not all there is: what is chosen is to look at both, the last season and the level.
    walk = np.random.default_rng(1).normal(0, 1, 300).cumsum() + 1.5 * np.sin(np.arange(300) * np.pi / 3)
    table = tmp_path / "walk.csv"
    table.write_text("\n".join(["y", *map(str, walk), ""]))
    options = "--kind", "segment", "--set", "network.linear=false", "--no-floor", "--no-refit"
    done = train(table, "--auto", "--auto-time", "0.1s", *options)
    assert "no trials: " in done.stderr and "chosen by" not in done.stderr
    told = ForecastRun(tmp_path / "run").info()["auto"]
    assert (told["chosen"], told["tried"]) == ("segments", {})


def test_of_series_that_never_move_no_interval_is_measured(train: Cli, tmp_path: Path) -> None:
    table = tmp_path / "flat.csv"
    table.write_text("y\n" + "5\n" * 80)
    done = train(table, "--no-floor", "--no-refit", "--set", "calibration.folds=0", steps=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("calibration")]
    assert line.endswith("nothing to measure intervals by")
    assert ForecastRun(tmp_path / "run").calibration().coverage == {}


def test_trials_are_for_one_process(train: Cli, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "in one process" in stop_message(train(file, "--auto", code=2))


def test_trials_leave_alone_what_was_said() -> None:
    recipe = config.build(config.Layer("test", {"network.width": 7}), kind=ForecastRecipe)
    found = candidates(recipe, {"network.width"})
    assert {"segments", "recurrent", "smoothing", "seq2seq"} <= found.keys()
    assert all(one.network.width == 7 for one in found.values())
    recipe = config.build(config.Layer("test", {"network.kind": "recurrent"}), kind=ForecastRecipe)
    assert list(candidates(recipe, {"network.kind"})) == ["recurrent", "recurrent, no residual"]
    assert list(candidates(recipe, set(config.settings(recipe)))) == ["recurrent"]


def test_covariates_and_several_targets(run_cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    days = np.datetime64("2022-03-01") + np.arange(64)
    rows = ["day,shop,place,a,b,wind,price"]
    for shop, place in (("x", "town"), ("y", "coast")):
        for step, day in enumerate(days):
            a, b, wind, price = rng.normal(size=4).round(4).tolist()
            told = (a, b, wind) if step < 60 else ("", "", "")
            rows.append(f"{day},{shop},{place},{told[0]},{told[1]},{told[2]},{price}")
    path = tmp_path / "shops.csv"
    path.write_text("\n".join(rows) + "\n")
    done = run_cli(
        "train", "forecast", path, "-o", tmp_path / "run", *TINY, "--steps", 2, "--target", "a,b",
        "--id", "shop", "--past", "wind", "--future", "price", "--static", "place", "--calendar", "--mixing",
        "--set", "training.missing=0.1",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    run = ForecastRun(tmp_path / "run")
    about, shape = run.about(), run.shape()
    assert about["targets"] == ["a", "b"] and about["categories"] == {"place": ["coast", "town"]}
    assert (shape.targets, shape.past, shape.future, shape.categories) == (2, 1, 1, (3,))
    assert shape.periods and not shape.non_negative


def test_series_too_short_to_hold_any_out_are_trained_on_all_the_same(train: Cli, tmp_path: Path) -> None:
    path = TINY_SERIES.csv(tmp_path / "short.csv", count=3, steps=9)
    done = train(path, steps=2)
    run = ForecastRun(tmp_path / "run")
    assert "nothing says how good the network is" in done.stderr
    assert run.calibration().weight == 1 and not run.floor()


@pytest.mark.parametrize(
    ("words", "subject", "cure"),
    [
        ([], "FILE", "Name one file or more"),
        (["--auto"], "FILE", "Name one file or more"),
        (["-o", "runs/sales"], "FILE", "Name one file or more"),
        (["--resume"], "-o", "Name its folder"),
        (["-"], "-o", "Name its folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_missing_is_asked_for(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], subject: str, cure: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("train", "forecast", *words)
    assert done.exit_code == 2
    line = stop_message(done)
    assert line.startswith(f"Error: {subject}: ") and cure in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [[], ["--auto"]], ids=["plain", "auto"])
def test_a_table_that_is_refused_leaves_no_folder(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("ds,y\n2020-01-01,1\nsoon,2\n")
    for words in ([], ["-o", "runs/deep/bad"]):
        assert run_cli("train", "forecast", "bad.csv", *words, *more).exit_code == 1
        assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]
    (tmp_path / "runs").mkdir()
    assert run_cli("train", "forecast", "bad.csv", *more).exit_code == 1
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("words", "cause", "code"),
    [
        (["--horizon", 0], "0 steps ahead is no forecast", 2),
        (["--horizon", 80], "fewer than one window needs to forecast 80", 1),
        (["--season", "1"], "no list of whole numbers above 1", 2),
        (["--levels", "0.5,2"], "no list of numbers between 0 and 1", 2),
        (["--target", "z"], "z", 1),
        (["--lr", "-1"], "lr is -1", 2),
        (["--auto", "--auto-time", "soon"], "not a duration", 2),
        (["--members", 6], "network.members = 6 is outside 1 to 5", 2),
        (["--loss", "likelihood"], "a quantile head has no likelihood", 2),
        (["--head", "negbin"], "'negbin' goes with deepar only", 2),
        (["--kind", "recurrent", "--dilations", "1,2"], "there are 2 for 1 layers", 2),
        (["--kind", "deepar", "--affine"], "deepar has no use for it", 2),
    ],
    ids=lambda value: str(value),
)
def test_bad_options_are_one_line(
    run_cli: Cli, file: Path, tmp_path: Path, words: list[object], cause: str, code: int
) -> None:
    done = run_cli("train", "forecast", file, "-o", tmp_path / "run", *TINY, "--steps", 1, *words)
    assert done.exit_code == code, done.stderr
    assert cause in stop_message(done)
    assert not (tmp_path / "run" / "recipe.toml").exists()


@pytest.mark.parametrize(
    ("table", "words", "cause"),
    [
        ("unique_id,ds,y\na,2020-01-01,-3\na,2020-01-02,4\n", ["--transform", "log"], "values above zero"),
        (
            "unique_id,ds,y\na,2020-01-01,-3\na,2020-01-02,4\n",
            ["--kind", "deepar", "--head", "negbin"],
            "counts are not below zero",
        ),
        (
            "unique_id,ds,y\n"
            + "".join(f"a,2020-01-{day:02},{day}\nb,2020-{day:02}-01,{day}\n" for day in range(1, 13)),
            [],
            "frequenc",
        ),
        ("unique_id,ds,y\na,2020-01-01,1\na,2020-01-02,\n", [], "fewer than one window needs"),
    ],
    ids=["log", "counts", "frequencies", "short"],
)
def test_bad_tables_are_one_line(
    run_cli: Cli, tmp_path: Path, table: str, words: list[object], cause: str
) -> None:
    path = tmp_path / "bad.csv"
    head, *rows = table.splitlines()
    more = [] if "b," in table else [f"a,2020-01-{day:02},{day}" for day in range(3, 30)] * bool(words)
    path.write_text("\n".join([head, *rows, *more]) + "\n")
    done = run_cli("train", "forecast", path, "-o", tmp_path / "run", *TINY, "--steps", 1, *words)
    assert done.exit_code == 1, done.stderr
    assert cause in stop_message(done)
    assert not (tmp_path / "run").exists()  # it can be begun again there


def test_a_folder_of_something_else_is_left_alone(train: Cli, file: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letters.txt").write_text("mine")
    assert "not a run folder" in stop_message(train(file, code=2))
    assert "no series to train on" in stop_message(train(name="other", code=2))


def test_run_files_are_json_that_says_what_was_measured(train: Cli, file: Path, tmp_path: Path) -> None:
    train(file, "--no-refit", steps=2)
    told = json.loads((tmp_path / "run" / "calibration.json").read_text())
    assert set(told["coverage"]) >= {"80", "95"} and told["figures"]["windows"] > 0
    assert 0 <= told["weight"] <= 1


@pytest.mark.parametrize(
    ("rows", "held"),
    [
        (2, "nothing is held out: no series is long enough"),
        (3, "held out of each series: 1 to choose by, 0 to score on"),
        (5, "held out of each series: 2 to choose by, 1 to score on"),
    ],
)
def test_what_is_said_of_very_short_series_agrees(tmp_path: Path, run_cli: Cli, rows: int, held: str) -> None:
    table = tmp_path / "few.csv"
    table.write_text("ds,y\n" + "".join(f"2024-01-{day + 1:02d},{10 + day % 3}\n" for day in range(rows)))
    result = run_cli("train", "forecast", table, "-o", tmp_path / "run", "--steps", "2", "--no-export")
    assert result.exit_code == 0, result.stderr
    lines = result.stderr.splitlines()
    assert f"1 series of {rows} steps, frequency D" in lines
    assert any(held in line for line in lines)
    assert any(line.startswith("calibration (cqr) on 1 validation window: ") for line in lines) == (rows == 3)
    unjudged = any(line.startswith("without windows held out nothing says how good") for line in lines)
    assert unjudged == ("nothing" in held)
    assert any(line.startswith("training again on everything") for line in lines) == (not unjudged)
    assert any(line.endswith("so few say little") for line in lines) == (not unjudged)


def test_one_row_teaches_nothing(tmp_path: Path, run_cli: Cli) -> None:
    table = tmp_path / "one.csv"
    table.write_text("ds,y\n2024-01-01,1\n")
    result = run_cli("train", "forecast", table, "-o", tmp_path / "run")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: time stamps: no series has two rows, so the step between them is not known. "
        "Give series of two rows at the very least."
    )
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_a_run_knows_up_to_where_it_was_trained(train: Cli, file: Path, tmp_path: Path) -> None:
    train(file, "--test-windows", 2, "--no-floor")
    train(file, "--test-windows", 2, "--no-floor", "--no-refit", name="held")
    whole, held = ForecastRun(tmp_path / "run"), ForecastRun(tmp_path / "held")
    store, test = whole.store(), held.splits().test
    assert len(test)
    # All four series begin and end on the same days.
    assert whole.until() == store.starts[0] + store.lengths[0]
    assert held.until() == store.starts[0] + test.origin.min()
    late = tmp_path / "late.csv"
    lines = file.read_text().splitlines(keepends=True)
    late.write_text("".join(lines[:-1]))  # the last series ends a day before the others
    train(late, "--no-floor", name="late")
    assert ForecastRun(tmp_path / "late").until() is None
