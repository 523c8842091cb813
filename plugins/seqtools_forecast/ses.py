"""Simple exponential smoothing of many series at once, with the best start and the best rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from seqtools_forecast.prediction import Float64

_LEAST, _MOST = 1e-4, 0.9999
_GRID, _ROUNDS = 16, 4


class Smoothed(NamedTuple):
    """What smoothing says of each row.

    Attributes:
        level: after the last step, `[rows]`: the forecast of every step ahead.
        rate: the smoothing parameter, `[rows]`.
        error: root mean square of its errors one step ahead, `[rows]`.
    """

    level: Float64
    rate: Float64
    error: Float64


def smooth(history: Float64) -> Smoothed:
    """Least squares over the rate, `[rows, time]` in, NaN where missing (the level waits there).

    The errors are linear in the level at the start, so that the best one is known in closed form; the rate
    is looked for on a grid that narrows around the best.
    """
    seen = ~np.isnan(history)
    base = np.where(seen.any(axis=1), np.take_along_axis(history, seen.argmax(axis=1)[:, None], 1)[:, 0], 0)
    steps = np.where(seen, history - base[:, None], 0).T[:, :, None]
    there = seen.astype(np.float64).T[:, :, None]
    low = np.full(len(history), _LEAST)
    high = np.full(len(history), _MOST)
    rows = np.arange(len(history))
    for _ in range(_ROUNDS):
        rates = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _GRID)
        squares, levels = _filter(steps, there, rates)
        best = squares.argmin(axis=1)
        rate, level, least = rates[rows, best], levels[rows, best], squares[rows, best]
        gap = (high - low) / (_GRID - 1)
        low, high = np.maximum(rate - gap, _LEAST), np.minimum(rate + gap, _MOST)
    count = np.maximum(seen.sum(axis=1), 1)
    return Smoothed(base + level, rate, np.sqrt(np.maximum(least, 0) / count))


def _filter(steps: Float64, there: Float64, rates: Float64) -> tuple[Float64, Float64]:
    """Least sum of squares and last level of each rate, `[rows, rates]` each."""
    level = np.zeros_like(rates)
    share = np.ones_like(rates)  # of the start that is still in the level
    squares, cross, norm = np.zeros_like(rates), np.zeros_like(rates), np.zeros_like(rates)
    for value, observed in zip(steps, there, strict=True):
        error = (value - level) * observed
        weight = share * observed
        squares += error * error
        cross += error * weight
        norm += weight * weight
        level += rates * error
        share -= rates * weight
    start = cross / np.where(norm > 0, norm, 1)
    return squares - cross * start, level + share * start
