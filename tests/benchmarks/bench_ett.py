"""Mean squared error on ETT's hourly tables by the protocol that is usual for long horizons.

    python tests/benchmarks/bench_ett.py ETTh2.csv.gz --floors
    python tests/benchmarks/bench_ett.py ETTh2.csv.gz -o runs/etth2 -- --preset long

12, 4 and 4 months of 30 days to train, to choose by and to score on; all windows, one an hour, whose targets
lie in the part; values over mean and deviation of the training part; errors are means over windows, steps and
the seven channels. Of a forecast over 720 hours the first 96, 192 and 336 are scored, too. Intervals are
scored as calibrated, and as they follow what came since the part began (`forecast backtest --adapt`).

With -o it trains, unless that run is there already, by `seqtools train forecast` on the first 16 months; the
last four of these choose, and no weight is fitted to them (--no-refit). What follows `--` are its
options. Runs and model files that are named by -m are scored beside it. CPU times are those of the whole
command, on one thread.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from ett_floors import FLOORS, PARTS, floor

from seqtools_forecast import asked_levels
from seqtools_forecast.adapting import Widths
from seqtools_forecast.predicting import predict
from seqtools_forecast.program import open_model
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.run_folder import ForecastRun
from seqtools_forecast.splits import WindowList
from seqtools_forecast.windows import WindowSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.forecaster import ForecastShape
    from seqtools_forecast.store import SeriesStore

HORIZONS = (96, 192, 336, 720)
KNOWN = 16 * 30 * 24
"""Rows that training and choosing may see."""
STRIDE = 24
"""Hours between windows that choose."""
RATES = {"ETTh1": 0.005, "ETTh2": 0.05}
"""Learning rates of NLinear and DLinear in their authors' scripts."""
COVERED = (80, 95)
CHANNELS = "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"

Teller = Callable[[WindowList], "tuple[NDArray[np.float64], NDArray[np.float64]]"]
"""Means `[windows, horizon, targets]` and quantiles, raw."""


def main() -> None:
    """Train what is not there yet, then score."""
    asked = _asked()
    channels = load(asked.table)
    if asked.floors:
        _floors(asked, channels)
    models = [*([asked.output] if asked.output else []), *asked.model]
    if asked.output and not (asked.output / "run.json").is_file():
        print(f"training took {train(asked.table, asked.output, asked.rest):.0f} s of CPU", flush=True)
    if models:
        columns = " ".join(f"{f'{percent} %':>6}" for percent in COVERED)
        print(f"{'':47}{'as calibrated':>{len(columns)}} {'adapted':>{len(columns)}}")
        print(f"{'model':24} {'ahead':>5} {'MSE':>7} {'MAE':>7} {columns} {columns}")
    for path in models:
        score(path, asked.table, asked.part)


def load(table: Path) -> NDArray[np.float32]:
    """`[channels, hours]` over mean and deviation of the training part."""
    with gzip.open(table, "rt", newline="") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([row[1:] for row in rows], np.float64)
    known = values[: PARTS["train"][1]]
    scaled: NDArray[np.float32] = ((values - known.mean(0)) / known.std(0)).T.astype(np.float32)
    return scaled


def train(table: Path, output: Path, options: list[str]) -> float:
    """Train on what comes before the test part; CPU seconds."""
    horizon = _horizon(options)
    held = (KNOWN - PARTS["valid"][0] - horizon) // STRIDE + 1
    fixed = ["--valid-windows", str(held), "--stride", str(STRIDE), "--test-windows", "0"]
    fixed += ["--target", CHANNELS, "--no-refit"]
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.csv"
        with gzip.open(table, "rt") as file:
            known.write_text("".join([next(file) for _ in range(KNOWN + 1)]))
        command = [sys.executable, "-m", "seqtools", "train", "forecast", str(known), "-o", str(output)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *fixed, *options], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def score(path: Path, table: Path, part: str) -> None:
    """Print errors of a run or a file at each horizon that it reaches."""
    with tempfile.TemporaryDirectory() as folder:
        store = read_series([table], SeriesDataConfig(target=CHANNELS), Path(folder))
        tell, shape = teller(path, store)
        begin, end = PARTS[part]
        reached = [ahead for ahead in HORIZONS if ahead <= shape.horizon]
        origin = np.arange(begin, end - reached[0] + 1)
        values = np.asarray(store[0].values)
        deviation = values[: PARTS["train"][1]].std(axis=0)
        sums = {ahead: np.zeros(2 + 2 * len(COVERED)) for ahead in reached}
        widths = Widths(shape)
        for few in WindowList(np.zeros_like(origin), origin).batches(64):
            mean, quantiles = tell(few)
            known = few.origin[:, None] + np.arange(shape.horizon)
            came = np.where((known < end)[..., None], values[np.minimum(known, end - 1)], np.nan)
            told = zip(quantiles, came, few.origin.tolist(), strict=True)
            adapted = np.stack([widths.told(*one) for one in told])
            for ahead in reached:
                whole = few.origin + ahead <= end
                actual = values[few.origin[whole, None] + np.arange(ahead)]
                apart = (mean[whole, :ahead] - actual) / deviation
                found = [np.square(apart), np.abs(apart)]
                for some in (quantiles, adapted):
                    found += [_inside(some[whole, :ahead], actual, shape, share) for share in COVERED]
                sums[ahead] += [part.sum() for part in found]
    for ahead, total in sums.items():
        mse, mae, *covered = total / ((end - ahead - begin + 1) * ahead * values.shape[1])
        shares = " ".join(f"{share:6.1%}" for share in covered)
        print(f"{path.as_posix()[-24:]:24} {ahead:5} {mse:7.4f} {mae:7.4f} {shares}", flush=True)


def _inside(
    quantiles: NDArray[np.float64], actual: NDArray[np.float64], shape: ForecastShape, percent: float
) -> NDArray[np.bool_]:
    """Whether what came lies within an interval, `[windows, horizon, targets]`."""
    low, high = (asked_levels.at(quantiles, shape.levels, level) for level in asked_levels.ends(percent))
    return (low <= actual) & (actual <= high)


def teller(path: Path, store: SeriesStore) -> tuple[Teller, ForecastShape]:
    """What asks a run folder, by torch, or a model file; its shape."""
    if path.is_dir() and not (path / "model.onnx").is_file():
        run = ForecastRun(path)
        shape, network, calibration = run.shape(), run.forecaster(), run.calibration()
        source, cpu = WindowSource(store, shape.horizon, shape.context), torch.device("cpu")

        def tell(few: WindowList) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            told = predict(network, source, few, shape, cpu)
            quantiles, mean = told.calibrated(calibration, non_negative=shape.non_negative)
            return mean.astype(np.float64), quantiles.astype(np.float64)

        return tell, shape
    model = open_model(str(path / "model.onnx" if path.is_dir() else path))
    model.check(store)

    def ask(few: WindowList) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, quantiles, _ = model.at(store, few.series, few.origin)
        return mean, quantiles

    return ask, model.shape


def _floors(asked: argparse.Namespace, channels: NDArray[np.float32]) -> None:
    rate = RATES[asked.table.name.split(".")[0]]
    series = torch.from_numpy(channels)
    print(f"{'floor':24} {'ahead':>5} {'MSE':>7} {'MAE':>7} {'CPU s':>6}")
    for context in asked.look_back:
        for name in FLOORS:
            for ahead in HORIZONS:
                mse, mae, seconds = floor(name, series, asked.part, context, ahead, rate)
                label = f"{name}, look-back {context}"
                print(f"{label:24} {ahead:5} {mse:7.4f} {mae:7.4f} {seconds:6.0f}", flush=True)


def _horizon(options: list[str]) -> int:
    place = options.index("--horizon") + 1 if "--horizon" in options else 0
    return int(options[place]) if place else HORIZONS[-1]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="run to train, or to score if it is there")
    parser.add_argument("-m", "--model", type=Path, action="append", default=[], help="run or file to score")
    parser.add_argument("--part", choices=("valid", "test"), default="test")
    parser.add_argument("--floors", action="store_true", help="fit and score Repeat, NLinear and DLinear")
    parser.add_argument("--look-back", type=int, action="append", default=None, help="of the floors")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:cut])
    asked.rest = words[cut + 1 :]
    asked.look_back = asked.look_back or [720]
    torch.set_num_threads(1)
    return asked


if __name__ == "__main__":
    main()
