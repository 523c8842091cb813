"""Rows and series of tables into a spool: cells become numbers, names of series become numbers too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.cells import floats, is_missing, is_number
from seqtools_forecast.chunk import Chunk, WholeSeries
from seqtools_forecast.columns import Columns
from seqtools_forecast.counting import Counts
from seqtools_forecast.stamps import StampReader
from seqtools_forecast.tail import Tail, TailSpool
from seqtools_forecast.years import LIKELY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]


class Intake:
    """Collects the rows of one or more tables of the same columns.

    Args:
        columns: that are read.
        folder: for the spool.
        categories: static columns that are categories, the others being numbers; None finds out.
        tail: rows of each series that are kept; None for all.
        years: when four digits are a year, see `seqtools_forecast.years`.

    Attributes:
        rows: how many came.
        names: of the series, in the order they came.
        statics: of each series its static values, as text.
        integer: time is counted; None before the first row.
    """

    def __init__(
        self,
        columns: Columns,
        folder: Path,
        categories: frozenset[str] | None = None,
        tail: Tail | None = None,
        years: int = LIKELY,
    ) -> None:
        self.columns = columns
        self._categories = categories
        self.spool = TailSpool(folder, len(columns.values), tail)
        self._arrived = Counts()
        self.rows = 0
        self.integer: bool | None = None if columns.time else True
        self.statics: list[tuple[str, ...]] = []
        self.stamps = StampReader(columns.time, years)
        self._codes: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """Names of the series, in the order they came."""
        return list(self._codes)

    def close(self) -> None:
        """Remove the spool."""
        self.spool.close()

    def table(self, chunk: Chunk, name: str) -> None:
        """Rows of a table.

        Args:
            chunk: the rows; targets that it does not have are missing in all of them.
            name: of the series if no column tells it.

        Raises:
            DataError: a cell is not what its column should hold; with its row.
        """
        columns = self.columns
        codes = self._coded(chunk, name)
        if columns.time:
            stamps = self.stamps.read(chunk.columns[columns.time], chunk.where)
            self._same_time(self.stamps.integer is True, chunk.where(0))
        else:
            stamps = self._arrived.places(codes)
        rows = np.full((chunk.rows, len(columns.values)), np.nan)
        for place, column in enumerate(columns.values):
            if column in chunk.columns:
                rows[:, place] = floats(chunk.columns[column], column, chunk.where)
        self._add(codes, stamps, rows)

    def _add(self, codes: IntArray, stamps: IntArray, rows: Float64) -> None:
        if len(codes):
            self.rows += len(codes)
            self._arrived.add(codes)
            self.spool.add(codes, stamps, rows, series=len(self._codes), counted=self.integer is not False)

    def _same_time(self, integer: bool, where: str) -> None:
        if self.integer not in (None, integer):
            here, before = ("counted", "dated") if integer else ("dated", "counted")
            cause = f"its time is {here}, but that of the rows before is {before}"
            raise DataError(where, cause, "Give tables of one kind")
        self.integer = integer

    def _coded(self, chunk: Chunk, name: str) -> IntArray:
        """Numbers of the rows' series; new ones are taken up."""
        if not self.columns.id:
            self._take_up([name], chunk, {name: 0})
            return np.full(chunk.rows, self._codes[name], np.int64)
        told = chunk.columns[self.columns.id]
        cells = told if isinstance(told, list) else [str(value) for value in told.tolist()]
        known = self._codes
        new = [cell for cell in dict.fromkeys(cells) if cell not in known]
        if new:
            first = dict(zip(reversed(cells), range(len(cells) - 1, -1, -1), strict=True))
            self._take_up(new, chunk, first)
        codes = np.fromiter(map(known.__getitem__, cells), np.int64, len(cells))
        if self.columns.static:
            self._unchanged(chunk, codes)
        return codes

    def _take_up(self, names: list[str], chunk: Chunk, rows: dict[str, int]) -> None:
        for name in names:
            if name in self._codes:
                continue
            if not name.strip() and self.columns.id:
                cause = f"column '{self.columns.id}' names no series"
                raise DataError(chunk.where(rows[name]), cause, "Name the series of each row")
            self._codes[name] = len(self._codes)
            said = (chunk.columns.get(column) for column in self.columns.static)
            self.statics.append(tuple("" if cells is None else str(cells[rows[name]]) for cells in said))

    def _unchanged(self, chunk: Chunk, codes: IntArray) -> None:
        """A static column says one thing of a series; an empty cell says nothing."""
        for place, column in enumerate(self.columns.static):
            for row, (code, cell) in enumerate(
                zip(codes.tolist(), chunk.columns.get(column, ()), strict=False)
            ):
                before = self.statics[code]
                if str(cell) == before[place] or is_missing(str(cell)):
                    continue
                if is_missing(before[place]):
                    self.statics[code] = (*before[:place], str(cell), *before[place + 1 :])
                    continue
                cause = f"static column '{column}' says '{cell}' of a series that was '{before[place]}'"
                cure = "Name a column that changes with --past or --future"
                raise DataError(chunk.where(row), cause, cure)

    def whole(self, series: WholeSeries, name: str) -> None:
        """A series as it stands in its file.

        Raises:
            DataError: it has other columns than the one before.
        """
        name = series.name or name
        past = np.zeros((len(series.values), 0)) if series.past is None else series.past
        future = np.zeros((len(series.values), 0)) if series.future is None else series.future
        widths = tuple(array.shape[1] for array in (series.values, past, future))
        if widths != tuple(map(len, (self.columns.targets, self.columns.past, self.columns.future))):
            cause = "it has other targets or covariates than the series before"
            raise DataError(series.where, cause, "Give series with the same fields")
        length = max(len(series.values), len(past), len(future))
        if name not in self._codes:
            self._codes[name] = len(self._codes)
            self.statics.append((*map(repr, series.numbers), *series.categories))
        codes = np.full(length, self._codes[name], np.int64)
        stamps = series.stamps
        if stamps is None:
            stamps = self._arrived.places(codes) if length else codes
        self._same_time(series.integer, series.where)
        rows = np.hstack([_long(array, length) for array in (series.values, past, future)])
        self._add(codes, stamps[:length], rows)

    def typed_statics(self) -> tuple[list[int], list[int]]:
        """Places among the static columns of those that hold numbers, and of categories."""
        numbers: list[int] = []
        categories: list[int] = []
        for place, name in enumerate(self.columns.static):
            said = [values[place] for values in self.statics]
            numeric = any(map(is_number, said)) and all(is_number(v) or is_missing(v) for v in said)
            if self._categories is not None:
                numeric = name not in self._categories
            (numbers if numeric else categories).append(place)
        return numbers, categories


def _long(rows: Float64, length: int) -> Float64:
    made = np.full((length, rows.shape[1]), np.nan)
    made[: len(rows)] = rows
    return made
