"""The frequency that stamps lie on: of one series, and the one that all series share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.frequency import DAY, MONTH_END, Frequency
from seqtools_forecast.gaps import distinct, gaps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

_WEEK = 7 * DAY
SHORTEST_MONTH = 25 * DAY
"""Seconds between the stamps of a month and the next, at least; some name the last working day."""
SURE = 8
"""Rows from which a series' own frequency counts against the others'."""
_CURE = "Give --frequency (15min, h, D, …) to put each row into its step, or 'int' with counted time"


def inferred(stamps: NDArray[Any]) -> Frequency | None:
    """See `Frequency.infer`."""
    integer = stamps.dtype.kind != "M"
    values = stamps.astype(np.int64) if integer else stamps.astype("datetime64[s]").astype(np.int64)
    return grid_of(values, integer=integer)


def grid_of(values: IntArray, *, integer: bool) -> Frequency | None:
    """The grid of integers, or of seconds since 1970.

    Raises:
        DataError: there is none.
    """
    kinds, counts = gaps_of(values)
    if not len(kinds):
        return None
    if integer:
        step = _step(kinds, counts, "")
        return Frequency("integer", step, int(values[0]) % step)
    least, most = int(kinds[0]), int(kinds[-1])
    if least >= DAY:  # no more different stamps than days, however many rows
        days = distinct(values)
        if least >= SHORTEST_MONTH and (found := _months(days, np.diff(days))) is not None:
            return found
        if least == DAY and most > DAY and (found := _business(days, np.diff(days))) is not None:
            return found
    step = least if least == most else _step(kinds, counts, "s")
    return Frequency("second", step, int(values[0]) % step)


def _step(kinds: IntArray, counts: IntArray, unit: str) -> int:
    """The commonest gap if the others are multiples of it; else what divides all, with few holes."""
    usual = int(kinds[counts.argmax()])
    if not (kinds % usual).any():
        return usual
    divisor = int(np.gcd.reduce(kinds))
    if int((kinds * counts).sum()) // divisor <= 4 * int(counts.sum()) + 16:
        return divisor
    seen = ", ".join(f"{gap:,}{f' {unit}' if unit else ''}" for gap in kinds[counts.argsort()[::-1]][:3])
    raise DataError("time stamps", f"the steps between them are irregular ({seen}, …)", _CURE)


def _months(values: IntArray, gaps: IntArray) -> Frequency | None:
    """A grid of months; the last working day of each counts as its end."""
    days, clocks = np.divmod(values, DAY)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    last = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    ends, latest = bool((day == last).all()), int(day.max())
    counted: IntArray = months.astype(np.int64)
    steps = counted[1:] - counted[:-1]
    if not (ends or (day == np.minimum(latest, last)).all()):
        if not (gaps % _WEEK).any() or gaps.min() == gaps.max() or steps.min() < 1:
            return None
        ends, latest = bool(day.mean() > 15), 1
    kinds, counts = np.unique(steps, return_counts=True)
    step = _step(kinds, counts, "months")
    clock = int(clocks[0]) if (clocks == clocks[0]).all() else 0
    named = MONTH_END if ends else latest
    return Frequency("month", step, int(counted[0]) % step, named, clock)


def _business(values: IntArray, gaps: IntArray) -> Frequency | None:
    """Days from Monday to Friday: at least one weekend passed over, none told, and holidays are few."""
    days, clocks = np.divmod(values, DAY)
    weekday = (days + 3) % 7
    weekend = (gaps == 3 * DAY) & (weekday[1:] == 0)
    if (weekday > 4).any() or not weekend.any() or (clocks != clocks[0]).any():
        return None
    found = Frequency("business", clock=int(clocks[0]))
    places = found.position(values[[0, -1]].astype("datetime64[s]"))
    return found if 2 * len(values) >= int(places[1] - places[0]) else None


def common(found: Iterable[tuple[str, int, Frequency]], *, strict: bool = True) -> Frequency | None:
    """The grid that all series can share.

    Args:
        found: of each kind of series an example's name, the number of rows of its longest one and the grid;
            commonest first.
        strict: differing frequencies are an error; else the commonest counts.

    Returns:
        None if there is nothing to go by.

    Raises:
        DataError: two series differ; both are named.
    """
    kinds = list(found)
    if not kinds:
        return None
    sure = [kind for kind in kinds if kind[1] >= SURE] or kinds
    name, _, chosen = sure[0]
    if chosen.unit == "business" and (daily := [kind for kind in sure if _is_daily(kind[2])]):
        name, _, chosen = daily[0]
    if not strict:
        return chosen
    for other, rows, grid in kinds:
        if not _fits(grid, chosen, short=rows < SURE):
            raise DataError(
                f"series '{name}' and '{other}'",
                f"their frequencies differ: {chosen.name} and {grid.name}",
                "Train a model for each frequency, or give one with --frequency",
            )
    return chosen


def fitting(kinds: Iterable[tuple[str, int, Frequency]], expected: Frequency) -> Frequency | None:
    """The grid of series that all fit an expected one: that of theirs which has its step, or itself.

    Args:
        kinds: see `common`.
        expected: of a model.

    Returns:
        None if one does not fit: a few days may be working days, but a coarser step is another frequency.
    """
    own = expected
    for _, rows, grid in kinds:
        if (grid.unit, grid.step) == (expected.unit, expected.step):
            own = replace(grid, like=expected.like) if own is expected else own
        elif "business" not in (grid.unit, expected.unit) or not _fits(grid, expected, short=rows < SURE):
            return None
    return own


def _is_daily(grid: Frequency) -> bool:
    return grid.unit == "second" and grid.step == DAY


def _fits(grid: Frequency, chosen: Frequency, *, short: bool) -> bool:
    """Whether a series belongs on another's grid; a few rows may lie on it with holes between."""
    if grid.unit == "business":
        return chosen.unit == "business" or _is_daily(chosen)
    if chosen.unit == "business":
        return short and grid.unit == "second" and grid.step % DAY == 0
    if grid.unit != chosen.unit:
        return short and grid.unit == "month" and grid.step * 28 * DAY >= chosen.step
    return grid.step == chosen.step or (short and grid.step % chosen.step == 0)


def aligned(grid: Frequency, name: str) -> Frequency:
    """A grid named by a person, where in the step the data's own one lies if both have the same step.

    Counted time stays counted; a step of it stands for one of the frequency named.
    """
    asked = Frequency.parse(name)
    if grid.is_integer and not asked.is_integer:
        return replace(grid, like=asked.name)
    if (asked.unit, asked.step) != (grid.unit, grid.step):
        return asked
    anchored = "-" in name or (asked.unit == "month" and asked.day != grid.day)
    return replace(asked, clock=grid.clock) if anchored else replace(grid, style=asked.style)
