"""As `regular`, of a series too long for memory: its grid lies in a file, filled piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.regular import Laid, check_span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.frequency import Frequency

    Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of one series, in files.

    Attributes:
        stamps: in order, `[rows]`.
        values: `[rows, targets + past + future]`.
        targets, future: how many of the columns, first and last ones, are such.
        duplicates: what counts when a step is told twice: last, first, mean or sum.
    """

    stamps: IntArray
    values: Float64
    targets: int
    future: int
    duplicates: str


@dataclass(frozen=True)
class _Steps:
    """Rows with one position each.

    Attributes:
        positions: ascending, `[steps]`.
        rows: that count where a step is told twice: the first or the last ones, `[steps, width]`.
        sums, counts: of the targets, and of how many values, `[steps, targets]`.
    """

    positions: IntArray
    rows: Float64
    sums: Float64
    counts: Float64

    def cut(self, which: slice) -> _Steps:
        """Some of them."""
        return _Steps(self.positions[which], self.rows[which], self.sums[which], self.counts[which])

    def with_before(self, before: _Steps, duplicates: str) -> _Steps:
        """With what another piece told of the first position."""
        rows, sums, counts = self.rows.copy(), self.sums.copy(), self.counts.copy()
        if duplicates == "first":
            rows[0] = before.rows[0]
        sums[0] += before.sums[0]
        counts[0] += before.counts[0]
        return _Steps(self.positions, rows, sums, counts)

    def values(self, duplicates: str) -> Float64:
        """What is told of each step."""
        if duplicates not in ("mean", "sum"):
            return self.rows
        rows, targets = self.rows.copy(), self.sums.shape[1]
        divisor = np.maximum(self.counts, 1) if duplicates == "mean" else 1.0
        rows[:, :targets] = np.where(self.counts > 0, self.sums / divisor, np.nan)
        return rows


def laid_long(name: str, grid: Frequency, rows: Rows, path: Path) -> Laid | None:
    """Lay rows on a grid; None if no target has a value. See `regular.laid`.

    Args:
        name: of the series, for errors.
        grid: gives each stamp its position.
        rows: of the series.
        path: of the file that shall hold the grid.

    Raises:
        DataError: there are far more steps than rows.
    """
    begin, end, stop, steps = _reach(grid, rows)
    if steps == 0:
        return None
    check_span(name, steps, stop - begin)
    made = np.memmap(path, np.float64, "w+", shape=(stop - begin, rows.values.shape[1])).view(np.ndarray)
    for part in pieces.slices(len(made)):
        made[part] = np.nan
    told = inside = 0
    for positions, values in _merged(grid, rows):
        told += len(positions)
        inside += int(((positions >= begin) & (positions <= end)).sum())
        there = (positions >= begin) & (positions < stop)
        made[positions[there] - begin] = values[there]
    length = end - begin + 1
    return Laid(begin, made, length, length - inside, len(rows.stamps) - told, False)


def _reach(grid: Frequency, rows: Rows) -> tuple[int, int, int, int]:
    """Positions of the first and the last value and of what ends the series, and how many steps are told.

    The count is 0 where there is no value.
    """
    begin = end = count = 0
    ahead: int | None = None
    for positions, values in _merged(grid, rows):
        seen = positions[~np.isnan(values[:, : rows.targets]).all(axis=1)]
        if len(seen):
            begin, end = (begin if count else int(seen[0])), int(seen[-1])
        if rows.future:
            known = positions[~np.isnan(values[:, -rows.future :]).all(axis=1)]
            ahead = int(known[-1]) if len(known) else ahead
        count += len(positions) if count or len(seen) else 0
    return begin, end, max(end, end if ahead is None else ahead) + 1, count


def _merged(grid: Frequency, rows: Rows) -> Iterator[tuple[IntArray, Float64]]:
    """Positions in order and their values, each once, though its rows may lie in several pieces."""
    held: _Steps | None = None
    for part in pieces.slices(len(rows.stamps)):
        stamps = rows.stamps[part]
        positions = grid.position(stamps if grid.is_integer else stamps.astype("datetime64[s]"))
        steps = _steps(positions, rows.values[part], rows)
        if held is not None and held.positions[0] == steps.positions[0]:
            steps = steps.with_before(held, rows.duplicates)
        elif held is not None:
            yield held.positions, held.values(rows.duplicates)
        before, held = steps.cut(slice(0, -1)), steps.cut(slice(-1, None))
        yield before.positions, before.values(rows.duplicates)
    if held is not None:
        yield held.positions, held.values(rows.duplicates)


def _steps(positions: IntArray, values: Float64, rows: Rows) -> _Steps:
    """Rows of one piece by their position."""
    begins = np.flatnonzero(np.diff(positions, prepend=positions[0] - 1))
    ends = np.append(begins[1:], len(positions)) - 1
    targets = values[:, : rows.targets]
    there = ~np.isnan(targets)
    return _Steps(
        positions[begins],
        values[begins if rows.duplicates == "first" else ends],
        np.add.reduceat(np.where(there, targets, 0.0), begins, axis=0),
        np.add.reduceat(there.astype(np.float64), begins, axis=0),
    )
