"""Windows of a store as the inputs of a file: gathered in one go, whatever series they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.forecaster import ForecastShape
from seqtools_forecast.store import SeriesStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray


def feeds(
    store: SeriesStore, series: IntArray, origin: IntArray, shape: ForecastShape, *, steps: int = 0
) -> dict[str, NDArray[Any]]:
    """The inputs that a forecast from some steps on needs.

    Args:
        store: the series.
        series: which of them, `[rows]`.
        origin: the first step to forecast of each, counted from its series' first, `[rows]`.
        shape: of the model.
        steps: steps ahead whose covariates are given; 0 for the model's horizon.

    Returns:
        history, position, and past, future, numbers and categories as far as the model has them. NaN before a
        series begins and where a value is missing.
    """
    begin = store.offsets[series]
    back = origin[:, None] + np.arange(-shape.context, 0)
    history = _cut(store.values, begin, back, origin)
    made: dict[str, NDArray[Any]] = {
        "history": history if shape.targets > 1 else history[:, :, 0],
        "position": store.starts[series] + origin,
    }
    if shape.past:
        made["past"] = _cut(store.past_rows, begin, back, origin)
    if shape.future:
        both = origin[:, None] + np.arange(-shape.context, steps or shape.horizon)
        known = store.lengths[series] + store.aheads[series]
        made["future"] = _cut(store.future_rows, store.future_offsets[series], both, known)
    if shape.numbers:
        made["numbers"] = store.static_numbers[series].astype(np.float32)
    if shape.categories:
        codes = store.static_codes[series]
        columns = [
            np.array(values, object)[codes[:, place]] for place, values in enumerate(store.category_values)
        ]
        made["categories"] = np.stack(columns, axis=1)
    return made


def _cut(rows: NDArray[np.float64], begin: IntArray, steps: IntArray, end: IntArray) -> NDArray[np.float32]:
    """Steps of series as float32 `[rows, time, width]`, NaN where there are none."""
    there = (steps >= 0) & (steps < end[:, None])
    with np.errstate(over="ignore"):  # what is beyond single precision becomes infinite
        found = rows[np.where(there, begin[:, None] + steps, 0)].astype(np.float32)
    found[~there] = np.nan
    return found
