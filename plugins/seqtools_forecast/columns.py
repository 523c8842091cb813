"""Which column of a table names the series, which holds the time, which is forecast, and which goes along."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from shlex import quote

from seqtools.errors import DataError
from seqtools.suggest import closest
from seqtools_forecast.cells import is_missing, is_number
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.stamp_texts import is_stamp

IDS = (
    "unique id",
    "item id",
    "series id",
    "ts id",
    "id",
    "series",
    "series name",
    "item",
    "ticker",
    "symbol",
)
TIMES = (
    *("ds", "timestamp", "datetime", "date time", "date", "time", "month", "year", "quarter", "week", "day"),
    *("hour", "period", "time idx", "step", "index", "t"),
)
TARGETS = ("y", "target", "value", "values")
"""Names that need not be told, the likeliest first; case, `_` and `-` do not matter."""

NONE = "none"
"""What is given in the place of a column to say that there is none."""
_PLAIN = re.compile(r"[\s_-]+")
_INTEGER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are read.

    Attributes:
        id: of the series, "" if there is one series.
        time: of the stamps, "" if rows are counted.
        targets, past, future, static: see `SeriesDataConfig`.
    """

    id: str
    time: str
    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """Columns that hold a number in each row."""
        return (*self.targets, *self.past, *self.future)

    def told(self) -> str:
        """For people."""
        named = {"id": self.id, "time": self.time or "counted", "target": ", ".join(self.targets)}
        more = {
            "past": ", ".join(self.past),
            "future": ", ".join(self.future),
            "static": ", ".join(self.static),
        }
        return "; ".join(f"{role} {names}" for role, names in {**named, **more}.items() if names)


@dataclass(frozen=True)
class Sample:
    """The beginning of a table.

    Attributes:
        where: the file, for errors.
        names: of all columns.
        cells: of each column its first cells.
        header: names were read; else they were made up.
    """

    where: str
    names: tuple[str, ...]
    cells: dict[str, list[str]]
    header: bool = True


def choose(sample: Sample, data: SeriesDataConfig, usual: tuple[str, ...] = ()) -> Columns:
    """The columns asked for, and by their names or contents those not asked for.

    Args:
        sample: of the table.
        data: what is asked for.
        usual: targets that a model has, which count if the table has them all.

    Raises:
        DataError: a column is not there, or none can be told to be it; what is there is listed.
    """
    past, future = _covariates(sample, data.past, "--past"), _covariates(sample, data.future, "--future")
    static, targets = _covariates(sample, data.static, "--static"), asked(sample, data.target, "--target")
    if not targets and set(usual) <= set(sample.names):
        targets = usual
    free = [name for name in sample.names if name not in {*past, *future, *static, *targets}]
    time = _time(sample, data, free)
    free = [name for name in free if name != time]
    id_ = _id(sample, data, free, time)
    free = [name for name in free if name != id_]
    chosen = Columns(id_, time, targets or _targets(sample, free), past, future, static)
    _check(chosen, sample)
    return chosen


def plain(name: str) -> str:
    """A name without regard to case and to what joins its words."""
    return _PLAIN.sub(" ", name.strip().lower())


def split(text: str) -> tuple[str, ...]:
    """Names given with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def asked(sample: Sample, text: str, option: str) -> tuple[str, ...]:
    """Columns that a person named.

    Raises:
        DataError: one of them is not there; those that are are listed.
    """
    names = (text,) if text and text in sample.names else split(text)
    for name in names:
        if name not in sample.names:
            near = closest(name, sample.names)
            cure = f"Did you mean {option} {quote(near)}?" if near else f"Name one of them with {option}"
            raise missing_column(sample, name, cure)
    return names


def _covariates(sample: Sample, text: str, option: str) -> tuple[str, ...]:
    return () if text == NONE else asked(sample, text, option)


def missing_column(sample: Sample, name: str, cure: str) -> DataError:
    """That a column is not there, and what is."""
    return DataError(sample.where, f"there is no column '{name}'; there are {_there(sample)}", cure)


def _there(sample: Sample) -> str:
    shown = [f"'{name}'" for name in sample.names[:30]]
    more = len(sample.names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _time(sample: Sample, data: SeriesDataConfig, free: list[str]) -> str:
    if data.time == NONE:
        return ""
    if data.time:
        return asked(sample, data.time, "--time")[0]
    for name in _named(free, TIMES):
        if all(is_stamp(cell) or _INTEGER.fullmatch(cell.strip()) for cell in sample.cells[name][:1]):
            return name
    for name in free:
        if _dated(sample.cells[name]):
            return name
    if free and len(sample.names) > 1 and _counts(sample.cells[free[0]]):
        return free[0]
    if len(sample.names) == 1 or not sample.header:
        return ""
    raise _no_time(sample, _named(free, TIMES))


def _no_time(sample: Sample, usual: list[str]) -> DataError:
    """That no column holds stamps; of one with the name of such, what it holds instead."""
    cause = f"no column holds time stamps; there are {_there(sample)}"
    cure = "Name it with --time NAME, or count the rows with --time none"
    told = [(name, cell.strip()) for name in usual for cell in sample.cells[name] if not is_missing(cell)]
    if told:
        name, cell = told[0]
        shown = cell if len(cell) <= 40 else f"{cell[:39]}…"
        cause = f"column '{name}' begins with '{shown}', which is no time stamp"
        cure = "Write stamps like 2024-01-31 or 2024-01-31 17:00:00, or count the rows with --time none"
    return DataError(sample.where, cause, cure)


def _named(free: list[str], known: Sequence[str]) -> list[str]:
    """Columns of a widely used name, the likeliest first."""
    by_name = {plain(name): name for name in reversed(free)}
    return [by_name[name] for name in known if name in by_name]


def _dated(cells: list[str]) -> bool:
    """Whether cells hold dates, not plain numbers."""
    return bool(cells) and all(is_stamp(cell) and not is_number(cell) for cell in cells)


def _counts(cells: list[str]) -> bool:
    """Whether a column counts time: integers that grow by the same step."""
    if len(cells) < 3 or not all(_INTEGER.fullmatch(cell.strip()) for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    steps = {later - earlier for earlier, later in pairwise(values)}
    return len(steps) == 1 and min(steps) > 0


def _id(sample: Sample, data: SeriesDataConfig, free: list[str], time: str) -> str:
    if data.id == NONE:
        return ""
    if data.id:
        return asked(sample, data.id, "--id")[0]
    named = _named(free, IDS)
    if named:
        return named[0]
    texts = [name for name in free if _is_text(sample.cells[name])]
    fitting = [name for name in texts if time and _tells_apart(sample.cells[name], sample.cells[time])]
    return fitting[0] if len(fitting) == 1 else ""


def _is_text(cells: list[str]) -> bool:
    told = [cell for cell in cells if not is_missing(cell)]
    return bool(told) and not any(is_number(cell) or is_stamp(cell) for cell in told)


def _tells_apart(cells: list[str], stamps: list[str]) -> bool:
    """Whether a column names the series of rows with stamps: one series so far, or stamps that come again."""
    if len(set(cells)) == 1:
        return len(cells) > 1
    pairs = set(zip(cells, stamps, strict=True))
    return len(set(stamps)) < len(stamps) == len(pairs)


def _targets(sample: Sample, free: list[str]) -> tuple[str, ...]:
    named = _named(free, TARGETS)
    if named:
        return (named[0],)
    numbers = [
        name for name in free if any(map(is_number, sample.cells[name])) and not _is_text(sample.cells[name])
    ]
    if len(numbers) == 1 or (numbers and not sample.header):
        return tuple(numbers)
    if len(free) == 1:
        return (free[0],)
    if not numbers:
        cause = f"no column holds numbers to forecast; there are {_there(sample)}"
        raise DataError(sample.where, cause, "Name it with --target NAME")
    cause = f"{len(numbers)} columns hold numbers: {', '.join(numbers[:30])}"
    one, both = quote(numbers[-1]), quote(",".join(numbers[:2]))
    cure = f"Name the one to forecast with --target {one}, or several: --target {both}"
    raise DataError(sample.where, cause, cure)


def _check(chosen: Columns, sample: Sample) -> None:
    """A column has one role."""
    names = [name for name in (chosen.id, chosen.time, *chosen.values, *chosen.static) if name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        cause = f"column '{twice[0]}' is named for two things ({chosen.told()})"
        raise DataError(sample.where, cause, "Name each column once")
