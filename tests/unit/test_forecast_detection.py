"""Scores of unexpected values."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqtools.forecaster import ForecastShape
from seqtools_forecast.detection import judge, scores, shown, threshold
from seqtools_forecast.store import from_arrays

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
NORMAL = np.array([NormalDist(10, 2).inv_cdf(level) for level in LEVELS])


def test_scores_of_a_normal_forecast_are_its_standard_deviations() -> None:
    values = np.array([10.0, 12, 8, 16, 0, 10.5, 30])
    found = scores(values, np.tile(NORMAL, (len(values), 1)), LEVELS)
    assert found == pytest.approx((values - 10) / 2, abs=1e-6)


def test_missing_values_and_certain_forecasts() -> None:
    sure = np.full((4, len(LEVELS)), 5.0)
    found = scores(np.array([5.0, 5.1, 4.9, np.nan]), sure, LEVELS)
    assert found[0] == 0 and found[1] == np.inf and found[2] == -np.inf
    assert np.isnan(found[3])


def test_a_skewed_forecast_is_judged_on_each_side_by_itself() -> None:
    rows = np.array([[9.0, 9.5, 9.8, 10, 12, 15, 20]])
    far_above, far_below = (scores(np.array([value]), rows, LEVELS)[0] for value in (30.0, 8.0))
    assert far_above == pytest.approx(2 * NormalDist().inv_cdf(0.975))
    assert far_below == pytest.approx(-2 * NormalDist().inv_cdf(0.975))


def test_the_threshold_leaves_the_share_on_both_sides() -> None:
    drawn = np.random.default_rng(0).normal(size=200_000)
    for share in (0.1, 0.01, 0.001):
        assert (np.abs(drawn) > threshold(share)).mean() == pytest.approx(share, rel=0.2)


def test_a_value_that_several_quantiles_share_is_as_odd_as_the_least_odd_of_them() -> None:
    clipped = np.array([[0.0, 0, 0, 0, 1, 2, 3], [0, 0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 5, 5]])
    found = scores(np.array([0.0, 0, 5]), clipped, LEVELS)
    assert found == pytest.approx([0, NormalDist().inv_cdf(0.1), NormalDist().inv_cdf(0.75)])


@pytest.mark.parametrize("value", [0.0, 0.1, -5.3, 1e-9, 7e20])
def test_a_series_that_never_changes_holds_nothing_odd(value: float) -> None:
    rounded = np.full((1, len(LEVELS)), value, np.float32) * np.float32(1 + 1e-7)
    assert scores(np.array([value]), rounded.astype(np.float64), LEVELS)[0] == 0


def test_the_interval_that_is_told_is_the_widest_up_to_95() -> None:
    told = (LEVELS, (0.005, 0.5, 0.995), (0.1, 0.5, 0.9), (0.1, 0.5), (0.5,))
    assert [shown(levels) for levels in told] == [95, 95, 80, 0, 0]


@pytest.mark.parametrize(("steps", "first"), [(100, 30), (40, 20), (1, 1)])
def test_judging_begins_with_a_whole_window_or_half_a_series(tmp_path: Path, steps: int, first: int) -> None:
    shape = SimpleNamespace(horizon=5, context=30, targets=1, levels=LEVELS)
    told: Any = SimpleNamespace(shape=shape, at=lambda store, series, origin: tell(len(series)))

    def tell(rows: int) -> tuple[np.ndarray, np.ndarray, None]:
        return np.zeros((rows, 5, 1)), np.zeros((rows, 5, 1, len(LEVELS))), None

    found = [group[0].steps for group in judge(told, from_arrays([np.arange(float(steps))], tmp_path), 0)]
    assert np.concatenate([*found, np.array([], np.int64)]).tolist() == list(range(first, steps))


@pytest.mark.parametrize("stride", [1, 5])
def test_what_has_become_restless_is_not_odd_for_ever(tmp_path: Path, stride: int) -> None:
    shape = ForecastShape(horizon=5, context=10, levels=LEVELS)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    values = np.random.default_rng(2).normal(size=900)
    values[300:] *= 3

    def tell(rows: int) -> tuple[np.ndarray, np.ndarray, None]:
        return np.zeros((rows, 5, 1)), np.tile(normal, (rows, 5, 1, 1)), None

    told: Any = SimpleNamespace(shape=shape, at=lambda store, series, origin: tell(len(series)))
    store, odd = from_arrays([values], tmp_path), {}
    for adapt in (False, True):
        groups = [group[0] for group in judge(told, store, 0, stride=stride, adapt=adapt)]
        score = np.concatenate([group.score for group in groups])
        steps = np.concatenate([group.steps for group in groups])
        beyond = np.abs(score) > threshold(0.05)
        odd[adapt] = beyond[steps < 300].mean(), beyond[steps >= 400].mean()
    assert odd[False][1] > 0.4
    assert odd[True] == pytest.approx((0.05, 0.05), abs=0.025)
