"""Small stores of series for tests of training forecasters.

tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_series.py"))))
tiny.store(folder)             # six series of 90 steps with a season of 6
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools_forecast.store import SeriesStore, from_arrays

SEASON = 6


def series(
    count: int = 6, steps: int = 90, *, noise: float = 0.3, seed: int = 1
) -> list[NDArray[np.float64]]:
    """A season, a level of its own each, some noise; all above zero."""
    rng = np.random.default_rng(seed)
    time = np.arange(steps)
    return [
        10.0 + place + 4 * np.sin(2 * np.pi * (time + place) / SEASON) + noise * rng.normal(size=steps)
        for place in range(count)
    ]


def store(folder: Path, **given: Any) -> SeriesStore:
    """Those in a store of hours."""
    return from_arrays(series(**given), folder, frequency="h")


def rich(folder: Path, *, targets: int = 2, ahead: int = 8) -> SeriesStore:
    """Several targets, covariates of every kind, different lengths, gaps."""
    rng = np.random.default_rng(3)
    lengths = (70, 90, 41)
    values = [rng.normal(size=(length, targets)) + place for place, length in enumerate(lengths)]
    values[0][10:13, 0] = np.nan
    return from_arrays(
        values,
        folder,
        frequency="D",
        starts=(5, 100, 60),
        past=(("wind",), [rng.normal(size=(length, 1)) for length in lengths]),
        future=(("price", "holiday"), [rng.normal(size=(length + ahead, 2)) for length in lengths]),
        numbers=(("size",), np.array([[1.0], [2.0], [4.0]])),
        categories={"kind": ["b", "a", "b"]},
    )


def csv(path: Path, **given: Any) -> Path:
    """The series as a long table of days."""
    days = np.datetime64("2021-01-01") + np.arange(1000)
    rows = ["unique_id,ds,y"]
    for place, values in enumerate(series(**given)):
        rows += [f"s{place},{day},{value:.6f}" for day, value in zip(days, values.tolist(), strict=False)]
    path.write_text("\n".join(rows) + "\n")
    return path
