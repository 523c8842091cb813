"""The seasons and calendar periods that a frequency brings along, in steps."""

from __future__ import annotations

from math import gcd

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800
_YEAR = 31_557_600
"""Seconds of a Julian year: 365.25 days."""


def seasons(unit: str, step: int) -> tuple[int, ...]:
    """Whole numbers of steps after which things repeat, the main one first."""
    if unit == "business":
        return (5,) if step == 1 else ()
    if unit == "month":
        return (12 // step,) if 12 % step == 0 and step < 12 else ()
    if unit == "integer":
        return ()
    if step % _WEEK == 0:  # 52 weeks are the year of everyone who counts in weeks
        return (52 // (step // _WEEK),) if 52 % (step // _WEEK) == 0 and step <= 26 * _WEEK else ()
    return tuple(span // step for span in _spans(step) if span % step == 0 and span // step > 1)


def _spans(step: int) -> tuple[int, ...]:
    """Two spans that repeat at a scale a window can hold."""
    if step < _MINUTE:
        return (_MINUTE, _HOUR)
    if step < 5 * _MINUTE:
        return (_HOUR, _DAY)
    return (_DAY, _WEEK)


def periods(unit: str, step: int) -> tuple[tuple[int, int], ...]:
    """Ratios `(steps, per)` of the day, week and year (for short steps: minute, hour, day)."""
    if unit == "business":
        return _ratios([(5, step), (5 * 1461, 28 * step)])
    if unit == "month":
        return _ratios([(12, step)])
    if unit == "integer":
        return ()
    spans = (_DAY, _WEEK, _YEAR)
    if step < 5 * _MINUTE:
        spans = (_MINUTE, _HOUR, _DAY) if step < _MINUTE else (_HOUR, _DAY, _WEEK)
    return _ratios([(span, step) for span in spans])


def _ratios(pairs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """In lowest terms, without those of less than two steps, where nothing can be seen."""
    told = [(steps // gcd(steps, per), per // gcd(steps, per)) for steps, per in pairs]
    return tuple((steps, per) for steps, per in told if steps >= 2 * per)
