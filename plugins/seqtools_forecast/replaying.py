"""What the last steps of a series teach about its intervals: a model forecasts them again, and compares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools_forecast.adapting import Widths
from seqtools_forecast.past import Windows, actuals, histories
from seqtools_forecast.seen import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import IntArray
    from seqtools_forecast.about import About
    from seqtools_forecast.prediction import Float64
    from seqtools_forecast.rolling import Teller
    from seqtools_forecast.store import SeriesStore

_CLOSE = 24
"""Windows in as many steps as a forecast has, at most."""
_AT_ONCE = 256
"""Windows times targets that are forecast at once, as far as one window of each series is not more."""


def check_adapt(adapt: int | str, *, paths: bool) -> None:
    """Refuse to adapt what is not adapted.

    Args:
        adapt: how many of the last steps to learn from, or "new".
        paths: whether sample paths are wanted.

    Raises:
        UsageError: it is neither, or they are.
    """
    if adapt != "new" and (not isinstance(adapt, (int, np.integer)) or adapt < 0):
        raise UsageError("adapt", f"{adapt!r} is out of range", "Write a number of steps, or new")
    if adapt and paths:
        raise UsageError("adapt", "intervals are adapted, sample paths are not", "Leave one of them out")


def last_steps(about: About, store: SeriesStore, adapt: int | str) -> IntArray:
    """How many steps at the end of each series to learn from, `[series]`.

    Raises:
        UsageError: those after the training are wanted, and the file cannot tell which those are.
    """
    if adapt != "new":
        return np.minimum(min(int(adapt), int(store.lengths.max(initial=0))), store.lengths)
    found = fresh(about, store)
    if found is None:
        cause = "the file cannot tell which of these steps came after its training"
        raise UsageError("adapt", cause, "Write how many of the last steps did")
    return found


def steps_wanted(shape: ForecastShape, adapt: int) -> int:
    """Of how many steps at the end of each series `adapted` knows all that it would of the whole."""
    return adapt + max(shape.context, shape.horizon)


def adapted(
    model: Teller, store: SeriesStore, series: IntArray, steps: IntArray, quantiles: Float64
) -> tuple[Float64, Float64]:
    """Quantiles that follow how forecasts over the last steps of each series would have held.

    Args:
        model: what forecasts.
        store: the series.
        series: which of them, `[rows]`.
        steps: of the end of each, `[rows]`; at most those that have half as much history as there is, or a
            horizon.
        quantiles: of what comes next, `[rows, steps ahead, targets, levels]`.

    Returns:
        Those, and the factors on their distance from the median, `[rows, targets, levels]`.
    """
    widths = _learned(model, store, series, steps)
    rows, ahead, *rest = quantiles.shape
    wide = widths.widened(_beside(quantiles)).reshape(ahead, rows, *rest)
    return np.moveaxis(wide, 1, 0), widths.factors.reshape(rows, *rest)


def _learned(model: Teller, store: SeriesStore, series: IntArray, steps: IntArray) -> Widths:
    """Widths that have seen the last steps of some series, side by side as if they were targets of one.

    The first windows of all are told together, then the second ones, and so on: behind the end of a series
    everything is missing, which teaches nothing.
    """
    shape, lengths = model.shape, store.lengths[series]
    first = np.maximum(lengths - steps, np.minimum(shape.horizon, (lengths + 1) // 2))
    stride = max(1, shape.horizon // _CLOSE)
    turns = -(-int((lengths - first).max()) // stride)
    columns = len(series) * shape.targets
    widths = Widths(replace(shape, targets=columns))
    many = max(1, _AT_ONCE // columns)
    for turn in range(0, turns, many):
        origins = first + stride * np.arange(turn, min(turn + many, turns))[:, None]
        for number, (said, came) in enumerate(_replayed(model, store, series, origins), start=turn):
            widths.told(_beside(said), _beside(came), number * stride)
    widths.advance(turns * stride)
    return widths


def _replayed(
    model: Teller, store: SeriesStore, series: IntArray, origins: IntArray
) -> Iterator[tuple[Float64, Float64]]:
    """What is said at each turn, `[series, horizon, targets, levels]`, and what came, NaN where none can be.

    Args:
        origins: `[turns, series]`.
    """
    shape = model.shape
    windows = Windows(np.tile(series, len(origins)), origins.reshape(-1), np.zeros(origins.size, np.int64))
    asked = windows.origin < store.lengths[windows.series]
    history = histories(store, windows.only(asked), shape.context)
    asked[asked] = (~np.isnan(history)).any(axis=(1, 2))  # there is a value to forecast from
    said = np.zeros((len(windows), shape.horizon, shape.targets, len(shape.levels)))
    came = np.full(said.shape[:-1], np.nan)
    few = windows.only(asked)
    if len(few):
        _, said[asked], _ = model.at(store, few.series, few.origin)
        came[asked] = actuals(store, few, shape.horizon)
    return zip(np.split(said, len(origins)), np.split(came, len(origins)), strict=True)


def _beside(values: Float64) -> Float64:
    """`[series, steps, targets, ...]` as `[steps, series * targets, ...]`."""
    moved = np.moveaxis(values, 0, 1)
    return moved.reshape(len(moved), -1, *values.shape[3:])
