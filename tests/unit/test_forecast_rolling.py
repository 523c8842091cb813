"""Windows of the past: which, with what history, scored how."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqtools.errors import DataError
from seqtools.forecaster import ForecastShape
from seqtools_forecast.evaluation import Evaluation
from seqtools_forecast.floors import floor_forecasts
from seqtools_forecast.history import padded
from seqtools_forecast.metrics import naive_scale
from seqtools_forecast.past import Windows, actuals, ends, histories, last_windows, scales
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.refitting import cut
from seqtools_forecast.rolling import OWN, Rolling, Settings
from seqtools_forecast.scoring import owa, score
from seqtools_forecast.store import SeriesStore, from_arrays
from seqtools_forecast.truth import after

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_forecast_file.py"))))
NAN = math.nan
LEVELS = tiny.LEVELS


class Repeats:
    """Says what was `season` steps before, and notes what it was asked."""

    def __init__(self, targets: int = 1, horizon: int = 3) -> None:
        self.shape = ForecastShape(horizon=horizon, context=8, seasons=(4,), levels=LEVELS, targets=targets)
        self.asked: list[tuple[int, int]] = []

    def at(self, store: SeriesStore, series: Any, origin: Any) -> tuple[Any, Any, None]:
        self.asked += zip(series.tolist(), origin.tolist(), strict=True)
        rows = [store[one].values[end - 4 : end - 1] for one, end in zip(series, origin, strict=True)]
        mean = np.stack(rows)
        return mean, mean[..., None] + tiny.OFFSETS, None


def walks(count: int = 3, time: int = 40, targets: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(8)
    season = np.array([3.0, -1, 0, -2])[np.arange(time) % 4, None]
    return [50 + season + rng.normal(0, 1, (time, targets)).cumsum(axis=0) for _ in range(count)]


def listed(windows: Windows) -> list[tuple[int, int, int]]:
    return list(zip(windows.series.tolist(), windows.origin.tolist(), windows.turn.tolist(), strict=True))


def test_the_last_windows_end_where_the_series_do() -> None:
    found = last_windows(np.array([20, 3, 4, 7, 9]), 3, 3, 2)
    # 20 steps: three windows; 3: none; 4 and 7: one, as a second would know less than it tells; 9: two.
    assert listed(found) == [
        (0, 13, 2), (0, 15, 1), (0, 17, 0), (2, 1, 0), (3, 4, 0), (4, 4, 1), (4, 6, 0),
    ]  # fmt: skip
    assert listed(ends(np.array([5, 2]))) == [(0, 5, 0), (1, 2, 0)]
    with pytest.raises(DataError, match="the longest has 3 steps, too few to compare 3"):
        last_windows(np.array([3, 2]), 3, 1, 3)


def test_history_truth_and_unit_are_cut_at_the_origin(tmp_path: Path) -> None:
    arrays = walks(2, 12, 2)
    arrays[0][4, 0] = NAN
    store = from_arrays([arrays[0], arrays[1][:9]], tmp_path)
    windows = Windows(np.array([0, 1, 0]), np.array([10, 7, 3]), np.zeros(3, np.int64))
    before = histories(store, windows, 6)
    assert before.shape == (3, 6, 2)
    assert np.array_equal(before[0], arrays[0][4:10], equal_nan=True)
    assert np.isnan(before[2, :3]).all() and np.array_equal(before[2, 3:], arrays[0][:3])
    came = actuals(store, windows, 4)
    assert np.array_equal(came[0, :2], arrays[0][10:12]) and np.isnan(came[0, 2:]).all()
    assert np.array_equal(came[1, :2], arrays[1][7:9]) and np.isnan(came[1, 2:]).all()
    assert np.array_equal(came[2], arrays[0][3:7], equal_nan=True)
    for season in (1, 4, 8):
        found = scales(store, windows, season)
        for row, (one, origin, _) in enumerate(listed(windows)):
            wanted = naive_scale(padded(list(store[one].values[:origin].T)), season)
            assert np.allclose(found[row], wanted, equal_nan=True)


def test_figures_are_those_of_all_windows_whatever_the_batches(tmp_path: Path) -> None:
    arrays = walks(3, 40, 2)
    arrays[1][20:23] = NAN
    store = from_arrays(arrays, tmp_path)
    windows = last_windows(store.lengths, 3, 5, 3)
    found: list[Evaluation] = []
    for size in (10, 500):
        model = Repeats(2)
        rolling = Rolling(store, windows, model.shape, Settings(season=4, batch_size=size))
        parts = list(rolling.run(model))
        assert sum(len(part.windows) for part in parts) == len(model.asked) == 15
        found.append(rolling.evaluation(2))
    for other in found[1:]:
        assert other.scores.keys() == found[0].scores.keys()
        for name, figures in other.scores.items():
            assert figures == pytest.approx(found[0].scores[name])
    history, came = histories(store, windows, 40), actuals(store, windows, 3)
    rows = [np.moveaxis(one, 2, 1).reshape(30, -1) for one in (history, came)]
    own = np.moveaxis(np.stack([store[s].values[o - 4 : o - 1] for s, o, _ in listed(windows)]), 2, 1)
    told = {OWN: Prediction(own.reshape(30, 3), own.reshape(30, 3)[..., None] + tiny.OFFSETS)}
    told |= floor_forecasts(rows[0], 3, (4,), LEVELS, names=("naive", "drift", "naive2"))
    scale = naive_scale(rows[0], 4)
    wanted = {name: score(rows[1], one, LEVELS, scale) for name, one in told.items()}
    for name, figures in wanted.items():
        figures["owa"] = owa(figures, wanted["naive2"])
        assert found[0].scores[name] == pytest.approx(figures), name
    result = found[0]
    assert (result.windows, result.series, result.dropped, len(result.steps)) == (15, 3, 0, 3)
    assert len(result.worst) == 2 and set(result.worst[0]["series"]) & set("/c12")
    assert [one["windows"] for one in result.cutoffs] == [3] * 5
    assert [one["from"] for one in result.cutoffs] == ["24", "27", "30", "33", "36"]


def test_nothing_after_the_cutoff_is_seen(tmp_path: Path) -> None:
    arrays = walks(1)
    changed = [arrays[0].copy()]
    changed[0][37:] += 1e3

    def told(series: list[np.ndarray], folder: Path) -> Any:
        store = from_arrays(series, folder)
        model = Repeats()
        windows = last_windows(store.lengths, 3, 1, 3)
        return histories(store, windows, 99), scales(store, windows, 4), model.at(store, *_pair(windows))[0]

    for one, other in zip(told(arrays, tmp_path / "a"), told(changed, tmp_path / "b"), strict=True):
        assert np.array_equal(one, other)


def _pair(windows: Windows) -> tuple[Any, Any]:
    return windows.series, windows.origin


def test_turns_are_forecast_one_by_one(tmp_path: Path) -> None:
    store = from_arrays([*walks(2), walks(1, 8)[0]], tmp_path)
    model = Repeats()
    rolling = Rolling(
        store, last_windows(store.lengths, 3, 3, 4), model.shape, Settings(season=4, floors=False)
    )
    asked = []
    for turn in (2, 1, 0):
        model.asked = []
        list(rolling.run(model, turn))
        asked.append(model.asked)
    assert asked == [[(0, 29), (1, 29)], [(0, 33), (1, 33)], [(0, 37), (1, 37), (2, 5)]]
    result = rolling.evaluation()
    assert set(result.scores) == {OWN, "naive2"} and not result.floors
    assert [(one["from"], one["to"], one["windows"]) for one in result.cutoffs] == [
        ("28", "28", 2), ("32", "32", 2), ("4", "36", 3),
    ]  # fmt: skip
    assert "verdict" not in result.as_json()
    text = [*result.summary(), *result.by_cutoff(), *result.by_series()]
    assert not any("relative" in line or "naive" in line for line in text)
    assert any(line.startswith("4 … 36") for line in text)


def test_windows_without_values_are_left_out(tmp_path: Path) -> None:
    arrays = walks(3)
    arrays[0][25:37] = NAN  # nothing in the eight steps before the last window
    arrays[1][37:] = NAN  # nothing came
    store = from_arrays(arrays, tmp_path)
    rolling = Rolling(store, last_windows(store.lengths, 3, 1, 3), Repeats().shape, Settings(season=4))
    assert rolling.dropped == 2 and rolling.windows.series.tolist() == [2]
    only = from_arrays(arrays[:1], tmp_path / "only")
    with pytest.raises(DataError, match="no window has values both to read and to compare with"):
        Rolling(only, last_windows(only.lengths, 3, 1, 3), Repeats().shape, Settings(season=4))


def test_long_tables_show_some_lines(tmp_path: Path) -> None:
    store = from_arrays(walks(1, 200), tmp_path)
    model = Repeats()
    rolling = Rolling(
        store, last_windows(store.lengths, 3, 40, 2), model.shape, Settings(season=4, floors=False)
    )
    list(rolling.run(model))
    lines = list(rolling.evaluation().by_cutoff())
    assert len(lines) == 32 and lines[-1] == "and 10 cutoffs before them"
    steps = [{"mae": 1.0, "mse": 1.0}] * 48
    many = Evaluation({OWN: steps[0]}, steps, [], [], 1, 1, 2, 48, 1)
    assert [line.split()[0] for line in many.by_step()][1:] == [
        "1", "5", "10", "14", "18", "22", "27", "31", "35", "39", "44", "48",
    ]  # fmt: skip
    assert "2 windows without values left out" in next(iter(many.summary()))


def test_truth_of_another_table_goes_by_stamps_or_by_order(tmp_path: Path) -> None:
    train = from_arrays([np.arange(10.0), np.arange(5.0)], tmp_path / "a", names=["a", "b"])
    test = from_arrays([np.arange(50.0, 52), np.arange(20.0, 24)], tmp_path / "b", names=["b", "a"])
    found = after(train, test, 3)(ends(train.lengths))[..., 0]
    assert np.array_equal(found, [[20, 21, 22], [50, 51, NAN]], equal_nan=True)
    test.starts[:] = [4, 8]  # b goes on one step before its end, a two
    found = after(train, test, 3)(ends(train.lengths))[..., 0]
    assert np.array_equal(found, [[22, 23, NAN], [51, NAN, NAN]], equal_nan=True)
    test.starts[:] = [90, 90]
    with pytest.raises(DataError, match="none of its rows comes within the horizon"):
        after(train, test, 3)
    other = from_arrays([np.arange(3.0), np.arange(3.0)], tmp_path / "c", names=["x", "y"])
    with pytest.raises(DataError, match="no series of the same name, like 'a'"):
        after(train, other, 3)
    wide = from_arrays([np.ones((3, 2))], tmp_path / "d")
    with pytest.raises(DataError, match="it has 2 targets, and the series have 1"):
        after(train, wide, 3)
    lone = from_arrays([np.arange(4.0)], tmp_path / "e", names=["train"])
    after_lone = after(lone, from_arrays([np.array([7.0])], tmp_path / "f", names=["test"]), 3)
    assert np.array_equal(after_lone(ends(lone.lengths))[0, :, 0], [7, NAN, NAN], equal_nan=True)


def test_a_store_is_cut_for_training_again(tmp_path: Path) -> None:
    values = walks(3, 12)
    values[0][5:8] = NAN
    store = from_arrays(
        values,
        tmp_path / "whole",
        frequency="D",
        names=["a", "b", "c"],
        starts=[3, 4, 5],
        past=(["p"], [np.arange(12.0)[:, None]] * 3),
        future=(["f"], [np.arange(15.0)[:, None]] * 3),
        categories={"kind": ["x", "y", "x"]},
    )
    found = cut(store, np.array([8, 12, -1]), tmp_path / "cut")
    assert found.names == ["a", "b"] and found.lengths.tolist() == [5, 12]
    assert np.array_equal(found[0].values, values[0][:5]) and len(found[0].past) == len(found[0].future) == 5
    assert found[1].categories == ("y",) and found[1].start == 4 and len(found[1].future) == 12
    assert found.frequency.name == store.frequency.name
