"""Which earlier values a step of a sampling network sees."""

from __future__ import annotations

from seqtools.forecaster import ForecasterConfig, ForecastShape

NEAR = 7
"""The last so many values are always shown."""
LONG = 8
"""Seasons of at least so many steps also show the steps beside their own phase."""


def lags_of(config: ForecasterConfig, shape: ForecastShape) -> tuple[int, ...]:
    """Steps back, ascending: the last few, and `config.lags` seasons of each length that the window holds."""
    found = set(range(1, NEAR + 1))
    for season in shape.seasons:
        beside = (-1, 0, 1) if season >= LONG else (0,)
        found.update(season * back + by for back in range(1, config.lags + 1) for by in beside)
    return tuple(sorted(lag for lag in found if lag < shape.context)) or (1,)


def start_of(lags: tuple[int, ...], season: int) -> list[float]:
    """Weights of lagged values that make a fair forecast, in the order of the lags.

    The value a season ago and half of how far the last one was from its own, `z[-s] + (z[-1] - z[-s-1]) / 2`;
    the last value where there is no season.
    """
    if season not in lags or season == 1:
        return [float(lag == 1) for lag in lags]
    weights = {season: 1.0}
    if season + 1 in lags:
        weights |= {1: 0.5, season + 1: -0.5}
    return [weights.get(lag, 0.0) for lag in lags]


def first_step(lags: tuple[int, ...], context: int) -> int:
    """Where in the window reading starts: where every lag lies within it, in its first half at the latest."""
    return min(max(lags), context // 2)
