"""Series of different lengths in one array: NaN on the left, the last step at the right edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from seqtools_forecast.prediction import Float64


def padded(series: Sequence[ArrayLike], limit: int = 0) -> Float64:
    """Float64 `[rows, time]` of one-dimensional histories.

    Args:
        series: each `[time]`, of any length.
        limit: keep no more than so many last steps; 0 keeps all.
    """
    cut = [np.asarray(one, np.float64)[-limit:] for one in series]
    time = max((len(one) for one in cut), default=0)
    whole = np.full((len(cut), time), np.nan)
    for row, one in zip(whole, cut, strict=True):
        if len(one):
            row[-len(one) :] = one
    return whole


def held(values: Float64) -> Float64:
    """Each missing value replaced by the last one before it, along the last axis; leading ones stay."""
    place = np.where(np.isnan(values), 0, np.arange(values.shape[-1]))
    return np.take_along_axis(values, np.maximum.accumulate(place, axis=-1), axis=-1)


def first_seen(values: Float64) -> NDArray[np.int64]:
    """Where each row's first observed value is, `[rows]`; the number of steps if there is none."""
    seen = ~np.isnan(values)
    place: NDArray[np.int64] = np.where(seen.any(axis=1), seen.argmax(axis=1), values.shape[1])
    return place


def bridged(values: Float64) -> Float64:
    """Gaps filled on a straight line between their ends, `[rows, time]`; what trails is held.

    Leading missing values stay, as the series has not begun there.
    """
    if not np.isnan(values[:, -1:]).any() and (np.isnan(values).sum(axis=1) == first_seen(values)).all():
        return values
    time = values.shape[1]
    steps = np.arange(time)
    seen = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(seen, steps, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, steps, time)[:, ::-1], axis=1)[:, ::-1]
    left = np.take_along_axis(values, np.maximum(before, 0), axis=1)
    right = np.take_along_axis(values, np.minimum(after, time - 1), axis=1)
    share = (steps - before) / np.maximum(after - before, 1)
    line = np.where(after == time, left, left + (right - left) * share)
    return np.where(seen, values, np.where(before < 0, np.nan, line))
