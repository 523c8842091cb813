"""Forecasters of one short series each: do intervals hold what they promise, and is the naive beaten?

Run: python tests/benchmarks/bench_single_series.py TRAIN.csv TEST.csv [--series 40] [--frequency MS]

One window of one series says little of coverage, as its values err together. Here series evenly chosen from
a table of many (M1's or M4's, a row each) are trained on one by one, with nothing told but the frequency, and
scored on what came next; the means over series are printed. The known part must be five horizons long.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
FIGURES = ("coverage_80", "coverage_95", "mase", "smape", "crps", "msis")
METHODS = ("naive", "seasonal_naive", "theta", "ets")


def rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and values of each series."""
    with path.open(newline="") as file:
        for name, *values in list(csv.reader(file))[1:]:
            yield name, [value for value in values if value and value != "NA"]


def write(path: Path, name: str, values: list[str]) -> Path:
    """A table of one row."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[f"V{place + 1}" for place in range(len(values) + 1)], [name, *values]])
    return path


def seqtools(*words: object) -> bytes:
    """What a command prints."""
    command = [sys.executable, "-m", "seqtools", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True)
    return done.stdout


def measure(name: str, known: list[str], actual: list[str], frequency: str, out: Path) -> dict[str, Any]:
    """Train on one series, if that was not done before, and score what came next."""
    folder = out / name
    train, test = (
        write(out / f"{name}-{part}.csv", name, values)
        for part, values in (("train", known), ("test", actual))
    )
    if not (folder / "model.onnx").is_file():
        fixed = ["--horizon", len(actual), "--frequency", frequency, "--test-windows", 0, "--no-floor"]
        seqtools("train", "forecast", train, *fixed, "-o", folder)
    found: dict[str, Any] = json.loads(
        seqtools("evaluate", "-m", folder / "model.onnx", train, "--actual", test, "--json")
    )
    return found


def main() -> None:
    """Train, score, print means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--frequency", default="MS")
    parser.add_argument("--out", type=Path, default=Path("single-series"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    actual = dict(rows(asked.test))
    long = [(name, known) for name, known in rows(asked.train) if len(known) >= 5 * len(actual[name])]
    places = np.linspace(0, len(long) - 1, min(asked.series, len(long))).round().astype(int)
    found: dict[str, list[dict[str, float]]] = {}
    for count, place in enumerate(places.tolist(), start=1):
        name, known = long[place]
        told = measure(name, known, actual[name], asked.frequency, asked.out)
        for method, scores in {"model": told["scores"], **told["floors"]}.items():
            found.setdefault(method, []).append(scores)
        print(
            f"{count} {name}: " + ", ".join(f"{key} {told['scores'][key]:.4g}" for key in FIGURES), flush=True
        )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{len(places)} series, means; {used.ru_utime + used.ru_stime:.0f} CPU s")
    print(f"{'':16}" + "".join(f"{figure:>13}" for figure in FIGURES) + f"{'crps ratio':>13}")
    best = [min(found[method][place]["crps"] for method in METHODS) for place in range(len(places))]
    for method in ("model", *METHODS):
        means = [np.nanmean([scores[figure] for scores in found[method]]) for figure in FIGURES]
        ratio = np.exp(np.mean(np.log([s["crps"] / b for s, b in zip(found[method], best, strict=True)])))
        print(f"{method:16}" + "".join(f"{mean:13.4g}" for mean in means) + f"{ratio:13.4g}")


if __name__ == "__main__":
    main()
