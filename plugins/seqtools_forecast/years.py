"""Whole numbers that are years: where a column's name, or the frequency that is known, says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools.plugin import IntArray
    from seqtools_forecast.frequency import Frequency

NEVER, NAMED, LIKELY, ALWAYS = range(4)
"""When four digits are a year: not at all; in a column called so; also in one of dates that has nothing but
years one after the other; wherever they stand."""

_YEARS = frozenset({"year", "years", "yr"})
_DATES = frozenset({"ds", "date", "datetime", "date time", "timestamp", "time"})
_FIRST, _LAST = 1500, 2100


def meaning(asked: Frequency | None, known: Frequency | None) -> int:
    """When four digits are a year, by a frequency that a person gave, else by that of a model."""
    told = asked or known
    if told is None:
        return LIKELY
    if told.is_integer:
        return NEVER
    return ALWAYS if told.unit == "month" and told.step % 12 == 0 else NAMED


def are_years(name: str, when: int, values: IntArray) -> bool:
    """Whether whole numbers of a column are years.

    Args:
        name: of the column.
        when: see above.
        values: the first of them.
    """
    plain = " ".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
    if when == NEVER or not len(values) or values.min() < 1000 or values.max() > 9999:
        return False
    if plain in _YEARS or when == ALWAYS:
        return True
    told = np.sort(values)
    steps = np.diff(told)
    return (
        when == LIKELY
        and plain in _DATES
        and bool(told[0] >= _FIRST and told[-1] <= _LAST)
        and bool((steps <= 1).all() and steps.any())
    )


def seconds(years: IntArray) -> IntArray:
    """When years begin, in seconds since 1970."""
    return (years - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
