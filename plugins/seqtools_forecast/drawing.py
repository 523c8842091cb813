"""What a picture of a forecast shows: the end of the history, the mean, the intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.forecasts import Forecasts
from seqtools_forecast.store import SeriesStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

_HISTORY = 3
"""Horizons of history that are shown, and so many steps at least:"""
_LEAST = 24


@dataclass(frozen=True)
class Band:
    """An interval of a forecast: its percentage and both ends, `[horizon]`."""

    percentage: float
    low: Float64
    high: Float64


@dataclass(frozen=True)
class Panel:
    """One target of one series.

    Attributes:
        title: what it is.
        stamps: of history and forecast, as texts.
        history: values, NaN where missing, `[time]`.
        mean: `[horizon]`.
        bands: intervals, the widest first.
    """

    title: str
    stamps: Sequence[str]
    history: Float64
    mean: Float64
    bands: Sequence[Band]

    @property
    def steps(self) -> int:
        """Steps of history and forecast."""
        return len(self.stamps)

    def limits(self) -> tuple[float, float]:
        """The least and the largest value that is shown; never equal."""
        edges = [edge for band in self.bands for edge in (band.low, band.high)]
        values = np.concatenate([self.history, self.mean, *edges])
        seen = values[np.isfinite(values)]
        low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
        room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        return low - room, high + room


def shown(horizon: int) -> int:
    """Steps of history in a picture of a forecast."""
    return max(_HISTORY * horizon, _LEAST)


def collect(forecasts: Forecasts, index: int, store: SeriesStore, wanted: Sequence[float]) -> list[Panel]:
    """A panel for each target of a series.

    Args:
        forecasts: hold the series at `index`.
        store: holds its history.
        wanted: percentages of the intervals.
    """
    name = forecasts.names[index]
    series = store[store.names.index(name)]
    back = min(len(series), shown(forecasts.horizon))
    positions = series.end + np.arange(-back, forecasts.horizon)
    stamps = forecasts.frequency.text(positions)
    sides = [(share, forecasts.interval(share)) for share in sorted(wanted, reverse=True)]
    return [
        Panel(
            _title(name, target, store, forecasts),
            stamps,
            np.asarray(series.values[len(series) - back :, place]),
            forecasts.mean[index, :, place],
            [Band(share, low[index, :, place], high[index, :, place]) for share, (low, high) in sides],
        )
        for place, target in enumerate(forecasts.targets)
    ]


def _title(name: str, target: str, store: SeriesStore, forecasts: Forecasts) -> str:
    parts = ([name] if store.id_name or len(store) > 1 else []) + (
        [target] if len(forecasts.targets) > 1 or not (store.id_name or len(store) > 1) else []
    )
    return ", ".join(parts)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two ends, at most so many and mostly at least three (1, 2 or 5 times ten^n)."""
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.ceil(low / step)
    return [step * place for place in range(first, math.floor(high / step) + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's number, with no more digits than the distance between ticks asks for."""
    digits = max(0, -math.floor(math.log10(step))) if step else 0
    size = abs(value)
    if not value and digits > 4:
        return "0"
    return f"{value:.3g}" if size >= 1e7 or 0 < size < 1e-4 else f"{value:,.{digits}f}"


def places(steps: int, most: int = 6) -> list[int]:
    """Steps that are named below the picture, evenly chosen."""
    count = min(steps, most)
    return [round(place) for place in np.linspace(0, steps - 1, count)] if count > 1 else [0]
