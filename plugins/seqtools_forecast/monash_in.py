"""Files of the Monash archive, `.tsf`: a header of `@` lines, a series a line: `name:start:1.5,?,2.0`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast.blocks import Block
from seqtools_forecast.cells import floats
from seqtools_forecast.chunk import WholeSeries
from seqtools_forecast.frequency import MONTH_END, Frequency
from seqtools_forecast.stamps import StampReader
from seqtools_forecast.tables_in import SeriesFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Line = tuple[str, str]

_STEPS = {"yearly": "YS", "quarterly": "QS", "monthly": "MS", "weekly": "W", "daily": "D", "hourly": "h"}
_STEPS |= {"half_hourly": "30min", "minutely": "min", "secondly": "s"}
_SEVERAL = re.compile(r"(\d+)_(second|minute|hour|day)s?(?:ly)?")
_UNITS = {"second": "s", "minute": "min", "hour": "h", "day": "D"}
_KINDS = ("string", "numeric", "date")
_CLOCK = re.compile(r"(\d\d)-(\d\d)-(\d\d)$")
_CURE = "Write lines like: @attribute series_name string"


@dataclass(frozen=True)
class _Header:
    """What the lines before `@data` say.

    Attributes:
        attributes: name and kind of each cell before the values.
        frequency: its name, "" if none is told.
    """

    attributes: tuple[tuple[str, str], ...]
    frequency: str


def is_monash(text: bytes) -> bool:
    """Whether a file begins with a header of `@` lines, perhaps after comments."""
    lines = (line.strip() for line in text.split(b"\n"))
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return re.match(rb"@(relation|attribute|frequency|horizon|missing|equallength|data)\b", first) is not None


def monash_series(blocks: Iterator[Block], name: str, frequency: str = "", usual: str = "") -> SeriesFile:
    """All series of a file.

    Args:
        blocks: of the file.
        name: of the file, for errors.
        frequency: of the steps; "" for that of the header.
        usual: that of a file which says none.

    Raises:
        DataError: the header or a line is malformed; with its line.
    """
    lines = _lines(blocks, name)
    header = _header(lines, name)
    step = frequency or header.frequency or usual
    return SeriesFile("Monash archive, a series a line", _series(lines, header, step))


def _lines(blocks: Iterator[Block], name: str) -> Iterator[Line]:
    """Lines that say something, and where they stand."""
    for block in blocks:
        for line, text in enumerate(block.text.split("\n"), block.line):
            if text.strip() and not text.startswith("#"):
                yield text.strip(), f"{name}, line {line}"


def _header(lines: Iterator[Line], name: str) -> _Header:
    attributes: list[tuple[str, str]] = []
    frequency = ""
    for text, where in lines:
        key, *rest = text.split()
        key = key.lower()
        if key == "@data":
            if not attributes:
                raise DataError(where, "no @attribute line says what stands before the values", _CURE)
            return _Header(tuple(attributes), frequency)
        if not key.startswith("@"):
            raise DataError(where, "it stands in the header, and begins with no @", "Write @data before it")
        if key == "@attribute":
            if len(rest) != 2 or rest[1].lower() not in _KINDS:
                raise DataError(where, f"it is no attribute of a kind that is known ({text})", _CURE)
            attributes.append((rest[0], rest[1].lower()))
        elif key == "@frequency" and rest:
            frequency = _step(rest[0], where)
    raise DataError(name, "it has a header and no @data line", "Is the file whole?")


def _step(name: str, where: str) -> str:
    """The name of a frequency as `Frequency.parse` knows it."""
    several = _SEVERAL.fullmatch(name.lower())
    if several:
        return f"{several[1]}{_UNITS[several[2]]}"
    if name.lower() not in _STEPS:
        cure = f"Use one of: {', '.join(_STEPS)}, 10_minutes, 4_seconds; or give --frequency"
        raise DataError(where, f"there is no frequency '{name}'", cure)
    return _STEPS[name.lower()]


def _series(lines: Iterator[Line], header: _Header, step: str) -> Iterator[WholeSeries]:
    first = next(lines, None)
    kinds = [kind for _, kind in header.attributes]
    for text, where in chain([first] if first else [], lines):
        cells = text.split(":")
        if len(cells) != len(kinds) + 1:
            cause = (
                f"it has {counted(len(cells) - 1, 'attribute')} before its values, the header {len(kinds)}"
            )
            raise DataError(where, cause, "Write a colon after each attribute, and none elsewhere")
        values = _numbers(cells.pop().split(","), where)
        dates = [cell for cell, kind in zip(cells, kinds, strict=True) if kind == "date"]
        words = [cell for cell, kind in zip(cells, kinds, strict=True) if kind == "string"]
        numbers = [cell for cell, kind in zip(cells, kinds, strict=True) if kind == "numeric"]
        stamps = _stamps(dates[0], step, len(values), where) if dates else None
        yield WholeSeries(
            words[0] if words else "",
            values[:, None],
            where,
            stamps,
            stamps is None,
            numbers=tuple(_numbers(numbers, where).tolist()),
            categories=tuple(words[1:]),
        )


def _numbers(cells: list[str], where: str) -> NDArray[np.float64]:
    return floats(cells, "values", lambda _: where)


def _stamps(start: str, step: str, length: int, where: str) -> IntArray:
    """Seconds of each step from the start on, which is written `1979-01-01 00-00-00`."""
    begin = StampReader("start").read([_CLOCK.sub(r"\1:\2:\3", start.strip())], lambda _: where)
    if not step:
        cause = "it has a start, but nothing says how far apart values are"
        raise DataError(where, cause, "Write an @frequency line, or give --frequency (15min, h, D, …)")
    grid = Frequency.parse(step)
    if grid.unit == "second":
        return begin + np.arange(length) * grid.step
    grid = _aligned(grid, begin[0])
    first = grid.position(begin.astype("datetime64[s]"))
    return grid.stamp(first + np.arange(length)).astype("datetime64[s]").astype(np.int64)


def _aligned(grid: Frequency, begin: int) -> Frequency:
    """Months, quarters and years from the day on that a series starts at."""
    if grid.unit != "month":
        return grid
    date = np.datetime64(int(begin), "s").astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    day = int((date - month.astype("datetime64[D]")).astype(int)) + 1
    last = (date + np.timedelta64(1, "D")).astype("datetime64[M]") != month
    return replace(grid, phase=int(month.astype(int)) % grid.step, day=MONTH_END if last else day)
