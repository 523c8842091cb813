"""Names of frequencies: `15min`, `h`, `D`, `B`, `W-MON`, `MS`, `QS-FEB`, `YE`, `int`, each with a factor."""

from __future__ import annotations

import re
from typing import Any

from seqtools.errors import UsageError
from seqtools.suggest import closest

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 604800}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_ALIASES = {
    **{"S": "s", "sec": "s", "second": "s", "T": "min", "minute": "min", "t": "min", "m": "min"},
    **{"H": "h", "hour": "h", "hourly": "h", "d": "D", "day": "D", "daily": "D", "b": "B", "w": "W"},
    **{"week": "W", "weekly": "W", "month": "MS", "monthly": "MS", "M": "MS", "Q": "QS", "quarter": "QS"},
    **{"quarterly": "QS", "Y": "YS", "A": "YS", "AS": "YS", "AE": "YE", "year": "YS", "yearly": "YS"},
    **{"business": "B", "i": "int", "integer": "int"},
}
_SHAPE = re.compile(r"(\d*)([A-Za-z]+)(?:-([A-Za-z0-9]+))?")
_KNOWN = ("s", "min", "15min", "h", "D", "B", "W", "W-MON", "MS", "ME", "QS", "QE", "YS", "YE", "int")
# 1970-01-01 was a Thursday, so weeks since then begin on Thursdays.
_EPOCH_DAY = 3
_LAST = 31


def parsed(name: str) -> dict[str, Any]:
    """The fields of a `Frequency`.

    Raises:
        UsageError: there is no such name.
    """
    found = _SHAPE.fullmatch(name.strip())
    factor = int(found[1] or 1) if found else 0
    base = _ALIASES.get(found[2], found[2]) if found else ""
    anchor = (found[3] or "").upper() if found else ""
    fields = _fields(base, factor, anchor) if factor else None
    if fields is None:
        near = closest(name, _KNOWN)
        cure = f"Did you mean '{near}'?" if near else f"Use one of: {', '.join(_KNOWN)}"
        raise UsageError(f"frequency '{name}'", "there is no such frequency", cure)
    return fields


def _fields(base: str, factor: int, anchor: str) -> dict[str, Any] | None:
    if base[:1] in _MONTHS:
        return _months(base, factor, anchor)
    if base == "W":
        return _weeks(factor, anchor)
    if anchor:
        return None
    if base in _SECONDS:
        return {"unit": "second", "step": factor * _SECONDS[base]}
    units = {"B": "business", "int": "integer"}
    return {"unit": units[base], "step": factor} if base in units else None


def _weeks(factor: int, anchor: str) -> dict[str, Any] | None:
    if anchor and anchor not in DAYS:
        return None
    day = DAYS.index(anchor) if anchor else 0
    return {"unit": "second", "step": factor * _SECONDS["W"], "phase": (day - _EPOCH_DAY) % 7 * 86400}


def _months(base: str, factor: int, anchor: str) -> dict[str, Any] | None:
    if base[1:] not in ("S", "E"):
        return None
    step = factor * _MONTHS[base[0]]
    fields = {"unit": "month", "step": step, "day": _LAST if base[1:] == "E" else 1}
    if anchor.isdigit() and base == "MS" and 1 <= int(anchor) < _LAST:
        return {**fields, "day": int(anchor)}
    if anchor and anchor not in MONTHS:
        return None
    # A quarter or year that ends is named by its last month, one that starts by its first.
    natural = MONTHS.index(anchor) if anchor else (_MONTHS[base[0]] - 1 if base[1:] == "E" else 0)
    return {**fields, "phase": natural % step}


def name_of(unit: str, step: int, phase: int, day: int) -> str:
    """The name of a frequency of these fields, see `Frequency`."""
    if unit == "integer":
        return _times(step, "int")
    if unit == "business":
        return _times(step, "B")
    if unit == "month":
        return _month_name(step, phase, day)
    base = next(base for base in ("W", "D", "h", "min", "s") if step % _SECONDS[base] == 0)
    name = _times(step // _SECONDS[base], base)
    return f"{name}-{DAYS[(phase // 86400 + _EPOCH_DAY) % 7]}" if base == "W" else name


def _month_name(step: int, phase: int, day: int) -> str:
    base = next(base for base in ("Y", "Q", "M") if step % _MONTHS[base] == 0)
    end = "E" if day == _LAST else "S"
    name = _times(step // _MONTHS[base], f"{base}{end}")
    if base == "M":
        return name if day in (1, _LAST) else f"{name}-{day}"
    usual = (_MONTHS[base] - 1 if end == "E" else 0) % step
    return name if phase == usual else f"{name}-{MONTHS[phase % 12]}"


def _times(factor: int, base: str) -> str:
    return base if factor == 1 else f"{factor}{base}"
