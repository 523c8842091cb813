"""Exponential smoothing in the form that suits each series best (Hyndman et al. 2002), many at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtools_forecast.holt_winters import Rates, Smoother, States
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
    """One form, fitted.

    Attributes:
        criterion: of how well it does, `[rows]`, the lower the better, infinite where it cannot be used.
        mean, error: its forecasts and their standard deviations, `[rows, horizon]`.
    """

    criterion: Float64
    mean: Float64
    error: Float64


def ets(history: Float64, horizon: int, season: int) -> Told:
    """Mean and standard deviation of each step ahead, `[rows, horizon]` each.

    Without and with a slope, straight or damped; without a season, with one that is added or that multiplies
    (of series above zero). Rates by least squares. The form is the one that tells the last horizon best from
    what came before it; where a series is too short for that, the one with the least AICc.

    Args:
        history: `[rows, time]`, NaN where missing, of a size near 1.
        season: in steps; below 2 or too long for the history for none.
    """
    rows = len(history)
    mean, error = np.full((rows, horizon), np.nan), np.zeros((rows, horizon))
    long = (~np.isnan(history[:, :-horizon])).sum(axis=1) >= max(horizon, 3 * season, 12)
    for chosen, held_out in ((long, True), (~long, False)):
        if not chosen.any():
            continue
        best, *rest = _forms(history[chosen], horizon, season, held_out=held_out)
        for form in rest:
            better = form.criterion < best.criterion
            best = _Fitted(
                *(
                    np.where(better if one.ndim == 1 else better[:, None], one, other)
                    for one, other in zip(form, best, strict=True)
                )
            )
        mean[chosen], error[chosen] = best.mean, best.error
    return mean, error


def _forms(history: Float64, horizon: int, season: int, *, held_out: bool) -> Iterator[_Fitted]:
    """Every form, simple exponential smoothing first, which can always be used."""
    yield _plain(history, horizon, held_out=held_out)
    seasons = ["", *["added", "multiplied"] * (2 <= season <= min(_LONGEST_SEASON, history.shape[1] // 2))]
    for kind, trend in product(seasons, ("", "slope", "damped")):
        if (trend == "slope") if kind else not trend:
            continue
        smoother = Smoother(history, season if kind else 0, kind == "multiplied", bool(trend))
        yield _fit(smoother, horizon, damped=trend == "damped", held_out=held_out)


def _plain(history: Float64, horizon: int, *, held_out: bool) -> _Fitted:
    found = smooth(history)
    growth = np.sqrt(1 + np.arange(horizon) * np.square(found.rate)[:, None])
    if held_out:
        criterion = _missed(history, smooth(history[:, :-horizon]).level[:, None], horizon)
    else:
        criterion = _aicc(np.square(found.error), history, 3, always=True)
    mean = np.repeat(found.level[:, None], horizon, axis=1)
    return _Fitted(criterion, mean, growth * found.error[:, None])


def _fit(smoother: Smoother, horizon: int, *, damped: bool, held_out: bool) -> _Fitted:
    """One form with its best rates, and how well it does."""
    history, season = smoother.history, smoother.season
    used = ["level", *["slope"] * smoother.sloped, *["season"] * (season > 0), *["damping"] * damped]
    with np.errstate(over="ignore", invalid="ignore"):
        before = smoother._replace(history=history[:, :-horizon]) if held_out else smoother
        rates = _best_rates(before, used)
        mean, spread, error = _ahead(smoother, rates, horizon)
        if held_out:
            criterion = _missed(history, _ahead(before, rates, horizon)[0], horizon)
        else:
            settled = len(used) + 2 + smoother.sloped + max(season - 1, 0)
            criterion = _aicc(np.square(error), history, settled)
    usable = np.isfinite(mean).all(axis=1) & np.isfinite(spread).all(axis=1) & np.isfinite(criterion)
    if smoother.multiplicative:
        usable &= np.where(np.isnan(history), np.inf, history).min(axis=1) > 0
    return _Fitted(np.where(usable, criterion, np.inf), mean, spread)


def _ahead(smoother: Smoother, rates: Rates, horizon: int) -> tuple[Float64, Float64, Float64]:
    """Forecasts and deviations, `[rows, horizon]`, and the root mean square error of one step, `[rows]`."""
    squares, states = smoother.run(rates)
    count = np.maximum((~np.isnan(smoother.history)).sum(axis=1), 1)
    error = np.sqrt(squares[:, 0] / count)
    last = States(*(one[..., 0] for one in states))
    return *smoother.forecast(last, rates, error, horizon), error


def _missed(history: Float64, told: Float64, horizon: int) -> Float64:
    """Mean distance from the last horizon of the history, `[rows]`; 0 where nothing of it was observed."""
    apart = np.abs(history[:, -horizon:] - told)
    there = ~np.isnan(history[:, -horizon:])
    missed: Float64 = np.where(there, apart, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return missed


def _aicc(variance: Float64, history: Float64, settled: int, *, always: bool = False) -> Float64:
    """Akaike's criterion, corrected; infinite where a history is too short for so many settled numbers."""
    count = (~np.isnan(history)).sum(axis=1)
    spare = count - settled - 1
    fit = count * np.log(np.maximum(variance, _LEAST_ERROR))
    told = fit + 2 * settled * (1 + (settled + 1) / np.maximum(spare, 1))
    return told if always else np.where(spare > 0, told, np.inf)


def _best_rates(smoother: Smoother, used: list[str]) -> Rates:
    """By least squares, `[rows, 1]` each: on a coarse grid and then around the best of it."""
    tries = np.array(list(product(*(_COARSE[name] for name in used))))
    near = np.log(tries / (1 - tries))[None].repeat(len(smoother.history), axis=0)  # [rows, tries, used]
    rows = np.arange(len(near))
    least = np.full(len(near), np.inf)
    logits = near[:, 0]
    for reach in (0.0, *_REACH):
        if reach:
            near = np.clip(logits[:, None] + reach * _around(len(used)), -9, 9)
        squares = smoother.run(_rates(near, used))[0]
        squares = np.where(np.isfinite(squares), squares, np.inf)
        place = squares.argmin(axis=1)
        better = squares[rows, place] < least
        least = np.where(better, squares[rows, place], least)
        logits = np.where(better[:, None], near[rows, place], logits)
    return _rates(logits[:, None], used)


def _around(many: int) -> Float64:
    """Steps up and down along each number, and along all, `[tries, many]`."""
    single = np.eye(many)
    return np.concatenate([single, -single, np.ones((1, many)), -np.ones((1, many))])


def _rates(logits: Float64, used: list[str]) -> Rates:
    """From `[rows, tries, used]`: slopes follow no faster than the level, seasons no faster than the rest."""
    share = {name: 1 / (1 + np.exp(-logits[..., place])) for place, name in enumerate(used)}
    level = share["level"]
    none = np.zeros_like(level)
    low, high = _DAMPING
    damping = low + (high - low) * share["damping"] if "damping" in share else none + 1
    slope = level * share["slope"] if "slope" in share else none
    season = (1 - level) * share["season"] if "season" in share else none
    return Rates(level, slope, season, damping)
