"""The season of a series: whether it has one, and what shape (classical decomposition)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.history import bridged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.prediction import Float64

_CRITICAL = 1.645  # of the normal distribution, 90 % two-sided, as M4's organisers took it


def is_seasonal(history: Float64, season: int) -> NDArray[np.bool_]:
    """Whether the autocorrelation a season apart stands out, `[rows]`: the test before M4's Naive2 and Theta.

    It must exceed 1.645 standard errors by Bartlett's formula, and there must be three seasons.

    Args:
        history: `[rows, time]`, NaN where missing; gaps are bridged.
        season: in steps.
    """
    rows, time = history.shape
    if season < 2 or time < 3 * season:
        return np.zeros(rows, np.bool_)
    whole = bridged(history)
    count = (~np.isnan(whole)).sum(axis=1)
    apart = np.where(np.isnan(whole), 0, whole - _mean(whole)[:, None])
    power = np.square(apart).sum(axis=1)
    power = np.where(power > 0, power, 1)
    echoes = np.stack(
        [(apart[:, lag:] * apart[:, :-lag]).sum(axis=1) / power for lag in range(1, season + 1)]
    )
    error = np.sqrt((1 + 2 * np.square(echoes[:-1]).sum(axis=0)) / np.maximum(count, 1))
    found: NDArray[np.bool_] = (np.abs(echoes[-1]) > _CRITICAL * error) & (count >= 3 * season)
    return found


def season_shape(history: Float64, season: int, *, multiplicative: bool) -> Float64:
    """What each place in the season adds, or multiplies by, `[rows, season]`.

    The mean distance (or ratio) to a centred moving average of one season, normalised to a mean of 0 (or 1).
    The last place is that of the last step, so the first is that of the first step to forecast. Places that
    are nowhere observed with a whole season around them count as 0 (or 1).
    """
    whole = bridged(history)
    around = _moving_average(whole, season)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = whole / around if multiplicative else whole - around
    apart[~np.isfinite(apart)] = np.nan
    spare = -apart.shape[1] % season
    folded = np.pad(apart, ((0, 0), (spare, 0)), constant_values=np.nan).reshape(len(apart), -1, season)
    shape = _mean(folded)
    neutral = 1.0 if multiplicative else 0.0
    middle = _mean(shape)[:, None]
    shape = shape / np.where(middle == 0, 1, middle) if multiplicative else shape - middle
    return np.where(np.isfinite(shape), shape, neutral)


def unfold(shape: Float64, time: int) -> Float64:
    """The season over the last `time` steps of the history, `[rows, time]`."""
    season = shape.shape[1]
    return shape[:, np.arange(-time, 0) % season]


def ahead(shape: Float64, horizon: int) -> Float64:
    """The season over the next `horizon` steps, `[rows, horizon]`."""
    return shape[:, np.arange(horizon) % shape.shape[1]]


def _moving_average(values: Float64, season: int) -> Float64:
    """Centred, over one season; an even one takes half of the steps at both ends. NaN near the ends."""
    half = season // 2
    weights = np.full(2 * half + 1, 1 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    found = np.full_like(values, np.nan)
    inner = values.shape[1] - 2 * half
    if inner > 0:
        found[:, half : half + inner] = 0
        for place, weight in enumerate(weights.tolist()):
            found[:, half : half + inner] += weight * values[:, place : place + inner]
    return found


def _mean(values: Float64) -> Float64:
    """Over the axis after the rows, without what is missing; NaN where all is."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
