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
        evenly: what is drawn evenly: windows, series, or root, which lies between them.
        same_phase: share of windows that begin where in the season a forecast behind the series would.
        season: in steps.
        rank, size: this process among those that train together.

    Raises:
        DataError: there is no window.
    """

    def __init__(
        self, splits: Splits, *, batch_size: int, seed: int, evenly: str = "windows",
        same_phase: float = 0.0, season: int = 1, rank: int = 0, size: int = 1,
    ) -> None:  # fmt: skip
        counts = splits.windows()
        self._filled: IntArray = np.flatnonzero(counts)
        if not len(self._filled):
            raise DataError("series", "none is long enough for a window to train on", "Give longer series")
        self._splits = splits
        self._counts: IntArray = counts[self._filled]
        weights = self._counts.astype(np.float64) ** {"windows": 1.0, "root": 0.5, "series": 0.0}[evenly]
        self._reach = np.cumsum(weights)
        self._phase: IntArray = splits.lengths % season
        self._batch_size, self._seed = batch_size, seed
        self._same_phase, self._season = same_phase, season
        self._rank, self._size = rank, size
        self._draws = 0
        self.steps_per_epoch = max(1, -(-int(self._counts.sum()) // (batch_size * size)))

    def next(self) -> tuple[WindowList, IntArray]:
        """The next windows, and how many steps of each one's series may be seen."""
        rng = np.random.default_rng([self._seed, self._draws, self._rank])
        self._draws += 1
        drawn, within, turned = rng.random((3, self._batch_size))
        place = np.searchsorted(self._reach, drawn * self._reach[-1], side="right")
        place = np.minimum(place, len(self._filled) - 1)
        series = self._filled[place]
        origin = self._splits.origins(series, (within * self._counts[place]).astype(np.int64))
        # Back to the same phase, on from there where that is before the first origin.
        moved = origin - (origin - self._phase[series]) % self._season
        moved = np.where(moved < self._splits.first()[series], moved + self._season, moved)
        turn = (turned < self._same_phase) & self._splits.trained(series, moved)
        return WindowList(series, np.where(turn, moved, origin)), self._splits.train_end[series]

    def state_dict(self) -> dict[str, Any]:
        """Draws so far."""
        return {"draws": self._draws}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self._draws = state["draws"]
