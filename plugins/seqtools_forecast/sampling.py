"""Which windows are trained on: drawn evenly, the same ones after a resume."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqtools.errors import DataError
from seqtools.runtime.arrays import IntArray
from seqtools_forecast.splits import Splits, WindowList


class WindowSampler:
    """An endless draw of windows; exact after `load_state_dict`.

    Each draw has a generator of its own, made of the seed and the number of the draw.

    Args:
        splits: what may be trained on.
        batch_size: windows of a draw.
        seed: of all draws.
        by_series: draw a series first, so that short and long ones count alike; else all windows do.
        rank, size: this process among those that train together.

    Raises:
        DataError: there is no window.
    """

    def __init__(
        self, splits: Splits, *, batch_size: int, seed: int, by_series: bool = False, rank: int = 0,
        size: int = 1,
    ) -> None:  # fmt: skip
        counts = splits.windows()
        self._filled: IntArray = np.flatnonzero(counts)
        if not len(self._filled):
            raise DataError("series", "none is long enough for a window to train on", "Give longer series")
        self._first = splits.first()[self._filled]
        self._counts: IntArray = counts[self._filled]
        self._ends = np.cumsum(self._counts)
        self._train_end = splits.train_end
        self._batch_size, self._seed, self._by_series = batch_size, seed, by_series
        self._rank, self._size = rank, size
        self._draws = 0
        self.total = int(self._ends[-1])
        self.steps_per_epoch = max(1, -(-self.total // (batch_size * size)))

    def next(self) -> tuple[WindowList, IntArray]:
        """The next windows, and how many steps of each one's series may be seen."""
        rng = np.random.default_rng([self._seed, self._draws, self._rank])
        self._draws += 1
        if self._by_series:
            place = rng.integers(0, len(self._filled), self._batch_size)
            within = (rng.random(self._batch_size) * self._counts[place]).astype(np.int64)
        else:
            drawn = rng.integers(0, self.total, self._batch_size)
            place = np.searchsorted(self._ends, drawn, side="right")
            within = drawn - (self._ends[place] - self._counts[place])
        series = self._filled[place]
        return WindowList(series, self._first[place] + within), self._train_end[series]

    def state_dict(self) -> dict[str, Any]:
        """Draws so far."""
        return {"draws": self._draws}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self._draws = state["draws"]
