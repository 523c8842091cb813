"""Forecasts of known data sets beside the simple methods, each trained on what comes before its test part.

Run: python tests/benchmarks/bench_forecast_sets.py DATA [--sets airpassengers,m4-hourly] [--out FOLDER]

DATA is the folder of the data sets. A table is cut before its last steps, `seqtools train forecast` sees only
what is left, and `seqtools evaluate` scores the file on the steps that were cut away (M4: on its test files).
The commands are printed; a run that is in FOLDER already is not trained again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Set:
    """One data set and how it is held out.

    Attributes:
        file: below DATA.
        held: rows at its end that training never sees; 0 where `actual` brings what came after.
        train: options of the training.
        score: options of the scoring.
        actual: the test file, below DATA.
        columns: options that both need.
        follows: intervals are scored as they follow the windows before them, too (`--adapt`).
    """

    file: str
    held: int
    train: str
    score: str
    actual: str = ""
    columns: str = ""
    follows: bool = False


SETS = {
    "airpassengers": Set("airpassengers/airline-passengers.csv", 24, "--horizon 24", "--windows 1"),
    "sunspots": Set(
        "sunspots/monthly-sunspots.csv", 132, "--horizon 132 --season 132 --context 528", "--windows 1"
    ),
    "household": Set(
        "household_power/household_power_consumption_daily.csv", 322, "--horizon 7", "--windows 46",
        columns="--target Global_active_power", follows=True,
    ),
    "exchange": Set(
        "exchange_rate/exchange_rate.txt.gz", 1512, "--horizon 96 --season none", "--windows 60 --stride 24",
        follows=True,
    ),
    "m4-hourly": Set(
        "m4/Hourly-train.csv.gz", 0, "--preset hourly --frequency h", "", "m4/Hourly-test.csv"
    ),
    "m4-weekly": Set(
        "m4/Weekly-train.csv.gz", 0, "--preset weekly --frequency W", "--season 1", "m4/Weekly-test.csv"
    ),
}  # fmt: skip

METHODS = ("model", "adapted", "naive", "seasonal_naive", "drift", "theta", "ets", "naive2")
FIGURES = ("mase", "smape", "owa", "mae", "rmse", "crps", "msis", "coverage_80", "coverage_95")


def cut(source: Path, held: int, target: Path) -> Path:
    """A copy without the last rows."""
    data = source.read_bytes()
    lines = (gzip.decompress(data) if source.suffix == ".gz" else data).decode().splitlines(keepends=True)
    target.write_text("".join(lines[:-held]))
    return target


def run(*arguments: object) -> str:
    """A command of seqtools; what it prints."""
    words = [str(word) for word in arguments]
    print("$ seqtools", shlex.join(words), flush=True)
    done = subprocess.run([sys.executable, "-m", "seqtools", *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def measure(name: str, data: Path, out: Path, seed: int, extra: list[str]) -> dict[str, Any]:
    """Train and score one set with one seed."""
    one, folder = SETS[name], out / f"{name}-{seed}"
    source = data / one.file
    table = cut(source, one.held, out / f"{name}.csv") if one.held else source
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not (folder / "model.onnx").is_file():
        keys = ["--set", "data.test_windows=0", *one.train.split(), *one.columns.split()]
        run("train", "forecast", table, *keys, "--seed", seed, "-o", folder, *extra)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    actual = ["--actual", data / one.actual] if one.actual else []
    options = [*one.score.split(), *one.columns.split()]
    score = ["evaluate", "-m", folder / "model.onnx", source, *actual, *options, "--json"]
    found: dict[str, Any] = json.loads(run(*score))
    if one.follows:
        found["floors"]["adapted"] = json.loads(run(*score, "--adapt", "--no-floors"))["scores"]
    found["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found["bytes"] = (folder / "model.onnx").stat().st_size
    return found


def show(name: str, seed: int, found: dict[str, Any]) -> None:
    """The figures of the model and of every simple method."""
    print(f"\n{name}, seed {seed}: {found['windows']} windows, {found['horizon']} steps ahead, "
          f"{found['cpu']:.0f} CPU s of training, file {found['bytes'] / 1e6:.2f} MB")  # fmt: skip
    rows = {"model": found["scores"], **found["floors"]}
    print(f"{'':16}" + "".join(f"{figure:>13}" for figure in FIGURES))
    for method in METHODS:
        if method in rows:
            values = (rows[method].get(figure) for figure in FIGURES)
            cells = "".join(f"{'-' if value is None else format(value, '.4g'):>13}" for value in values)
            print(f"{method:16}{cells}")
    print(flush=True)


def main() -> None:
    """Train and score what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--out", type=Path, default=Path("forecast-sets"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("extra", nargs="*", help="further options of the training, after --")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.sets.split(","):
        for seed in range(1, asked.seeds + 1):
            show(name, seed, measure(name, asked.data, asked.out, seed, asked.extra))


if __name__ == "__main__":
    main()
