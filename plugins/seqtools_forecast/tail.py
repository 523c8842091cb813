"""Of series that are only to be continued the last steps: what lies before them is dropped as rows come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.gaps import unique
from seqtools_forecast.spool import Spool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.frequency import Frequency
    from seqtools_forecast.spooled import SpooledSeries

    _Which = Callable[[IntArray, NDArray[np.float64]], NDArray[np.bool_]]
    _Rows = tuple[IntArray, IntArray, NDArray[np.float64]]

PRUNED_AT = 1 << 19
"""Rows on disk from which on those that are not needed are dropped."""
_SPARE = 4
"""Stamps kept for each step that is wanted: a grid may put several into one, weekends into Fridays."""
_LEAST = 64


@dataclass(frozen=True)
class Tail:
    """Which rows of a series count.

    Attributes:
        steps: that are wanted of each series, up to its last value.
        targets: of the columns the first ones, of which one must be told for a row to have a value.
        grid: that dated rows are put on, if a person named one; else each stamp is a step.
    """

    steps: int
    targets: int
    grid: Frequency | None = None

    def which(self, stamps: IntArray, rows: NDArray[np.float64], *, counted: bool) -> NDArray[np.bool_]:
        """Those to keep, whatever comes later and in whatever order: `[rows]`.

        Args:
            stamps: `[rows]`.
            rows: `[rows, width]`.
            counted: stamps are integers, not dates.
        """
        grid = None if counted else self.grid
        places = stamps if grid is None else grid.position(stamps.astype("datetime64[s]"))
        many = max(_SPARE * self.steps, _LEAST) if grid is None else self.steps + 1
        told = ~np.isnan(rows[:, : self.targets]).all(axis=1)
        last = places[told].max() if told.any() else places.max()
        steps = unique(places[places <= last])
        kept: NDArray[np.bool_] = places >= steps[max(len(steps) - many, 0)]
        return kept


class TailSpool:
    """A spool that drops rows which no tail needs, as soon as many of them lie there.

    Args:
        folder: for its files.
        width: values in a row.
        tail: what is needed; None for all.

    Attributes:
        pruned: rows were dropped.
        unsorted: series whose rows were seen out of order while they were dropped.
    """

    def __init__(self, folder: Path, width: int, tail: Tail | None = None) -> None:
        self._folder, self._tail = folder, tail
        self._turn, self._limit = 0, PRUNED_AT
        self._spool, self.pruned = Spool(folder / "rows-0", width), False
        self.unsorted: set[int] = set()

    def close(self) -> None:
        """Remove the files."""
        self._spool.close()

    def add(
        self, codes: IntArray, stamps: IntArray, rows: NDArray[np.float64], *, series: int, counted: bool
    ) -> None:
        """Add rows; see `Spool.add`.

        Args:
            series: how many are known by now.
            counted: stamps are integers, not dates.
        """
        self._spool.add(codes, stamps, rows)
        if self._tail is not None and self._spool.rows > self._limit:
            self._prune(partial(self._tail.which, counted=counted), series)

    def series(self, count: int, *, counted: bool) -> SpooledSeries:
        """All rows that are kept; see `Spool.series`.

        Args:
            counted: stamps are integers, not dates.
        """
        if self._tail is not None and self.pruned:  # late rows may lie before those that were dropped
            self._prune(partial(self._tail.which, counted=counted), count)
        return self._spool.series(count)

    def _prune(self, which: _Which, count: int) -> None:
        """Keep what is needed in a new spool. The next time comes when as much again has come."""
        self._turn += 1
        old, new = self._spool, Spool(self._folder / f"rows-{self._turn}", self._spool.width)
        self._spool = new
        with closing(old):
            found = old.series(count)
            self.unsorted |= set(np.flatnonzero(found.least < 0).tolist())
            held: list[_Rows] = []
            size = 0
            for index in range(count):
                part = _needed(found, index, which)
                held.append(part)
                size += len(part[0])
                if pieces.is_long(size) or index == count - 1:
                    new.add(*map(np.concatenate, zip(*held, strict=True)))
                    held, size = [], 0
        self.pruned = self.pruned or new.rows < old.rows
        self._limit = max(PRUNED_AT, 2 * new.rows)


def _needed(found: SpooledSeries, index: int, which: _Which) -> _Rows:
    """Of one series the rows that are kept."""
    stamps, rows = found.stamps(index), found.rows(index)
    kept = which(stamps, rows) if len(stamps) else np.zeros(0, np.bool_)
    return np.full(int(kept.sum()), index, np.int64), stamps[kept], rows[kept]
