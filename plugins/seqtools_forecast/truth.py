"""What came after the end of series, from another table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqtools_forecast.past import Windows
    from seqtools_forecast.prediction import Float64
    from seqtools_forecast.store import SeriesStore

    Truth = Callable[[Windows], Float64]
    """What came after some windows' origins, `[windows, horizon, targets]`."""


def after(store: SeriesStore, test: SeriesStore, horizon: int) -> Truth:
    """Truth of windows at the end of each series of `store`, from the series of the same name in `test`.

    Rows are matched by their stamps. Where time is only counted, and the test counts from where the series
    does and is not longer, as in M4, its first value is what comes next.

    Raises:
        DataError: the tables have no series in common, or other targets, or no row where one should go on.
    """
    if store.targets != test.targets and len(store.targets) != len(test.targets):
        cause = f"it has {counted(len(test.targets), 'target')}, and the series have {len(store.targets)}"
        raise DataError("--actual", cause, "Give a table with the same columns")
    by_name = {name: place for place, name in enumerate(test.names)}
    place = np.array([by_name.get(name, -1) for name in store.names])
    if len(store) == len(test) == 1:
        place[:] = 0  # tables of one series need not name it
    if (place < 0).all():
        cause = f"it has no series of the same name, like '{store.names[0]}'"
        raise DataError("--actual", cause, "Name the series alike in both tables")
    skip = store.starts + store.lengths - test.starts[place]
    if store.frequency.is_integer and test.frequency.is_integer:
        follows = (test.starts[place] <= store.starts) & (test.lengths[place] <= store.lengths)
        skip = np.where(follows, 0, skip)
    reached = (place >= 0) & (skip < test.lengths[place]) & (skip + horizon > 0)
    if not reached.any():
        cause = "none of its rows comes within the horizon after the end of a series"
        raise DataError("--actual", cause, f"Give what comes next: {counted(horizon, 'step')}")

    def truth(windows: Windows) -> Float64:
        which = windows.series
        step = skip[which][:, None] + np.arange(horizon)
        there = (step >= 0) & (step < test.lengths[place[which]][:, None]) & (place[which] >= 0)[:, None]
        rows = test.offsets[place[which]][:, None] + step
        return np.where(there[..., None], test.values[np.where(there, rows, 0)], np.nan)

    return truth
