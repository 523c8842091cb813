"""Time stamps in cells: seconds since 1970 in UTC, or integers where time is counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast import years
from seqtools_forecast.stamp_texts import Dates, is_stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Where = Callable[[int], str]

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
_FIRST, _LAST = -62_167_219_200, 253_402_300_799
"""Seconds of the years 0 to 9999."""
_CURE = "Write stamps like 2024-01-31 or 2024-01-31 17:00:00, or name another column with --time"


class StampReader:
    """Reads the stamps of one table; its first cell says how they are written.

    Args:
        name: of the column.
        when: four digits are a year, see `seqtools_forecast.years`.

    Attributes:
        integer: time is counted; None until the first cell was seen.
        style: how stamps are written, see `Frequency`; "" for the usual way.
        remark: what a person should know about how they were read, or "".
    """

    def __init__(self, name: str, when: int = years.LIKELY) -> None:
        self.name, self._when = name, when
        self.integer: bool | None = None
        self.style, self.remark = "", ""
        self._dates: Dates | None = None
        self._divisor, self._yearly = 0, False

    def read(self, column: list[str] | NDArray[Any], where: Where) -> IntArray:
        """Seconds or integers `[rows]`.

        Raises:
            DataError: a cell is no stamp; with its row.
        """
        if not isinstance(column, list):
            return self._array(column, where)
        if self.integer is None:
            self._settle(column, where)
        if self._dates is not None:
            seconds = self._dates.read(column, lambda row: self._bad(column[row], where(row)))
            self.style, self.remark = self._dates.style, self._dates.remark or self.remark
            return self._checked(seconds, column, where)
        return self._counted(column, where)

    def _settle(self, column: list[str], where: Where) -> None:
        """How stamps are written, by the first one."""
        first = column[0].strip()
        year = re.fullmatch(r"\d{4}", first) is not None and self._years(_integers(column))
        if _WHOLE.fullmatch(first) and not year and not re.fullmatch(r"(19|20)\d{6}", first):
            self._epoch(abs(int(float(first))))
            return
        if not (year or is_stamp(first)):
            raise self._bad(column[0], where(0))
        self.integer = False
        self._dates = Dates(column)

    def _years(self, values: IntArray) -> bool:
        """Whether whole numbers are years; that they were only taken for such is remarked."""
        if not years.are_years(self.name, self._when, values):
            return False
        if self._when == years.LIKELY and not years.are_years(self.name, years.NAMED, values):
            self.remark = f"column '{self.name}' was read as years; --frequency int in training counts them"
        return True

    def _epoch(self, first: int) -> None:
        """Large integers are seconds, milli-, micro- or nanoseconds since 1970."""
        self._divisor = next((10**d for d in (0, 3, 6, 9) if 10 ** (9 + d) <= first < 10 ** (10 + d)), 0)
        self.integer = self._divisor == 0
        if self._divisor:
            unit = {1: "seconds", 10**3: "milliseconds", 10**6: "microseconds"}.get(
                self._divisor, "nanoseconds"
            )
            self.remark = f"column '{self.name}' was read as {unit} since 1970, UTC"

    def _counted(self, column: list[str], where: Where) -> IntArray:
        try:
            values = np.fromiter(map(int, column), np.int64, len(column))
        except (ValueError, OverflowError):
            values = np.array([self._int(cell, row, where) for row, cell in enumerate(column)], np.int64)
        return self._scaled(values, where)

    def _int(self, cell: str, row: int, where: Where) -> int:
        if not _WHOLE.fullmatch(cell.strip()) or abs(value := int(float(cell))) >= 2**62:
            raise self._bad(cell, where(row))
        return value

    def _scaled(self, values: IntArray, where: Where) -> IntArray:
        """Seconds of what was counted since 1970."""
        if self._divisor <= 1:
            return values
        seconds, rest = np.divmod(values, self._divisor)
        if rest.any():
            raise _too_fine(where(int(np.flatnonzero(rest)[0])))
        return seconds

    def _array(self, column: NDArray[Any], where: Where) -> IntArray:
        """Stamps of a file that has a type for them."""
        kind = column.dtype.kind
        if kind == "M":
            return self._typed(column, where)
        if kind == "f" and not (np.isfinite(column) & (column == np.floor(column))).all():
            row = int(np.flatnonzero(~(np.isfinite(column) & (column == np.floor(column))))[0])
            raise self._bad(str(column[row]), where(row))
        if kind in "fiu":
            values = column.astype(np.int64)
            if self.integer is None and self._years(values):
                self.integer, self._yearly, self.style = False, True, "YYYY"
            if self.integer is None:
                self._epoch(abs(int(values[0])) if len(values) else 0)
            if self._yearly:
                return self._checked(years.seconds(values), column, where)
            return self._scaled(values, where)
        return self.read(["" if cell is None else str(cell) for cell in column.tolist()], where)

    def _typed(self, column: NDArray[Any], where: Where) -> IntArray:
        self.integer = False
        missing = np.isnat(column)
        if missing.any():
            raise self._bad("", where(int(np.flatnonzero(missing)[0])))
        seconds = column.astype("datetime64[s]")
        if (seconds != column).any():
            raise _too_fine(where(int(np.flatnonzero(seconds != column)[0])))
        return seconds.astype(np.int64)

    def _checked(self, seconds: IntArray, column: list[str] | NDArray[Any], where: Where) -> IntArray:
        outside = (seconds < _FIRST) | (seconds > _LAST)
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise self._bad(str(column[row]), where(row))
        return seconds

    def _bad(self, cell: str, where: str) -> DataError:
        shown = cell.strip() if len(cell) <= 40 else f"{cell[:39]}…"
        what = f"holds '{shown}', which is no time stamp" if shown else "is empty"
        return DataError(where, f"column '{self.name}' {what}", _CURE)


def _integers(cells: list[str]) -> IntArray:
    """Numbers of the cells up to the first that is none."""
    found: list[int] = []
    for cell in cells:
        if not _WHOLE.fullmatch(cell.strip()):
            break
        found.append(int(float(cell)))
    return np.array(found, np.int64)


def _too_fine(where: str) -> DataError:
    cure = "Number the rows, and give the number as the time"
    return DataError(where, "its stamp is finer than a second", cure)
