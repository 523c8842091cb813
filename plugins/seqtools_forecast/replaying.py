"""What the last steps of a series teach about its intervals: a model forecasts them again, and compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools_forecast.adapting import Widths
from seqtools_forecast.past import Windows, actuals, histories
from seqtools_forecast.seen import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqtools.plugin import IntArray
    from seqtools_forecast.about import About
    from seqtools_forecast.rolling import Teller
    from seqtools_forecast.store import SeriesStore

_CLOSE = 24
"""Windows in as many steps as a forecast has, at most."""
_AT_ONCE = 256


def check_adapt(adapt: int | str, *, paths: bool) -> None:
    """Refuse to adapt what is not adapted.

    Args:
        adapt: how many of the last steps to learn from, or "new".
        paths: whether sample paths are wanted.

    Raises:
        UsageError: it is neither, or they are.
    """
    if adapt != "new" and (isinstance(adapt, str) or adapt < 0):
        raise UsageError("adapt", f"{adapt!r} is out of range", "Write a number of steps, or new")
    if adapt and paths:
        raise UsageError("adapt", "intervals are adapted, sample paths are not", "Leave one of them out")


def last_steps(about: About, store: SeriesStore, adapt: int | str) -> IntArray:
    """How many steps at the end of each series to learn from, `[series]`.

    Raises:
        UsageError: those after the training are wanted, and the file cannot tell which those are.
    """
    if adapt != "new":
        return np.minimum(int(adapt), store.lengths)
    found = fresh(about, store)
    if found is None:
        cause = "the file cannot tell which of these steps came after its training"
        raise UsageError("adapt", cause, "Write how many of the last steps did")
    return found


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
