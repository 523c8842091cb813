"""Speed of exported forecasters beside torch with the same weights, measured in one run.

Run: python tests/benchmarks/bench_forecast.py [--rounds 200] [--command]

An hourly series: 336 steps of history, 48 ahead, 13 levels; segments of 24 steps, one GRU of 128. One thread.
The p50 of one series is of the wall clock; series in batches of 64 are per second of CPU time. The file does
everything from raw history to raw quantiles, and so does torch, eager. Weights and series are random: speed
does not depend on them. `--command` also times `seqtools forecast` from a cold start, as a process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import build as make
from seqtools_forecast.about import About
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.export import write
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.parts import Parts
from seqtools_forecast.reference import window_of
from seqtools_forecast.restlessness import Restlessness
from seqtools_forecast.runner import Runner

SHAPE = ForecastShape(horizon=48, context=336, seasons=(24, 168))
BATCH, PATHS = 64, 100
LOGS = {"transform": "log", "location": "seasons", "scale": "difference", "normalise": True, "deep": True}
CASES: dict[str, dict[str, Any]] = {
    "segment": {"kind": "segment", "segment": 24},
    "segment, recipe of hourly data": {"kind": "segment", "segment": 24, "observed": False, **LOGS},
    "segment, 5 networks": {"kind": "segment", "segment": 24, "members": 5},
    "recurrent, LSTM 64": {"kind": "recurrent", "cell": "lstm.v1", "width": 64},
    "recurrent, dilated GRU 2 x 40": {"kind": "recurrent", "layers": 2, "width": 40, "dilations": "1,24"},
    "seq2seq, GRU 64": {"kind": "seq2seq", "width": 64},
    "smoothing": {"kind": "smoothing", "width": 40, "transform": "log"},
    f"deepar, GRU 40, {PATHS} paths": {"kind": "deepar", "head": "student", "width": 40, "layers": 2},
}


def parts(settings: dict[str, Any]) -> Parts:
    """A network with random weights and a calibration that blends."""
    torch.manual_seed(0)
    network = make(ForecasterConfig(**settings), SHAPE).eval()
    rng = np.random.default_rng(0)
    size = SHAPE.horizon, SHAPE.targets, len(SHAPE.levels)
    offsets, around = (np.sort(rng.normal(0, 0.1, size)).astype(np.float32) for _ in range(2))
    restless = Restlessness(0.5, np.ones(SHAPE.targets, np.float32), SHAPE.levels.index(0.5))
    fitted = Calibration(offsets, restless, "seasonal naive 24", around, around[..., 0], 0.8)
    card = {"what": "a benchmark", "profile": "portable", "form": "array"}
    return Parts(network, About(SHAPE, Frequency.parse("h")), fitted, card)


def history(rows: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Days and weeks with noise, and uniforms for those who ask."""
    rng = np.random.default_rng(1)
    steps = np.arange(SHAPE.context)
    waves = np.sin(2 * np.pi * steps / 24) + 0.5 * np.sin(2 * np.pi * steps / 168)
    values = 500 + 100 * waves + 20 * rng.normal(size=(rows, SHAPE.context))
    noise = rng.uniform(0.001, 0.999, (rows, PATHS, SHAPE.horizon, 2))
    return {"history": values.astype(np.float32), "noise": noise.astype(np.float32)}


def half(run: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    """The median time of a call, in seconds."""
    run()
    times = []
    for _ in range(rounds):
        began = clock()
        run()
        times.append(clock() - began)
    return float(np.median(times))


def compare(name: str, made: Parts, data: bytes, rounds: int) -> None:
    """One series and many, by the file and by torch."""
    runner, told = Runner(data), []
    for rows in (1, BATCH if not made.draws else 4):
        feeds = history(rows)
        window = window_of(made, feeds)
        noise = (torch.from_numpy(feeds["noise"]),) if made.draws else ()

        @torch.no_grad()
        def eager(window: Any = window, noise: tuple[Any, ...] = noise) -> object:
            forecast = made.network(window, *noise)
            return made.network.restore(forecast.quantiles, forecast)

        def file(feeds: dict[str, Any] = feeds) -> object:
            return runner(["quantiles", "mean"], feeds)

        few, clock = max(rounds // rows, 5), time.perf_counter if rows == 1 else time.process_time
        ours, theirs = half(file, few, clock), half(eager, max(few // 10, 3), clock)
        told.append(
            f"{ours * 1e3:7.2f} ms (torch {theirs * 1e3:7.1f})"
            if rows == 1
            else f"{rows / ours:7,.0f} series/s (torch {rows / theirs:6,.0f})"
        )
    print(f"{name:<34}{len(data) / 1e6:6.2f} MB  {'   '.join(told)}", flush=True)


def cold(path: Path, rounds: int = 5) -> None:
    """The command as a process, from its start to the last row of a small table."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "series.csv"
        stamps = np.datetime64("2024-01-01T00", "h") + np.arange(SHAPE.context)
        values = history(1)["history"][0]
        rows = (
            f"{str(stamp).replace('T', ' ')}:00,{value:.2f}"
            for stamp, value in zip(stamps, values, strict=True)
        )
        table.write_text("ds,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "seqtools", "forecast", "-m", str(path), str(table)]
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - began)
    print(f"seqtools forecast, cold: {min(times):.2f} s at best of {rounds}, {np.median(times):.2f} s p50")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--command", action="store_true")
    parser.add_argument("--only", default="", help="begin of a case's name")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        for name, settings in CASES.items():
            if name.startswith(asked.only):
                made = parts(settings)
                write(made, path, report=lambda line: None)
                compare(name, made, path.read_bytes(), asked.rounds)
        if asked.command:
            write(parts(CASES["segment"]), path, report=lambda line: None)
            cold(path)


if __name__ == "__main__":
    main()
