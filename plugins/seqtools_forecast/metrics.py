"""How far forecasts are from what came, step by step, `[rows, horizon]`; NaN where nothing was observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools_forecast.prediction import Float64

INTERVALS = {80: (0.1, 0.9), 90: (0.05, 0.95), 95: (0.025, 0.975)}
"""Intervals that are judged: the share of values they should hold, and the levels at their ends."""


def absolute(actual: Float64, point: Float64) -> Float64:
    """Distance."""
    return np.abs(actual - point)


def squared(actual: Float64, point: Float64) -> Float64:
    """Squared distance."""
    return np.square(actual - point)


def percentage(actual: Float64, point: Float64) -> Float64:
    """Symmetric percentage error, 0 to 200 (Makridakis 1993); 0 where both are 0."""
    whole = np.abs(actual) + np.abs(point)
    return 200 * np.abs(actual - point) / np.where(whole == 0, 1, whole)


def pinball(actual: Float64, quantiles: Float64, levels: Sequence[float]) -> Float64:
    """Pinball loss of each level, `[rows, horizon, levels]` (Koenker and Bassett 1978).

    Twice its mean over the levels is the continuous ranked probability score, as far as levels tell it.
    """
    level = np.asarray(levels, np.float64)
    apart = actual[..., None] - quantiles
    return np.maximum(level * apart, (level - 1) * apart)


def inside(actual: Float64, low: Float64, high: Float64) -> Float64:
    """1 where an interval holds what came, else 0."""
    held_in = ((actual >= low) & (actual <= high)).astype(np.float64)
    return np.where(np.isnan(actual), np.nan, held_in)


def interval_score(actual: Float64, low: Float64, high: Float64, share: float) -> Float64:
    """Width, and what lies outside times 2 / (1 - share) (Gneiting and Raftery 2007).

    Divided by `naive_scale` and averaged it is M4's MSIS.
    """
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    return high - low + outside * (2 / (1 - share))


def naive_scale(history: Float64, season: int = 1) -> Float64:
    """What MASE divides by: the mean step from one season to the next (Hyndman and Koehler 2006), `[rows]`.

    Args:
        history: `[rows, time]`, all that is known before the cutoff, NaN where missing.
        season: in steps; a history that holds no two values a season apart is measured step by step.

    Returns:
        NaN where that is 0 or unknown: a series that stood still has no such scale.
    """
    scale = _mean_step(history, season)
    if season > 1:
        scale = np.where(np.isnan(scale), _mean_step(history, 1), scale)
    return np.where(scale > 0, scale, np.nan)


def _mean_step(history: Float64, lag: int) -> Float64:
    if history.shape[1] <= lag:
        return np.full(len(history), np.nan)
    steps = np.abs(history[:, lag:] - history[:, :-lag])
    there = ~np.isnan(steps)
    count = there.sum(axis=1)
    whole = np.where(there, steps, 0).sum(axis=1)
    return np.where(count > 0, whole / np.maximum(count, 1), np.nan)
