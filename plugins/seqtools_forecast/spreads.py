"""Means and spreads of the training part, column by column: what covariates are measured in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.splits import Splits
    from seqtools_forecast.store import SeriesStore

    Float64 = NDArray[np.float64]
    Figures = tuple[Float64, Float64]


def training_figures(store: SeriesStore, splits: Splits) -> dict[str, Figures]:
    """Mean and standard deviation of `values`, `past`, `future` and `numbers`, each `[columns]`."""
    found = {name: _figures(store, splits, name) for name in ("values", "past", "future")}
    numbers = store.static_numbers
    return {**found, "numbers": (_mean([numbers]), np.sqrt(_mean([np.square(numbers - _mean([numbers]))])))}


def _figures(store: SeriesStore, splits: Splits, name: str) -> Figures:
    mean = _mean(_parts(store, splits, name))
    # Measured from the mean, as squares of large values would drown small differences.
    return mean, np.sqrt(_mean(np.square(part - mean) for part in _parts(store, splits, name)))


def _parts(store: SeriesStore, splits: Splits, name: str) -> Iterable[Float64]:
    """What is trained on, series by series and piece by piece, `[time, columns]`."""
    for series, end in zip(store, splits.train_end.tolist(), strict=True):
        yield from pieces.parts(getattr(series, name)[:end])


def _mean(parts: Iterable[Float64]) -> Float64:
    """Of what is there, `[columns]`; 0 of a column without any."""
    total: Float64 | float = 0.0
    count: Float64 | float = 0.0
    for part in parts:
        there = np.isfinite(part)
        total = total + np.where(there, part, 0.0).sum(axis=0)
        count = count + there.sum(axis=0)
    mean: Float64 = np.asarray(total) / np.maximum(count, 1)
    return mean
