"""The figures that M4's organisers published of their benchmarks, on M4's own series."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqtools_forecast.floors import floor_forecasts
from seqtools_forecast.history import padded
from seqtools_forecast.metrics import naive_scale
from seqtools_forecast.scoring import owa, score

LEVELS = (0.025, 0.5, 0.975)
PUBLISHED = {
    "Hourly": (24, {"seasonal_naive": (13.912, 1.193), "naive2": (18.383, 2.395), "theta": (18.138, 2.455)}),
    "Weekly": (1, {"naive": (9.161, 2.777), "naive2": (9.161, 2.777), "theta": (9.093, 2.637)}),
}
OWA = {"Hourly": {"seasonal_naive": 0.627, "theta": 1.006}, "Weekly": {"naive": 1.0, "theta": 0.971}}
"""Evaluation and Ranks.xlsx, sMAPE and MASE (Makridakis, Spiliotis and Assimakopoulos 2020)."""


def rows(text: str) -> list[list[float]]:
    _, *lines = csv.reader(text.splitlines())
    return [[float(cell) for cell in line[1:] if cell not in ("", "NA")] for line in lines]


@pytest.mark.parametrize("frequency", PUBLISHED)
def test_published_figures_are_reproduced(
    shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, frequency: str
) -> None:
    monkeypatch.setattr("seqtools_forecast.floors._CELLS", 10**9)  # all of every history, as M4 had it
    folder = shared_data("m4")
    train = padded(rows(gzip.decompress((folder / f"{frequency}-train.csv.gz").read_bytes()).decode()))
    actual = np.array(rows((folder / f"{frequency}-test.csv").read_text()))
    season, published = PUBLISHED[frequency]
    scale = naive_scale(train, season)
    told = floor_forecasts(
        train, actual.shape[1], (season,), LEVELS, names=tuple(published), non_negative=True
    )
    found = {name: score(actual, one, LEVELS, scale) for name, one in told.items()}
    for name, (smape, mase) in published.items():
        assert round(found[name]["smape"], 3) == smape and round(found[name]["mase"], 3) == mase, name
    for name, wanted in OWA[frequency].items():
        assert owa(found[name], found["naive2"]) == pytest.approx(wanted, abs=1e-3)
