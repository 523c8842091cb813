"""Simple methods that a forecaster must beat to have earned its place; many series at once, numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.ets import ets
from seqtools_forecast.history import first_seen, held
from seqtools_forecast.prediction import Prediction
from seqtools_forecast.theta import naive2, theta

if TYPE_CHECKING:
    from seqtools_forecast.prediction import Float64

    Told = tuple[Float64, Float64]

FLOORS = ("naive", "seasonal_naive", "drift", "theta", "ets")
"""What every training and every backtest sets beside the network."""

_ROWS = 512
_CELLS = 2_000_000  # values that are smoothed
_LEAST_TIME = 256


def floor_forecasts(
    history: Float64,
    horizon: int,
    seasons: Sequence[int],
    levels: Sequence[float],
    *,
    names: Sequence[str] = FLOORS,
    non_negative: bool = False,
) -> dict[str, Prediction]:
    """What simple methods say, with normal intervals from their own errors one step ahead.

    Args:
        history: `[rows, time]` up to the cutoff, NaN where missing and on the left of shorter ones.
        horizon: steps ahead.
        seasons: in steps, the main one first. Without one there is no seasonal naive.
        levels: of the quantiles.
        names: of FLOORS, and `naive2`, which OWA is made with.
        non_negative: tell nothing below zero.

    Returns:
        By name. A history without any value gets NaN. With very many rows Theta and ETS look at the last
        steps only.
    """
    season = seasons[0] if seasons else 1
    methods = _methods(season, most_time(len(history), season))
    levels_at = np.array([NormalDist().inv_cdf(level) for level in levels])
    found = {}
    for name in names:
        if name == "seasonal_naive" and season < 2:
            continue
        parts = [
            _predict(methods[name], history[row : row + _ROWS], horizon, levels_at)
            for row in range(0, len(history), _ROWS)
        ] or [Prediction(np.zeros((0, horizon)), np.zeros((0, horizon, len(levels))))]
        whole = Prediction(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        found[name] = Prediction(*(np.maximum(part, 0) for part in whole)) if non_negative else whole
    return found


def _methods(season: int, most: int) -> dict[str, Callable[[Float64, int], Told]]:
    def short(method: Callable[[Float64, int, int], Told], history: Float64, horizon: int) -> Told:
        return method(history[:, -most:], horizon, season)

    return {
        "naive": naive,
        "seasonal_naive": partial(seasonal_naive, season=season),
        "drift": drift,
        "theta": partial(short, theta),
        "ets": partial(short, ets),
        "naive2": partial(short, naive2),
    }


def most_time(rows: int, season: int) -> int:
    """Last steps that Theta and ETS look at, so that many windows do not take minutes."""
    return max(_CELLS // max(rows, 1), _LEAST_TIME, 4 * season)


def _predict(
    method: Callable[[Float64, int], Told], history: Float64, horizon: int, levels_at: Float64
) -> Prediction:
    """Use a method in units of each row's largest value, so that tiny and huge ones are alike."""
    if not history.shape[1]:
        history = np.full((len(history), 1), np.nan)
    size = np.where(np.isnan(history), 0, np.abs(history)).max(axis=1, keepdims=True)
    unit = np.where(size > 0, size, 1)
    mean, error = method(history / unit, horizon)
    mean, error = mean * unit, error * unit
    mean = np.where(np.isnan(history).all(axis=1, keepdims=True), np.nan, mean)
    return Prediction(mean, mean[..., None] + error[..., None] * levels_at)


def naive(history: Float64, horizon: int) -> Told:
    """The last value; errors of a random walk."""
    ahead = np.arange(1, horizon + 1)
    return np.repeat(held(history)[:, -1:], horizon, axis=1), _error(history, 1)[:, None] * np.sqrt(ahead)


def seasonal_naive(history: Float64, horizon: int, season: int) -> Told:
    """The value one season before, or as many seasons as it takes to find one; else the last value."""
    spare = -history.shape[1] % season
    folded = np.pad(history, ((0, 0), (spare, 0)), constant_values=np.nan)
    folded = folded.reshape(len(history), -1, season).swapaxes(1, 2)
    last = held(folded)[:, :, -1]
    plain, plain_error = naive(history, horizon)
    step = np.arange(horizon)
    mean = last[:, step % season]
    error = _error(history, season)[:, None] * np.sqrt(step // season + 1)
    known = ~np.isnan(mean)
    short = history.shape[1] - first_seen(history) <= season
    return np.where(known, mean, plain), np.where(known & ~short[:, None], error, plain_error)


def drift(history: Float64, horizon: int) -> Told:
    """On along the line from the first value to the last."""
    time = history.shape[1]
    first = np.minimum(first_seen(history), time - 1)
    last = np.maximum(time - 1 - first_seen(history[:, ::-1]), 0)
    rows = np.arange(len(history))
    run = np.maximum(last - first, 1)
    slope = (history[rows, last] - history[rows, first]) / run
    step = (time - 1 - last)[:, None] + np.arange(1, horizon + 1)
    mean = history[rows, last][:, None] + slope[:, None] * step
    return mean, _error(history, 1, slope)[:, None] * np.sqrt(step * (1 + step / run[:, None]))


def _error(history: Float64, lag: int, slope: Float64 | float = 0.0) -> Float64:
    """Root mean square of the steps over a lag, less a slope, `[rows]`; 0 if there is none."""
    if history.shape[1] <= lag:
        return np.zeros(len(history))
    steps = history[:, lag:] - history[:, :-lag] - np.reshape(slope, (-1, 1))
    there = ~np.isnan(steps)
    total = np.square(np.where(there, steps, 0)).sum(axis=1)
    error: Float64 = np.sqrt(total / np.maximum(there.sum(axis=1), 1))
    return error
