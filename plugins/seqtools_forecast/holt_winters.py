"""Level, slope and season by exponential smoothing (Holt 1957, Winters 1960): many series at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtools_forecast.decomposition import season_shape, unfold
from seqtools_forecast.history import first_seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.prediction import Float64

_TINY = 1e-6
_FIRST = 10  # steps that a level and a slope begin from, or two seasons of them


class Rates(NamedTuple):
    """How fast each part follows, and what is kept of a slope from step to step; `[rows, tries]` each."""

    level: Float64
    slope: Float64
    season: Float64
    damping: Float64


class States(NamedTuple):
    """Where smoothing stands: level and slope `[...]`, season `[season, ...]`, its next place first.

    The season is empty for none.
    """

    level: Float64
    slope: Float64
    season: Float64


class Smoother(NamedTuple):
    """A kind of smoothing and the series it is used on.

    Attributes:
        history: `[rows, time]`, NaN where missing; there all goes on as forecast.
        season: in steps; 0 for none.
        multiplicative: the season multiplies the rest, else it is added.
        sloped: there is a slope.
    """

    history: Float64
    season: int
    multiplicative: bool
    sloped: bool

    def start(self) -> States:
        """Level and slope by a line through the first steps, season by classical decomposition."""
        history, time = self.history, self.history.shape[1]
        if self.season:
            shape = season_shape(history, self.season, multiplicative=self.multiplicative)
            over = unfold(shape, time)
            rest = history / np.where(np.abs(over) < _TINY, _TINY, over)
            rest = rest if self.multiplicative else history - over
        else:
            shape, rest = np.zeros((len(history), 0)), history
        place = np.arange(time) - first_seen(history)[:, None]
        near = (place >= 0) & (place < max(_FIRST, 2 * self.season)) & ~np.isnan(rest)
        level, slope = _line(np.where(near, place, 0), np.where(near, rest, 0), near, self.sloped)
        first = -time % self.season if self.season else 0
        return States(level - slope, slope, np.roll(shape, -first, axis=1).T)

    def run(self, rates: Rates) -> tuple[Float64, States]:
        """Sums of squared errors one step ahead, `[rows, tries]`, and where each ends."""
        tries = np.zeros_like(rates.level)
        begun = self.start()
        level, slope = begun.level[:, None] + tries, begun.slope[:, None] + tries
        season = begun.season[..., None] + tries
        seen = ~np.isnan(self.history)
        on = np.maximum.accumulate(seen, axis=1).T[:, :, None].astype(np.float64)
        values = np.where(seen, self.history, 0).T[:, :, None]
        there = seen.T[:, :, None].astype(np.float64)
        squares = tries.copy()
        for step, (value, observed, running) in enumerate(zip(values, there, on, strict=True)):
            slope = slope * np.where(running > 0, rates.damping, 1)
            reached = level + slope * running
            if not self.season:
                error = (value - reached) * observed
            else:
                now = season[step % self.season]
                told = reached * now if self.multiplicative else reached + now
                error = (value - told) * observed
            squares += error * error
            rest = error
            if self.season and self.multiplicative:
                rest = error / np.maximum(now, _TINY)
                now += rates.season * error / np.maximum(reached, _TINY)
            elif self.season:
                now += rates.season * error
            level = reached + rates.level * rest
            slope = slope + rates.slope * rest
        return squares, States(level, slope, np.roll(season, -self._steps, axis=0))

    @property
    def _steps(self) -> int:
        return self.history.shape[1] % self.season if self.season else 0

    def forecast(self, states: States, rates: Rates, error: Float64, horizon: int) -> tuple[Float64, Float64]:
        """Mean and standard deviation, `[rows, horizon]` each, of one choice of rates for each row.

        The deviation is that of the additive model of its class (Hyndman et al. 2008, table 6.2), times the
        season where that multiplies.
        """
        kept = np.power(rates.damping, np.arange(1, horizon + 1)).cumsum(axis=1)
        mean = states.level[:, None] + states.slope[:, None] * kept
        step = np.arange(1, horizon)
        effect = rates.level + rates.slope * kept[:, :-1]
        if self.season:
            effect = effect + rates.season * (step % self.season == 0)
        spread = np.sqrt(1 + np.pad(np.square(effect).cumsum(axis=1), ((0, 0), (1, 0)))) * error[:, None]
        if not self.season:
            return mean, spread
        shape = states.season[np.arange(horizon) % self.season].T
        return (mean * shape, spread * np.abs(shape)) if self.multiplicative else (mean + shape, spread)


def _line(place: Float64, values: Float64, near: NDArray[np.bool_], sloped: bool) -> tuple[Float64, Float64]:
    """Least squares through what is near: value at place 0 and slope, `[rows]` each."""
    count = np.maximum(near.sum(axis=1), 1)
    middle, mean = place.sum(axis=1) / count, values.sum(axis=1) / count
    if not sloped:
        return mean, np.zeros_like(mean)
    apart = np.where(near, place - middle[:, None], 0)
    run = np.square(apart).sum(axis=1)
    slope = (apart * values).sum(axis=1) / np.where(run > 0, run, 1)
    return mean - slope * middle, slope
