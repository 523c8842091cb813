"""The Theta method (Assimakopoulos and Nikolopoulos 2000) as M4 had it, and Naive2."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.decomposition import ahead, is_seasonal, season_shape, unfold
from seqtools_forecast.history import held
from seqtools_forecast.ses import smooth

if TYPE_CHECKING:
    from seqtools_forecast.prediction import Float64

    Told = tuple[Float64, Float64]
    """Mean and standard deviation of each step ahead, `[rows, horizon]` each."""


def theta(history: Float64, horizon: int, season: int) -> Told:
    """Half a straight line, half simple exponential smoothing of what is twice as far from it as the series.

    Args:
        history: `[rows, time]`, NaN where missing.
        season: taken out before and put back after where the series has one; 0 or 1 for none.
    """
    return _without_season(history, horizon, season, _theta)


def naive2(history: Float64, horizon: int, season: int) -> Told:
    """The last value without its season, then the season put back: what OWA compares with."""
    return _without_season(history, horizon, season, _naive)


def _theta(values: Float64, horizon: int) -> Told:
    start, slope = _line(values)
    time = values.shape[1]
    line = start[:, None] + slope[:, None] * np.arange(time)
    found = smooth(2 * values - line)
    steps = np.arange(time, time + horizon)
    mean = (found.level[:, None] + start[:, None] + slope[:, None] * steps) / 2
    growth = np.sqrt(1 + np.arange(horizon) * np.square(found.rate)[:, None])
    return mean, growth * found.error[:, None] / 2


def _naive(values: Float64, horizon: int) -> Told:
    steps = np.diff(held(values), axis=1)
    steps = np.where(np.isnan(steps), 0, steps)
    count = np.maximum((~np.isnan(values)).sum(axis=1) - 1, 1)
    error = np.sqrt(np.square(steps).sum(axis=1) / count)
    mean = np.repeat(held(values)[:, -1:], horizon, axis=1)
    return mean, error[:, None] * np.sqrt(np.arange(1, horizon + 1))


def _line(values: Float64) -> Told:
    """Least squares through what is observed: value at step 0, and slope, `[rows]` each."""
    seen = ~np.isnan(values)
    count = np.maximum(seen.sum(axis=1), 1)
    place = np.where(seen, np.arange(values.shape[1]), 0)
    middle = place.sum(axis=1) / count
    mean = np.where(seen, values, 0).sum(axis=1) / count
    apart = np.where(seen, place - middle[:, None], 0)
    rise = (apart * np.where(seen, values - mean[:, None], 0)).sum(axis=1)
    run = np.square(apart).sum(axis=1)
    slope = rise / np.where(run > 0, run, 1)
    return mean - slope * middle, slope


def _without_season(
    history: Float64, horizon: int, season: int, method: Callable[[Float64, int], Told]
) -> Told:
    """Use a method on what classical decomposition leaves, row by row as the test of the season says.

    The season multiplies, as in M4; where a series is not above zero throughout, it is added.
    """
    if season < 2:
        return method(history, horizon)
    time = history.shape[1]
    seasonal = is_seasonal(history, season)
    positive = np.where(np.isnan(history), np.inf, history).min(axis=1, initial=np.inf) > 0
    factor = season_shape(history, season, multiplicative=True)
    use = (seasonal & positive & (factor > 0).all(axis=1))[:, None]
    factor = np.where(use, factor, 1)
    term = np.where(seasonal[:, None] & ~use, season_shape(history, season, multiplicative=False), 0)
    left = (history - unfold(term, time)) / unfold(factor, time)
    mean, error = method(left, horizon)
    return mean * ahead(factor, horizon) + ahead(term, horizon), error * ahead(factor, horizon)
