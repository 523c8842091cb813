"""What the last steps of a series teach about its intervals: a model forecasts them again, and compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.adapting import Widths
from seqtools_forecast.past import Windows, actuals, histories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqtools.plugin import IntArray
    from seqtools_forecast.rolling import Teller
    from seqtools_forecast.store import SeriesStore

_CLOSE = 24
"""Windows in as many steps as a forecast has, at most."""
_AT_ONCE = 256


def learned(model: Teller, store: SeriesStore, series: int, steps: int) -> Widths:
    """Widths that follow how forecasts over the last steps of a series would have held.

    Args:
        model: what forecasts.
        store: the series.
        series: which of them.
        steps: of its end; at most those that have half as much history as there is, or a horizon.
    """
    horizon, length = model.shape.horizon, int(store.lengths[series])
    first = max(length - steps, min(horizon, (length + 1) // 2))
    origins = np.arange(first, length, max(1, horizon // _CLOSE))
    widths = Widths(model.shape)
    for few in filter(len, _readable(model, store, series, origins)):
        _, quantiles, _ = model.at(store, few.series, few.origin)
        for row, actual in enumerate(actuals(store, few, horizon)):
            widths.told(quantiles[row], actual, int(few.origin[row]))
    widths.advance(length)
    return widths


def _readable(model: Teller, store: SeriesStore, series: int, origins: IntArray) -> Iterator[Windows]:
    """Windows that have a value to forecast from, some at a time."""
    size = max(1, _AT_ONCE // model.shape.targets)
    for row in range(0, len(origins), size):
        some = origins[row : row + size]
        windows = Windows(np.full(len(some), series), some, np.zeros(len(some), np.int64))
        history = histories(store, windows, model.shape.context).reshape(len(some), -1)
        yield windows.only((~np.isnan(history)).sum(axis=1) > 0)
