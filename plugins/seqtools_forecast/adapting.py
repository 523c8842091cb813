"""Intervals that follow how those before them held: values outside make them wider, values inside narrower.

Adaptive conformal inference (Gibbs & Candès 2021), on the logarithm of the width, so that a step is as large
for any series (Angelopoulos, Candès & Tibshirani 2023 track scores alike). A forecast learns how its last
step held when that has come, so that the rate follows from how far forecasts look ahead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.conformal import intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import FloatArray
    from seqtools_forecast.past import Windows
    from seqtools_forecast.prediction import Float64

RATE = 1.0
"""What the logarithm of a width moves by while as many steps pass as a forecast looks ahead on average, times
the share of values outside beyond what is promised."""
FASTEST = 0.1
"""The same of one step, at most: single values say little.

So fast the interval score of series whose restlessness changes more slowly than forecasts can learn is better
than that of fixed intervals, and that of others a little worse: `tests/benchmarks/bench_adapting.py`."""
BOUNDS = 0.25, 4.0
"""How much narrower or wider intervals become."""


class Widths:
    """Factors on the distance of quantiles from the median of one series, one for each target and level.

    Both ends of an interval have one factor. Windows are told in the order of time; what came counts only
    once the origin of a later window has passed it.

    Args:
        shape: of the forecaster.
        rate: per step; None for that of `RATE` and `FASTEST`.
    """

    def __init__(self, shape: ForecastShape, rate: float | None = None) -> None:
        levels, horizon, targets = shape.levels, shape.horizon, shape.targets
        self._median, self._least = levels.index(0.5), 0.0 if shape.non_negative else -math.inf
        self._lower, self._upper = _ends(levels)
        self._allowed = np.array(levels) @ self._lower + (1 - np.array(levels)) @ self._upper
        self._rate = min(2 * RATE / (horizon + 1), FASTEST) if rate is None else rate
        self._logarithms = np.zeros((targets, len(levels)))
        # How many values came to lie outside at each step from the last origin on, and how many were there.
        self._outside = np.zeros((horizon, targets, len(levels)), np.float32)
        self._compared = np.zeros((horizon, targets, 1), np.float32)
        self._origin: int | None = None

    @property
    def factors(self) -> Float64:
        """As they are now, `[targets, levels]`."""
        return np.exp(self._logarithms)

    def told(self, quantiles: Float64, actual: Float64, origin: int) -> Float64:
        """Quantiles as wide as what came before `origin` wants them; what comes after is learned later.

        Args:
            quantiles: `[horizon, targets, levels]`, ascending along the levels.
            actual: what came, `[horizon, targets]`, NaN where it is missing or not known yet.
            origin: the first step of the window, not before that of the last one.
        """
        self.advance(origin)
        wide = self.widened(quantiles)
        came = actual[..., None]
        self._outside += (came < wide) @ self._lower + (came > wide) @ self._upper
        self._compared += ~np.isnan(came)
        return wide

    def advance(self, origin: int) -> None:
        """Learn from values before a step: from now on they are known."""
        horizon, before = len(self._outside), origin if self._origin is None else self._origin
        passed, self._origin = min(origin - before, horizon), origin
        if passed < 1:
            return
        there = self._compared[:passed] > 0
        share = self._outside[:passed] / np.maximum(self._compared[:passed], 1)
        moved = self._rate * np.where(there, share - self._allowed, 0.0).sum(axis=0)
        self._logarithms = np.clip(self._logarithms + moved, math.log(BOUNDS[0]), math.log(BOUNDS[1]))
        for kept in (self._outside, self._compared):
            kept[: horizon - passed] = kept[passed:].copy()
            kept[horizon - passed :] = 0

    def widened(self, quantiles: Float64) -> Float64:
        """Quantiles `[..., targets, levels]` with the widths of now; none crosses another."""
        middle = quantiles[..., self._median, None]
        wide = middle + (quantiles - middle) * self.factors
        above, below = wide[..., self._median :], wide[..., self._median :: -1]
        np.maximum.accumulate(above, axis=-1, out=above)
        np.minimum.accumulate(below, axis=-1, out=below)
        return np.maximum(wide, self._least)


class Following:
    """The widths of some series, from one window of each to the next.

    Args:
        shape: of the forecaster.
    """

    def __init__(self, shape: ForecastShape) -> None:
        self._shape = shape
        self._series: dict[int, Widths] = {}

    def told(self, windows: Windows, quantiles: Float64, actual: Float64) -> Float64:
        """Quantiles of windows as `Widths.told` has them.

        Args:
            windows: of each series in the order of time, over all calls.
            quantiles: `[windows, horizon, targets, levels]`.
            actual: `[windows, horizon, targets]`, NaN where missing.
        """
        wide = np.empty_like(quantiles)
        for row, (series, origin) in enumerate(zip(windows.series.tolist(), windows.origin, strict=True)):
            if series not in self._series:
                self._series[series] = Widths(self._shape)
            wide[row] = self._series[series].told(quantiles[row], actual[row], int(origin))
        return wide


def _ends(levels: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Which levels end what values of each level have to lie in: its interval, or all on one side of it.

    Returns:
        Lower and upper ends, `[levels, levels]`: 1 where a row's level is the end for a column's, else 0.
    """
    lower, upper = np.zeros((2, len(levels), len(levels)), np.float32)
    for place, level in enumerate(levels):
        lower[place, place], upper[place, place] = level < 0.5, level > 0.5
    for low, high in intervals(levels).items():
        lower[low, high] = upper[high, low] = 1
    return lower, upper
