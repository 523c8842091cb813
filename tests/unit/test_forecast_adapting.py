"""Widths of intervals that follow how those before them held."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import UsageError
from seqtools.forecaster import ForecastShape
from seqtools_forecast.about import About
from seqtools_forecast.adapting import BOUNDS, FASTEST, RATE, Following, Widths
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.past import Windows
from seqtools_forecast.replaying import adapted, check_adapt, last_steps, steps_wanted
from seqtools_forecast.seen import flattery, fresh
from seqtools_forecast.store import SeriesStore, from_arrays

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
HORIZON = 4
SHAPE = ForecastShape(horizon=HORIZON, context=8, levels=LEVELS)


def told(scale: float = 1.0, shape: ForecastShape = SHAPE) -> np.ndarray:
    """Quantiles of a normal distribution, `[horizon, targets, levels]`."""
    return np.broadcast_to(scale * NORMAL, (shape.horizon, shape.targets, len(LEVELS))).copy()


def after(actual: float, windows: int, shape: ForecastShape = SHAPE) -> np.ndarray:
    """Factors after windows side by side of which all values came to the same, `[targets, levels]`."""
    widths = Widths(shape)
    for number in range(windows):
        came = np.full((shape.horizon, shape.targets), actual)
        widths.told(told(shape=shape), came, number * shape.horizon)
    widths.advance(windows * shape.horizon)
    return widths.factors


def test_one_window_moves_widths_by_what_the_rate_says() -> None:
    # All inside: the share outside of 80 % is less by 0.2 in each of 4 steps, that of 95 % by 0.05.
    inside = after(0.0, 1)[0]
    assert np.log(inside) == pytest.approx(4 * FASTEST * np.array([-0.05, -0.2, 0, -0.2, -0.05]))
    outside = after(1.5, 1)[0]  # beyond 80 % and within 95 %
    assert np.log(outside) == pytest.approx(4 * FASTEST * np.array([-0.05, 0.8, 0, 0.8, -0.05]))


def test_far_forecasts_learn_slowly_as_their_news_come_late() -> None:
    far = replace(SHAPE, horizon=99)
    assert np.log(after(0.0, 1, far)[0, 1]) == pytest.approx(99 * 2 * RATE / 100 * -0.2)


def test_nothing_is_learned_of_values_that_have_not_come() -> None:
    widths = Widths(SHAPE)
    first = widths.told(told(), np.full((HORIZON, 1), 99.0), 10)
    again = widths.told(told(), np.full((HORIZON, 1), 99.0), 10)
    np.testing.assert_array_equal(first, told())
    np.testing.assert_array_equal(again, told())
    # One step on, one value of both windows is known, and counts once.
    widths.advance(11)
    assert np.log(widths.factors[0, 1]) == pytest.approx(FASTEST * 0.8)


def test_the_future_changes_nothing_of_what_is_told_before_it() -> None:
    rng = np.random.default_rng(3)
    came = rng.normal(0, 2, (12, HORIZON, 1))
    other = came.copy()
    # Windows overlap by all but one step: what comes from step 8 on is another world.
    steps = np.arange(12)[:, None] + np.arange(HORIZON)
    other[steps >= 8] *= -50
    one, two = Widths(SHAPE), Widths(SHAPE)
    for origin in range(12):
        left, right = one.told(told(), came[origin], origin), two.told(told(), other[origin], origin)
        assert np.array_equal(left, right) == (origin <= 8)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_intervals_of_the_wrong_width_come_to_hold_what_they_promise(factor: float) -> None:
    rng = np.random.default_rng(8)
    widths, inside = Widths(SHAPE), []
    for origin in range(2000):
        came = rng.normal(0, 1, (HORIZON, 1))
        wide = widths.told(told(factor), came, origin)[..., 0, :]
        inside.append(
            [(wide[:, 1:2] <= came) & (came <= wide[:, 3:4]), (wide[:, :1] <= came) & (came <= wide[:, 4:])]
        )
    shares = np.mean(inside[200:], axis=(0, 2, 3))
    np.testing.assert_allclose(shares, [0.8, 0.95], atol=0.01)


def test_factors_stay_within_bounds() -> None:
    np.testing.assert_allclose(after(99.0, 99)[0, [0, 1, 3, 4]], BOUNDS[1])
    np.testing.assert_allclose(after(0.0, 99)[0, [1, 3]], BOUNDS[0])


def test_missing_values_teach_nothing_and_targets_learn_apart() -> None:
    two = replace(SHAPE, targets=2)
    widths = Widths(two)
    came = np.array([[math.nan, 9.0]] * HORIZON)
    widths.told(told(shape=two), came, 0)
    widths.advance(HORIZON)
    np.testing.assert_array_equal(widths.factors[0], 1.0)
    assert (widths.factors[1, [0, 1, 3, 4]] > 1).all()


def test_a_level_without_a_partner_is_held_to_its_own_share() -> None:
    odd = ForecastShape(horizon=1, context=8, levels=(0.1, 0.5, 0.8))
    widths = Widths(odd)
    widths.told(np.array([[[-1.0, 0.0, 1.0]]]), np.array([[-2.0]]), 0)
    widths.advance(1)
    np.testing.assert_allclose(np.log(widths.factors[0]), [FASTEST * 0.9, 0.0, FASTEST * -0.2])


def test_the_median_stays_and_nothing_falls_below_zero_that_must_not() -> None:
    counts = replace(SHAPE, non_negative=True)
    widths = Widths(counts)
    widths.told(told(shape=counts), np.full((HORIZON, 1), 9.0), 0)
    widths.advance(HORIZON)
    wide = widths.widened(1 + told(shape=counts))
    assert wide.min() == 0
    np.testing.assert_array_equal(wide[..., 2], 1.0)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=30), st.integers(1, 6))
def test_quantiles_never_cross(values: list[float], stride: int) -> None:
    widths = Widths(SHAPE)
    for number, value in enumerate(values):
        wide = widths.told(told() + value, np.full((HORIZON, 1), values[number - 1]), number * stride)
        assert (np.diff(wide, axis=-1) >= 0).all()


def test_series_learn_apart_whatever_the_batches() -> None:
    rng = np.random.default_rng(1)
    series, origin = np.repeat([0, 1], 6), np.tile(np.arange(6) * 2, 2)
    windows = Windows(series, origin, np.zeros(12, np.int64))
    quantiles, came = np.stack([told()] * 12), rng.normal(0, 2, (12, HORIZON, 1))
    whole = Following(SHAPE).told(windows, quantiles, came)
    parts = Following(SHAPE)
    for cut in (slice(0, 5), slice(5, 12)):
        np.testing.assert_array_equal(parts.told(windows.only(cut), quantiles[cut], came[cut]), whole[cut])
    alone = Following(SHAPE).told(windows.only(series == 1), quantiles[6:], came[6:])
    np.testing.assert_array_equal(alone, whole[6:])
    assert not np.array_equal(whole[:6], whole[6:])


class Zero:
    """Says that everything stays about 0, and notes from where it was asked."""

    def __init__(self, shape: ForecastShape = SHAPE) -> None:
        self.shape = shape
        self.asked: list[int] = []

    def at(self, store: SeriesStore, series: Any, origin: Any) -> tuple[Any, Any, None]:
        self.asked += origin.tolist()
        quantiles = np.stack([told(shape=self.shape)] * len(series))
        return quantiles[..., 2], quantiles, None


def followed(model: Zero, store: SeriesStore, *steps: int) -> np.ndarray:
    """Logarithms of the factors on series of a store, `[series, targets, levels]`."""
    which = np.arange(len(steps))
    quantiles = np.stack([told(shape=model.shape)] * len(steps))
    wide, factors = adapted(model, store, which, np.array(steps), quantiles)
    np.testing.assert_allclose(wide, quantiles * factors[:, None])
    return np.log(factors)


def test_a_replay_asks_for_the_last_steps_and_learns_all_that_came(tmp_path: Any) -> None:
    store = from_arrays([np.zeros((40, 1))], tmp_path)
    model = Zero()
    factors = followed(model, store, 6)
    assert model.asked == [34, 35, 36, 37, 38, 39]
    # Six steps came, all inside.
    np.testing.assert_allclose(factors[0, 0, 1], 6 * FASTEST * -0.2)


def test_a_replay_leaves_a_beginning_to_forecast_from(tmp_path: Any) -> None:
    silent = np.full((30, 1), math.nan)
    silent[20:] = 0.0
    store = from_arrays([np.zeros((40, 1)), silent], tmp_path)
    model = Zero()
    followed(model, store, 1000)
    assert min(model.asked) == HORIZON
    model.asked.clear()
    followed(model, store, 0, 1000)  # windows without a value are not asked for
    assert min(model.asked) > HORIZON
    assert not followed(model, store, 0, 0).any()


@pytest.mark.parametrize("horizon", [HORIZON, 100])
def test_series_of_any_length_are_replayed_side_by_side_as_alone(tmp_path: Any, horizon: int) -> None:
    rng = np.random.default_rng(7)
    shape = replace(SHAPE, horizon=horizon, targets=2)
    series = [rng.normal(0, scale, (length, 2)) for length, scale in ((1, 1), (300, 3), (7, 9), (260, 0.1))]
    series[1][100:180] = math.nan
    store = from_arrays(series, tmp_path / "all")
    steps = (1, 250, 3, 30)
    together = followed(Zero(shape), store, *steps)
    for number, (one, back) in enumerate(zip(series, steps, strict=True)):
        single = from_arrays([one], tmp_path / str(number))
        np.testing.assert_allclose(followed(Zero(shape), single, back)[0], together[number], atol=1e-12)
    assert (together[[1, 3]][..., [0, 1, 3, 4]] != 0).all()


@pytest.mark.parametrize("horizon", [HORIZON, 100])
def test_no_more_of_a_series_is_wanted_than_changes_something(tmp_path: Any, horizon: int) -> None:
    values = np.random.default_rng(5).normal(0, 1.5, (400, 1))
    shape = replace(SHAPE, horizon=horizon)
    whole = from_arrays([values], tmp_path / "whole")
    end = from_arrays([values[-steps_wanted(shape, 120) :]], tmp_path / "end")
    np.testing.assert_array_equal(followed(Zero(shape), whole, 120), followed(Zero(shape), end, 120))


def test_what_came_after_training_is_known_by_where_it_ended(tmp_path: Any) -> None:
    store = from_arrays([np.zeros((40, 1)), np.zeros((25, 1))], tmp_path)
    steps = store.frequency
    about = About(SHAPE, steps, until=30)
    found = fresh(about, store)
    assert found is not None
    assert found.tolist() == [10, 0]
    assert last_steps(about, store, "new").tolist() == [10, 0]
    assert last_steps(about, store, 30).tolist() == [30, 25]
    assert last_steps(about, store, 10**30).tolist() == [40, 25]
    windows = Windows(np.array([0, 0, 1]), np.array([20, 30, 21]), np.zeros(3, np.int64))
    assert flattery(about, store, windows).startswith("2 of 3 windows begin before")
    assert flattery(about, store, windows.only(slice(1, 2))) == ""
    for other in (replace(about, until=None), replace(about, frequency=Frequency.parse("D"))):
        assert fresh(other, store) is None
        assert flattery(other, store, windows) == ""
        with pytest.raises(UsageError, match="cannot tell"):
            last_steps(other, store, "new")


@pytest.mark.parametrize("adapt", [-1, "old", "7", 1.5, math.nan, None])
def test_what_is_no_number_of_steps_is_refused(adapt: Any) -> None:
    with pytest.raises(UsageError, match="adapt"):
        check_adapt(adapt, paths=False)


def test_paths_are_not_adapted() -> None:
    check_adapt(0, paths=True)
    with pytest.raises(UsageError, match="paths are not"):
        check_adapt("new", paths=True)
