"""Dates and times as people write them: ISO 8601, with slashes or dots, with quarters, with offsets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
_DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})(?:\2(\d{1,4}))?|(\d{4})-?[Qq]([1-4])|(\d{4})(\d\d)(\d\d)|(\d{4})"
)
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.0+)?)?\s*([AaPp][Mm])?|(\d\d)")
_ISO = re.compile(r"\d{4}-\d\d(?:-\d\d(?:[ T]\d\d(?::\d\d(?::\d\d)?)?)?)?|\d{4}")
_DAY = 86400
_MOST_KEPT = 1 << 17


def is_stamp(cell: str) -> bool:
    """Whether a cell is written like a date, with or without a time."""
    date, clock = _parted(_ZONE.sub("", cell.strip()) if ":" in cell else cell.strip())
    return _DATE.fullmatch(date) is not None and (not clock or _TIME.fullmatch(clock) is not None)


IN_UTC = "stamps with an offset were taken to UTC"


class Dates:
    """Reads texts of one column.

    Args:
        sample: cells by which 1/2/2024 and 2/1/2024 are told apart.

    Attributes:
        style: how stamps are to be written, "" for the usual way.
        remark: that offsets were taken to UTC, or "".
    """

    def __init__(self, sample: list[str]) -> None:
        first = sample[0].strip()
        self._zoned = ":" in first and _ZONE.search(first) is not None
        self._order = _order(sample)
        bare = first.removesuffix("Z")
        self.style = _template(bare) + "Z" * (first != bare) if _ISO.fullmatch(bare) else ""
        self.remark = ""
        if self._zoned and not first.endswith("Z"):
            self.remark = IN_UTC
            self.style = "YYYY-MM-DD hh:mm:ssZ"
        self._days: dict[str, int] = {}
        self._clocks: dict[str, int] = {"": 0}

    def read(self, cells: list[str], bad: Callable[[int], DataError]) -> IntArray:
        """Seconds since 1970 `[rows]`.

        Args:
            cells: the texts.
            bad: the error for a row.
        """
        shifts = None
        if self._zoned:
            cells, shifts = self._utc(cells, bad)
        seconds = _iso(cells) if self.style else None
        if seconds is None:
            seconds = np.array([self._one(cell, row, bad) for row, cell in enumerate(cells)], np.int64)
        return seconds if shifts is None else seconds - shifts

    def _utc(self, cells: list[str], bad: Callable[[int], DataError]) -> tuple[list[str], IntArray | None]:
        """The texts without offsets, and those in seconds."""
        if all(cell.endswith("Z") for cell in cells):
            return [cell[:-1] for cell in cells], None
        bare, shifts = [], []
        for row, cell in enumerate(cells):
            found = _ZONE.search(cell.strip())
            if found is None:
                raise bad(row)
            sign, digits = (-1 if found[0][0] == "-" else 1), re.sub(r"\D", "", found[0]) or "0000"
            shifts.append(sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60))
            bare.append(cell.strip()[: found.start()])
        return bare, np.array(shifts, np.int64)

    def _one(self, cell: str, row: int, bad: Callable[[int], DataError]) -> int:
        date, clock = _parted(cell)
        if max(len(self._days), len(self._clocks)) > _MOST_KEPT:
            self._days, self._clocks = {}, {"": 0}
        try:
            if date not in self._days:
                self._days[date] = self._day(date)
            if clock not in self._clocks:
                self._clocks[clock] = _clock(clock)
        except ValueError as error:
            raise bad(row) from error
        return self._days[date] * _DAY + self._clocks[clock]

    def _day(self, date: str) -> int:
        """Days since 1970."""
        found = _DATE.fullmatch(date)
        if found is None:
            raise ValueError(date)
        one, mark, two, three, year, quarter, *compact = found.groups()
        if quarter:
            return _days(int(year), 3 * int(quarter) - 2, 1)
        if compact[0]:
            return _days(*map(int, compact[:3]))
        if compact[3]:
            return _days(int(compact[3]), 1, 1)
        if len(one) == 4 or three is None:
            if len(one) != 4:
                raise ValueError(date)
            return _days(int(one), int(two), int(three or 1))
        if len(three) != 4:
            raise ValueError(date)
        day, month = (one, two) if self._order == "day" or mark == "." else (two, one)
        if self._order == "both" and mark != "." and one != two:
            raise DataError(
                f"date '{date}'",
                "it may have the day or the month in front, and no other row tells which",
                "Write dates like 2024-01-31",
            )
        return _days(int(three), int(month), int(day))


def _iso(cells: list[str]) -> IntArray | None:
    """All at once where every cell is plain ISO 8601; None if one is not."""
    try:
        with warnings.catch_warnings():  # numpy only warns of an offset that it takes away
            warnings.simplefilter("error")
            stamps = np.array(cells, dtype="datetime64[s]")
    except (ValueError, Warning):
        return None
    return None if np.isnat(stamps).any() else stamps.astype(np.int64)


def _order(sample: list[str]) -> str:
    """Which of day and month stands in front: `day`, `month`, or `both` if nothing tells."""
    found = [_DATE.match(cell.strip()) for cell in dict.fromkeys(sample)]
    pairs = [(int(one[1]), int(one[3])) for one in found if one and one[4] and len(one[1]) <= 2]
    if any(first > 12 for first, _ in pairs):
        return "day"
    return "month" if any(second > 12 for _, second in pairs) else "both"


def _parted(cell: str) -> tuple[str, str]:
    """Date and time of a stamp."""
    date, _, clock = cell.strip().replace("T", " ", 1).partition(" ")
    return date, clock.strip()


def _clock(text: str) -> int:
    """Seconds after midnight."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    hour, minute, second = int(found[1] or found[5]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + 12 * (found[4].lower() == "pm")
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(text)
    return hour * 3600 + minute * 60 + second


def _days(year: int, month: int, day: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError(month)
    return int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))


def _template(first: str) -> str:
    """The style of a plain ISO stamp."""
    return ("YYYY-MM-DDThh:mm:ss" if "T" in first else "YYYY-MM-DD hh:mm:ss")[: len(first)]
