"""Real tables, as they lie: formats, frequencies and counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig

Shared = Callable[[str], Path]
pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("name", "target", "frequency", "series", "steps", "last"),
    [
        ("m4/Hourly-train.csv.gz", "", "int", 414, 353_500, 684.0),
        ("m4/Hourly-test.csv", "", "int", 414, 19_872, 659.0),
        ("m1_competition/Monthly-train.csv", "", "int", 617, 44_892, 1_656_590.0),
        ("ett/ETTh1.csv.gz", "OT", "h", 1, 17_420, 9.567),
        ("exchange_rate/exchange_rate.txt.gz", "", "int", 1, 7_588, 0.720825),
        ("sunspots/monthly-sunspots.csv", "", "MS", 1, 2_820, 33.4),
        ("sunspots/yearly-sunspots.csv", "", "YS", 1, 309, 2.9),
        ("airpassengers/airline-passengers.csv", "", "MS", 1, 144, 432.0),
        (
            "household_power/household_power_consumption_daily.csv",
            "Global_active_power",
            "D",
            1,
            1_442,
            1488.1,
        ),
        ("stocks/gspc_table.csv", "Close", "B", 1, 15_684, 1075.51),
    ],
)
def test_tables(
    shared_data: Shared,
    tmp_path: Path,
    name: str,
    target: str,
    frequency: str,
    series: int,
    steps: int,
    last: float,
) -> None:
    store = read_series([shared_data(name)], SeriesDataConfig(target=target), tmp_path)
    assert store.frequency.name == frequency and len(store) == series and store.lengths.sum() == steps
    assert store[0].values[-1, 0] == pytest.approx(last, rel=1e-4)
    assert np.isnan(store.values).mean() < 0.04


def test_newest_first_is_turned_around(shared_data: Shared, tmp_path: Path) -> None:
    data = SeriesDataConfig(target="Close")
    store = read_series([shared_data("stocks/gspc_table.csv")], data, tmp_path)
    assert store.report["unsorted"]["series"] == 1 and store.report["gaps"]["count"] == 558
    assert store.frequency.text(np.array([store[0].start, store[0].end])) == ["1950-01-03", "2010-02-15"]
