"""How much each series changes over a season, or a step, where it is trained on: the unit of its errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.metrics import absolute, naive_scale, percentage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.splits import Splits
    from seqtools_forecast.store import SeriesStore

    Float64 = NDArray[np.float64]

_MOST_SERIES = 1000
_MOST_STEPS = 2000


def series_scales(store: SeriesStore, splits: Splits, lag: int) -> Float64:
    """Mean absolute change over a lag, `[series, targets]`; above zero for constant series, too."""
    found = np.ones((len(store), len(store.targets)))
    for place, series in enumerate(store):
        values = series.values[: splits.train_end[place]]
        # A constant series has no steps; its level stands for them, and 1 for that of zeros.
        scale = _change(values, lag)
        scale = scale if lag == 1 else np.where(np.isnan(scale), _change(values, 1), scale)
        if not (scale > 0).all():
            scale = np.where(scale > 0, scale, _mean(np.abs(some) for some in pieces.parts(values)))
        found[place] = np.where(scale > 0, scale, 1.0)
    return found


def _change(values: Float64, lag: int) -> Float64:
    """Mean absolute change over a lag, `[targets]`; NaN if it is unknown."""
    parts = pieces.slices(max(len(values) - lag, 0))
    return _mean(np.abs(values[part.start + lag : part.stop + lag] - values[part]) for part in parts)


def _mean(parts: Iterable[Float64]) -> Float64:
    """Of what is not missing, along the first axis; NaN if all is."""
    whole, count = np.zeros(1), np.zeros(1)
    for part in parts:
        there = ~np.isnan(part)
        whole = whole + np.where(there, part, 0.0).T.sum(axis=-1)
        count = count + there.T.sum(axis=-1)
    return np.where(count > 0, whole / np.maximum(count, 1), np.nan)


def naive2_errors(store: SeriesStore, splits: Splits, lag: int) -> tuple[float, float]:
    """sMAPE as a share and MASE of M4's Naive2 over the last training steps: what OWA is measured by."""
    from seqtools_forecast.floors import floor_forecasts
    from seqtools_forecast.history import padded

    horizon = splits.horizon
    fit = np.flatnonzero(splits.train_end > horizon)
    some = fit[np.linspace(0, len(fit) - 1, min(len(fit), _MOST_SERIES)).round().astype(np.int64)]
    rows = [
        np.asarray(store[place].values[: splits.train_end[place], target])
        for place in some.tolist()
        for target in range(len(store.targets))
    ]
    history = padded([row[:-horizon] for row in rows], _MOST_STEPS)
    actual = np.stack([row[-horizon:] for row in rows])
    seasons = (lag,) if lag > 1 else ()
    point = floor_forecasts(history, horizon, seasons, (0.5,), names=("naive2",))["naive2"].mean
    smape = _usual(percentage(actual, point) / 100)
    return smape, _usual(absolute(actual, point) / naive_scale(history, lag)[:, None])


def _usual(errors: Float64) -> float:
    """Their mean; 1 where there is none above zero."""
    known = errors[np.isfinite(errors)]
    mean = float(known.mean()) if len(known) else 0.0
    return mean if mean > 0 else 1.0
