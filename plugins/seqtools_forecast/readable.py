"""Whether a model can make something of the windows that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.store import SeriesStore


def require_readable(
    store: SeriesStore, series: IntArray, history: NDArray[np.float32], *, logarithms: bool
) -> None:
    """Refuse windows without a value, and with values that the model cannot read.

    Args:
        store: names the series.
        series: which of them, `[rows]`.
        history: their windows, `[rows, time]` or `[rows, time, targets]`.
        logarithms: the model sees those. Zeros are tiny values to it, and it forecasts such again; values
            below zero would be, too.

    Raises:
        DataError: the first such window, by the name of its series.
    """
    flat, steps = history.reshape(len(history), -1), counted(history.shape[1], "step")
    _refuse(
        np.isinf(flat).any(axis=1), store, series,
        "a value is beyond 3.4e38, where single precision ends", "Give it in other units",
    )  # fmt: skip
    _refuse(
        np.isnan(flat).all(axis=1), store, series,
        f"there is no value in the {steps} before a forecast", "Leave it out, or give it values",
    )  # fmt: skip
    _refuse(
        (flat < 0).any(axis=1) & logarithms, store, series,
        f"a value in the {steps} before a forecast is below zero, and the model sees logarithms",
        "Leave it out, or train with --transform asinh or none",
    )  # fmt: skip


def _refuse(wrong: Any, store: SeriesStore, series: IntArray, cause: str, cure: str) -> None:
    """Name the first series of which something is wrong."""
    if wrong.any():
        raise DataError(f"series '{store.names[int(series[int(np.argmax(wrong))])]}'", cause, cure)
