"""What a store knows around some steps of its series: history, what came, and the unit of errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.prediction import Float64
    from seqtools_forecast.store import SeriesStore


@dataclass(frozen=True)
class Windows:
    """Forecasts that are asked for, side by side, `[windows]` each.

    Attributes:
        series: which series.
        origin: the first step to forecast, counted from the series' first.
        turn: windows of the same series that come after it.
    """

    series: IntArray
    origin: IntArray
    turn: IntArray

    def __len__(self) -> int:
        """How many."""
        return len(self.series)

    def only(self, which: NDArray[np.bool_] | slice) -> Windows:
        """Some of them."""
        return Windows(self.series[which], self.origin[which], self.turn[which])


def last_windows(lengths: IntArray, horizon: int, count: int, stride: int) -> Windows:
    """The last windows of each series, the newest ending where the series does, by series and time.

    Every window has at least as much history as it forecasts; a series that is too short for that has one
    window, with what history there is.

    Args:
        lengths: steps of each series.
        horizon: steps ahead.
        count: windows at most.
        stride: steps between them.

    Raises:
        DataError: no series is longer than the horizon.
    """
    fitting = (lengths - 2 * horizon) // stride + 1
    many = np.where(lengths > horizon, np.clip(fitting, 1, count), 0)
    if not many.any():
        longest = int(lengths.max(initial=0))
        cause = f"the longest has {counted(longest, 'step')}, too few to compare {horizon} with a forecast"
        raise DataError(
            "series", cause, "Give longer series; `evaluate` takes what came after them with --actual"
        )
    series = np.repeat(np.arange(len(lengths)), many)
    first = np.cumsum(many) - many
    turn = many[series] - 1 - (np.arange(len(series)) - first[series])
    return Windows(series, lengths[series] - horizon - turn * stride, turn)


def ends(lengths: IntArray) -> Windows:
    """One window for each series, where it ends."""
    return Windows(np.arange(len(lengths)), lengths.copy(), np.zeros(len(lengths), np.int64))


def actuals(store: SeriesStore, windows: Windows, horizon: int) -> Float64:
    """What came, `[windows, horizon, targets]`, NaN where nothing was observed."""
    return _cut(store, windows, np.arange(horizon), store.lengths[windows.series])


def histories(store: SeriesStore, windows: Windows, limit: int) -> Float64:
    """The last steps before each window, `[windows, time, targets]`, NaN where there is none."""
    time = min(limit, int(windows.origin.max(initial=1)))
    return _cut(store, windows, np.arange(-time, 0), windows.origin)


def _cut(store: SeriesStore, windows: Windows, steps: IntArray, end: IntArray) -> Float64:
    place = windows.origin[:, None] + steps
    there = (place >= 0) & (place < end[:, None])
    found = store.values[np.where(there, store.offsets[windows.series][:, None] + place, 0)]
    return np.where(there[..., None], found, np.nan)


def scales(store: SeriesStore, windows: Windows, season: int) -> Float64:
    """`metrics.naive_scale` of all that comes before each window, `[windows, targets]`."""
    found = np.full((len(windows), len(store.targets)), np.nan)
    order = np.argsort(windows.series, kind="stable")
    series, begins = np.unique(windows.series[order], return_index=True)
    for one, which in zip(series.tolist(), np.split(order, begins[1:]), strict=True):
        begin, origin = int(store.offsets[one]), windows.origin[which]
        values = store.values[begin : begin + int(origin.max())]
        scale = _mean_steps(values, origin, season)
        if season > 1:
            scale = np.where(np.isnan(scale), _mean_steps(values, origin, 1), scale)
        found[which] = np.where(scale > 0, scale, np.nan)
    return found


def _mean_steps(values: Float64, origin: IntArray, lag: int) -> Float64:
    """Mean step over a lag before each origin, `[origins, targets]`."""
    place = np.maximum(origin - lag, 0)
    total, count = np.zeros((2, len(origin), values.shape[1]))
    before, counted = np.zeros((2, values.shape[1]))
    for part in pieces.slices(max(len(values) - lag, 0)):
        steps = np.abs(values[part.start + lag : part.stop + lag] - values[part])
        seen = ~np.isnan(steps)
        sums = before + np.where(seen, steps, 0).cumsum(axis=0)
        counts = counted + seen.cumsum(axis=0)
        here = (place > part.start) & (place <= part.stop)
        total[here] = sums[place[here] - part.start - 1]
        count[here] = counts[place[here] - part.start - 1]
        before, counted = sums[-1], counts[-1]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
