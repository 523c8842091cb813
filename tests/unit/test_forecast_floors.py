"""The simple methods: closed forms, loops one would write first, and series that try them."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqtools_forecast.decomposition import ahead, is_seasonal, season_shape, unfold
from seqtools_forecast.ets import ets
from seqtools_forecast.floors import FLOORS, drift, floor_forecasts, naive, seasonal_naive
from seqtools_forecast.history import padded
from seqtools_forecast.holt_winters import Rates, Smoother
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.ses import smooth
from seqtools_forecast.theta import naive2, theta

NAN = math.nan
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
ALL = (*FLOORS, "naive2")
TIME = np.arange(60)
SEASON = np.array([3.0, -1, 0, -2])
VALUES = arrays(np.float64, (2, 23), elements=st.one_of(st.just(NAN), st.floats(-1e3, 1e3)))


def waves(rows: int = 3, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(2)
    clean = 20 + 0.05 * TIME + SEASON[TIME % 4]
    return clean + rng.normal(0, noise, (rows, len(TIME)))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(VALUES, st.integers(2, 30))
def test_seasonal_naive_is_the_last_value_of_the_same_place(values: np.ndarray, season: int) -> None:
    mean, error = seasonal_naive(values, 7, season)
    for row, told in zip(values, mean, strict=True):
        seen = row[~np.isnan(row)]
        for step in range(7):
            places = range(len(row) + step - season * (step // season + 1), -1, -season)
            there = [row[place] for place in places if not np.isnan(row[place])]
            wanted = there[0] if there else seen[-1] if len(seen) else NAN
            assert np.array_equal(told[step], wanted, equal_nan=True)
    assert (error >= 0).all()


def test_naive_and_drift_by_hand() -> None:
    history = padded([[2.0, 4, 3, 8], [NAN, 1, NAN, 5], [9.0]])
    mean, error = naive(history, 3)
    assert np.array_equal(mean, [[8] * 3, [5] * 3, [9] * 3])
    assert np.allclose(error[0], math.sqrt(np.mean([4, 1, 25])) * np.sqrt([1, 2, 3]))
    mean, error = drift(history, 2)
    assert np.allclose(mean, [[10, 12], [7, 9], [9, 9]])
    assert np.allclose(error[0], math.sqrt(np.mean([0, 9, 9])) * np.sqrt([1 + 1 / 3, 2 * (1 + 2 / 3)]))
    late, _ = drift(padded([[1.0, 2, 3, NAN, NAN]]), 2)  # the line goes on through what is missing at the end
    assert np.allclose(late, [[6, 7]])


def test_intervals_are_normal_around_the_mean() -> None:
    found = floor_forecasts(waves(), 5, (4,), LEVELS, names=ALL)
    assert set(found) == set(ALL)
    for told in found.values():
        assert told.mean.shape == (3, 5) and told.quantiles.shape == (3, 5, len(LEVELS))
        assert np.allclose(told.quantiles[..., 2], told.mean)
        spread = (told.quantiles[..., 4] - told.mean) / NormalDist().inv_cdf(0.975)
        assert np.allclose(told.quantiles[..., 1], told.mean + spread * NormalDist().inv_cdf(0.1))
        assert (spread > 0).all()


def smoothed_by_a_loop(row: np.ndarray, rate: float, level: float) -> tuple[float, float]:
    squares = 0.0
    for value in row:
        if not math.isnan(value):
            squares += (value - level) ** 2
            level += rate * (value - level)
    return squares, level


def test_smoothing_finds_the_best_start_and_rate() -> None:
    rng = np.random.default_rng(1)
    history = rng.normal(0, 1, (4, 40)).cumsum(axis=1) * [[0.1], [0.5], [1], [0]] + rng.normal(0, 1, (4, 40))
    history[1, :9] = history[2, 12:15] = NAN
    found = smooth(history)
    for row, level, rate, error in zip(history, *found, strict=True):
        count = (~np.isnan(row)).sum()
        starts = np.linspace(-3, 3, 25)
        rates = np.linspace(0.001, 0.999, 40)
        least = min(smoothed_by_a_loop(row, one, start)[0] for one in rates for start in starts)
        assert error**2 * count <= least * (1 + 1e-9)  # no point of the grid is better
        begun = min(starts, key=lambda start: abs(smoothed_by_a_loop(row, rate, start)[1] - level))
        assert smoothed_by_a_loop(row, rate, begun)[1] == pytest.approx(level, abs=0.3)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_holt_winters_is_what_a_loop_over_steps_does(multiplicative: bool) -> None:
    history = np.abs(waves(2, 1.0)) + 1
    history[0, :7] = history[1, 30:33] = NAN
    smoother = Smoother(history, 4, multiplicative, True)
    rates = Rates(*(np.array([[value, value / 2], [value, value]]) for value in (0.4, 0.2, 0.3, 0.9)))
    begun = smoother.start()
    squares, states = smoother.run(rates)
    for row in range(2):
        for place in range(2):
            a, b, c, phi = (float(one[row, place]) for one in rates)
            level, slope, season = begun.level[row], begun.slope[row], list(begun.season[:, row])
            total, running = 0.0, False
            for step, value in enumerate(history[row]):
                running |= not math.isnan(value)
                if not running:
                    continue
                before, slope = level + phi * slope, phi * slope
                now = season[step % 4]
                error = 0.0
                if not math.isnan(value):
                    error = value - (before * now if multiplicative else before + now)
                total += error**2
                rest = error / now if multiplicative else error
                season[step % 4] += c * (error / before if multiplicative else error)
                level, slope = before + a * rest, slope + b * rest
            assert squares[row, place] == pytest.approx(total)
            assert states.level[row, place] == pytest.approx(level)
            assert states.slope[row, place] == pytest.approx(slope)
            assert np.allclose(np.roll(season, -(60 % 4)), states.season[:, row, place])


def test_variances_are_those_of_simulated_paths() -> None:
    rng = np.random.default_rng(0)
    rates = Rates(*(np.array([[value]]) for value in (0.5, 0.2, 0.3, 0.9)))
    smoother = Smoother(waves(1), 4, False, True)
    _, states = smoother.run(rates)
    last = type(states)(*(one[..., 0] for one in states))
    mean, spread = smoother.forecast(last, rates, np.array([1.5]), 10)
    paths = np.zeros((20_000, 10))
    level, slope = (np.full(20_000, float(one[0])) for one in last[:2])
    season = np.repeat(last.season[:, :1], 20_000, axis=1)
    for step in range(10):
        error = rng.normal(0, 1.5, 20_000)
        slope = 0.9 * slope
        level = level + slope
        paths[:, step] = level + season[step % 4] + error
        level, slope = level + 0.5 * error, slope + 0.2 * error
        season[step % 4] += 0.3 * error
    assert np.allclose(paths.mean(axis=0), mean[0], atol=0.12)
    assert np.allclose(paths.std(axis=0), spread[0], rtol=0.03)


def test_a_season_is_found_where_there_is_one() -> None:
    rng = np.random.default_rng(4)
    history = np.stack([waves()[0], rng.normal(0, 1, 60), np.full(60, 5.0), waves()[1]])
    history[3, :50] = NAN  # two seasons and a half are too few
    assert is_seasonal(history, 4).tolist() == [True, False, False, False]
    assert not is_seasonal(history, 21).any() and not is_seasonal(history, 1).any()


@pytest.mark.parametrize("multiplicative", [False, True])
@pytest.mark.parametrize("season", [4, 5])
def test_decomposition_returns_the_season_put_in(multiplicative: bool, season: int) -> None:
    shape = np.array([0.5, 1.5, 1.25, 0.75, 1.0][:season])
    pattern = shape[TIME % season]
    history = (10 * pattern if multiplicative else 10 + 0.2 * TIME + pattern)[None]
    found = season_shape(history, season, multiplicative=multiplicative)
    first = len(TIME) % season
    wanted = np.roll(shape, -first) if multiplicative else np.roll(shape, -first) - shape.mean()
    assert np.allclose(found[0], wanted)
    assert np.allclose(unfold(found, 60)[0, -1], found[0, -1]) and np.allclose(
        ahead(found, 9)[0, :season], found
    )


def test_theta_and_naive2_keep_line_and_season() -> None:
    told, _ = theta((10 + 2.0 * TIME)[None], 3, 0)
    # The half that is smoothed stays where it is; the other half goes on along the line.
    assert np.allclose(np.diff(told[0]), 1, atol=1e-6) and 125 < told[0, 0] < 131
    shape = np.array([0.5, 1.5, 1.25, 0.75])
    told, _ = naive2((20 * shape[TIME % 4])[None], 6, 4)
    assert np.allclose(told[0], 20 * shape[np.arange(60, 66) % 4])
    added = (20 * (shape[TIME % 4] - 1))[None]  # below zero, too: the season is added
    told, error = naive2(added, 6, 4)
    assert np.allclose(told[0], 20 * (shape[np.arange(60, 66) % 4] - 1)) and np.allclose(error, 0, atol=1e-9)


def test_ets_follows_line_and_season() -> None:
    clean = np.stack([20 + 0.05 * TIME + SEASON[TIME % 4], (20 + 0.3 * TIME) * (1 + SEASON[TIME % 4] / 10)])
    step = np.arange(60, 66)
    wanted = np.stack([20 + 0.05 * step + SEASON[step % 4], (20 + 0.3 * step) * (1 + SEASON[step % 4] / 10)])
    told, error = ets(clean / 50, 6, 4)
    assert np.allclose(told * 50, wanted, rtol=0.02) and (error >= 0).all()
    line, _ = ets((TIME / 60)[None], 6, 0)
    assert np.allclose(line, step / 60, rtol=1e-3)
    short, _ = ets(np.array([[0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]]), 3, 4)  # AICc chooses, no horizon to spare
    assert np.isfinite(short).all()


@pytest.mark.parametrize("name", ALL)
def test_odd_series_have_defined_answers(name: str) -> None:
    history = padded(
        [np.full(30, 7.0), np.zeros(30), [], [3.0], [3.0, 5.0], [NAN, 4, NAN, NAN], [NAN] * 30, TIME]
    )
    told = floor_forecasts(history, 5, (4,), LEVELS, names=(name,))[name]
    empty = [2, 6]
    assert np.isnan(told.mean[empty]).all() and np.isnan(told.quantiles[empty]).all()
    full = np.delete(np.arange(8), empty)
    assert np.isfinite(told.mean[full]).all() and np.isfinite(told.quantiles[full]).all()
    assert np.allclose(told.quantiles[0], 7) and np.allclose(told.quantiles[1], 0)
    assert np.allclose(told.mean[3], 3) and np.allclose(told.mean[5], 4)
    assert (np.diff(told.quantiles[full], axis=2) >= 0).all()


@pytest.mark.parametrize("name", ALL)
def test_size_and_company_change_nothing(name: str) -> None:
    history = waves(5, 0.5)
    history[2, 10:13] = NAN
    history[3, :20] = NAN

    def ask(values: np.ndarray) -> Prediction:
        return floor_forecasts(values, 6, (4,), LEVELS, names=(name,))[name]

    told = ask(history)
    for scale in (1e-12, 1e12):
        assert np.allclose(ask(history * scale).quantiles, told.quantiles * scale, rtol=1e-6)
    for row in range(5):
        alone = ask(history[[row]])
        assert np.allclose(alone.quantiles[0], told.quantiles[row], rtol=1e-6)
    shorter = ask(history[[3], 20:])
    assert np.allclose(shorter.mean[0], told.mean[3], rtol=1e-6)


def test_no_season_no_seasonal_naive_and_nothing_below_zero() -> None:
    falling = np.maximum(10 - 0.3 * TIME[:30], 0.1)[None]
    found = floor_forecasts(falling, 12, (), LEVELS, non_negative=True)
    assert tuple(found) == tuple(name for name in FLOORS if name != "seasonal_naive")
    assert all((told.quantiles >= 0).all() and (told.mean >= 0).all() for told in found.values())
    none = floor_forecasts(np.zeros((0, 0)), 3, (4,), LEVELS)
    assert all(told.quantiles.shape == (0, 3, len(LEVELS)) for told in none.values())
    bare = floor_forecasts(np.zeros((2, 0)), 3, (4,), LEVELS)
    assert all(np.isnan(told.mean).all() for told in bare.values())


def test_with_many_rows_the_last_steps_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    history = np.concatenate([np.full((2, 400), 1e3), waves(2)], axis=1)
    monkeypatch.setattr("seqtools_forecast.floors._CELLS", 100)
    monkeypatch.setattr("seqtools_forecast.floors._LEAST_TIME", 60)
    monkeypatch.setattr("seqtools_forecast.floors._ROWS", 1)
    cut = floor_forecasts(history, 4, (4,), LEVELS)
    whole = floor_forecasts(history[:, -60:], 4, (4,), LEVELS)
    for name in ("theta", "ets"):
        assert np.allclose(cut[name].mean, whole[name].mean)
    assert not np.allclose(cut["drift"].mean, whole["drift"].mean)
