"""Exponential smoothing in the form that fits each series best (Hyndman et al. 2002), many series at once."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtools_forecast.holt_winters import Rates, Smoother
from seqtools_forecast.ses import smooth

if TYPE_CHECKING:
    from seqtools_forecast.prediction import Float64

    Told = tuple[Float64, Float64]

_LONGEST_SEASON = 400
_DAMPING = (0.8, 0.98)
_COARSE = {"level": (0.05, 0.2, 0.5, 0.9), "slope": (0.03, 0.3), "season": (0.05, 0.4), "damping": (0.8,)}
_REACH = (1.0, 0.6, 0.35, 0.2)  # of the search around the best rates, in logits, round by round
_LEAST_ERROR = 1e-20  # of series whose largest value is 1: what fits exactly is not endlessly good


class _Fitted(NamedTuple):
    """The best of one form: Akaike's criterion, corrected (AICc), `[rows]`, and the forecasts."""

    criterion: Float64
    mean: Float64
    error: Float64


def ets(history: Float64, horizon: int, season: int) -> Told:
    """Mean and standard deviation of each step ahead, `[rows, horizon]` each.

    Without and with a slope, straight or damped; without a season, with one that is added or that multiplies
    (of series above zero); rates by least squares, the form by AICc, row by row.

    Args:
        history: `[rows, time]`, NaN where missing, of a size near 1.
        season: in steps; below 2 or too long for the history for none.
    """
    best = _plain(history, horizon)
    count = (~np.isnan(history)).sum(axis=1)
    seasons = ("",)
    if 2 <= season <= min(_LONGEST_SEASON, history.shape[1] // 2):
        seasons = ("", "added", "multiplied")
    for kind, trend in product(seasons, ("", "slope", "damped")):
        if not kind and not trend:
            continue
        smoother = Smoother(history, season if kind else 0, kind == "multiplied", bool(trend))
        fitted = _fit(smoother, count, horizon, damped=trend == "damped")
        better = fitted.criterion < best.criterion
        best = _Fitted(
            np.where(better, fitted.criterion, best.criterion),
            np.where(better[:, None], fitted.mean, best.mean),
            np.where(better[:, None], fitted.error, best.error),
        )
    return best.mean, best.error


def _plain(history: Float64, horizon: int) -> _Fitted:
    found = smooth(history)
    growth = np.sqrt(1 + np.arange(horizon) * np.square(found.rate)[:, None])
    count = (~np.isnan(history)).sum(axis=1)
    squares = np.square(found.error) * count
    mean = np.repeat(found.level[:, None], horizon, axis=1)
    return _Fitted(_criterion(squares, count, 3, always=True), mean, growth * found.error[:, None])


def _criterion(squares: Float64, count: Float64, settled: int, *, always: bool = False) -> Float64:
    """AICc; without end where a history is too short for so many settled numbers."""
    spare = count - settled - 1
    fit = count * np.log(np.maximum(squares / np.maximum(count, 1), _LEAST_ERROR))
    told = fit + 2 * settled * (1 + (settled + 1) / np.maximum(spare, 1))
    return told if always else np.where((spare > 0) & np.isfinite(told), told, np.inf)


def _fit(smoother: Smoother, count: Float64, horizon: int, *, damped: bool) -> _Fitted:
    """The best rates of one form, on a coarse grid and then around the best of it."""
    season = smoother.season
    used = ["level", *["slope"] * smoother.sloped, *["season"] * (season > 0), *["damping"] * damped]
    tries = np.array(list(product(*(_COARSE[name] for name in used))))
    near = np.log(tries / (1 - tries))[None].repeat(len(smoother.history), axis=0)  # [rows, tries, used]
    rows = np.arange(len(near))
    least = np.full(len(near), np.inf)
    logits = near[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):
        for reach in (0.0, *_REACH):
            if reach:
                near = np.clip(logits[:, None] + reach * _around(len(used)), -9, 9)
            squares = smoother.run(_rates(near, used))[0]
            squares = np.where(np.isfinite(squares), squares, np.inf)
            place = squares.argmin(axis=1)
            better = squares[rows, place] < least
            least = np.where(better, squares[rows, place], least)
            logits = np.where(better[:, None], near[rows, place], logits)
        rates = _rates(logits[:, None], used)
        _, states = smoother.run(rates)
        error = np.sqrt(least / np.maximum(count, 1))
        last = type(states)(*(one[..., 0] for one in states))
        mean, spread = smoother.forecast(last, rates, error, horizon)
    settled = len(used) + 1 + smoother.sloped + max(season - 1, 0) + 1
    criterion = _criterion(least, count, settled)
    if smoother.multiplicative:
        positive = np.where(np.isnan(smoother.history), np.inf, smoother.history).min(axis=1) > 0
        criterion = np.where(positive, criterion, np.inf)
    usable = np.isfinite(mean).all(axis=1) & np.isfinite(spread).all(axis=1)
    return _Fitted(np.where(usable, criterion, np.inf), mean, spread)


def _around(many: int) -> Float64:
    """Steps up and down along each number, and along all, `[tries, many]`."""
    single = np.eye(many)
    return np.concatenate([single, -single, np.ones((1, many)), -np.ones((1, many))])


def _rates(logits: Float64, used: list[str]) -> Rates:
    """From `[rows, tries, used]`: a slope follows at most as fast as the level, a season at most as the rest."""
    share = {name: 1 / (1 + np.exp(-logits[..., place])) for place, name in enumerate(used)}
    level = share["level"]
    none = np.zeros_like(level)
    low, high = _DAMPING
    damping = low + (high - low) * share["damping"] if "damping" in share else none + 1
    slope = level * share["slope"] if "slope" in share else none
    season = (1 - level) * share["season"] if "season" in share else none
    return Rates(level, slope, season, damping)
