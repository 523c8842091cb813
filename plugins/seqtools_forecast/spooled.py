"""Rows of a spool by series, views of files: short series as they came, long ones in order of stamps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.sorting import sort_on_disk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]


class SpooledSeries:
    """Rows by series.

    Args:
        stamps: of all rows.
        rows: of all rows.
        counts: rows of each series.
        folder: where long series are sorted.

    Attributes:
        least, most: steps between the stamps of each series as they come, `[series]`; 0 for one stamp.
        resorted: series that were out of order, and no longer are.
    """

    def __init__(self, stamps: IntArray, rows: Float64, counts: IntArray, folder: Path) -> None:
        self._stamps, self._rows, self._folder = stamps, rows, folder
        self.ends = np.cumsum(counts)
        self._begins = self.ends - counts
        self.least, self.most = self._steps()
        self.resorted = frozenset(self._sort_long())

    def __len__(self) -> int:
        """Number of series."""
        return len(self.ends)

    def first(self, index: int) -> int:
        """The first stamp of a series that has one."""
        return int(self._stamps[self._begins[index]])

    def rows_of(self, index: int) -> int:
        """How many rows a series has."""
        return int(self.ends[index] - self._begins[index])

    def stamps(self, index: int) -> IntArray:
        """Stamps of a series."""
        return self._stamps[self._begins[index] : self.ends[index]]

    def rows(self, index: int) -> Float64:
        """Values of a series."""
        return self._rows[self._begins[index] : self.ends[index]]

    def _sort_long(self) -> list[int]:
        """Sort long series that need it, which in memory would take too much of it."""
        found = [index for index in np.flatnonzero(self.least < 0).tolist() if self._is_long(index)]
        for index in found:
            sort_on_disk(self.stamps(index), self.rows(index), self._folder)
            self.least[index], self.most[index] = self._range(index)
        return found

    def _is_long(self, index: int) -> bool:
        return pieces.is_long(self.rows_of(index))

    def _range(self, index: int) -> tuple[int, int]:
        """The least and the greatest step of one series."""
        found = [(int(some.min()), int(some.max())) for some in pieces.steps(self.stamps(index))]
        return min(least for least, _ in found), max(most for _, most in found)

    def _steps(self) -> tuple[IntArray, IntArray]:
        """The least and the greatest step of each series; many short ones at once."""
        least, most = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        first = 0
        while first < len(self):
            if self._is_long(first):
                least[first], most[first] = self._range(first)
                first += 1
                continue
            start = self._begins[first]
            after = max(int(np.searchsorted(self.ends, start + pieces.ROWS, "right")), first + 1)
            some = np.arange(first, after)
            some = some[self.ends[some] - self._begins[some] > 1]
            first = after
            if not len(some):
                continue
            steps = np.diff(self._stamps[start : self.ends[after - 1]])
            # Pairs of places: where the steps of a series begin, and where those to the next one would.
            places = np.stack([self._begins[some], self.ends[some] - 1], axis=1).ravel() - start
            places = places[: len(places) - (places[-1] == len(steps))]
            least[some] = np.minimum.reduceat(steps, places)[::2]
            most[some] = np.maximum.reduceat(steps, places)[::2]
        return least, most
