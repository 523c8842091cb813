"""The step between the rows of a series: stamps to whole positions and back, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast import frequency_names, seasonality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

DAY = 86400
MONTH_END = 31
"""Day of a month's stamps that stand at its end."""
_LENGTHS = {"YYYY": 4, "YYYY-MM": 7, "YYYY-MM-DD": 10, "YYYY-MM-DD hh": 13, "YYYY-MM-DD hh:mm": 16}


@dataclass(frozen=True)
class Frequency:
    """A regular grid of stamps. Position 0 is the step that holds 1970-01-01, or the integer 0.

    Attributes:
        unit: second, business (days from Monday to Friday), month or integer.
        step: how many of them lie between two rows.
        phase: where in the step the grid lies: seconds, months or integers.
        day: of months, the day that stamps name; 31 is the last one.
        clock: of months and business days, the seconds after midnight that stamps name.
        style: how stamps are written, as in `YYYY-MM-DD hh:mm:ss`; "" is the shortest that says it all.
        like: of counted time, the frequency that a step stands for, which gives it its seasons.
    """

    unit: str
    step: int = 1
    phase: int = 0
    day: int = 1
    clock: int = 0
    style: str = ""
    like: str = ""

    @classmethod
    def parse(cls, name: str) -> Frequency:
        """From a name like `15min`, `h`, `D`, `B`, `W-MON`, `MS`, `QS`, `YE` or `int`.

        Raises:
            UsageError: there is no such frequency.
        """
        return cls(**frequency_names.parsed(name))

    @classmethod
    def infer(cls, stamps: NDArray[Any]) -> Frequency | None:
        """The grid that stamps lie on: datetime64[s] or int64, in any order; None for fewer than two.

        Raises:
            DataError: they lie on none.
        """
        from seqtools_forecast.frequency_inference import inferred

        return inferred(stamps)

    @property
    def name(self) -> str:
        """As people write it; `parse` reads it. The hour of a daily stamp and the like are not in it."""
        return frequency_names.name_of(self.unit, self.step, self.phase, self.day)

    @property
    def kind(self) -> str:
        """The name that settles what is usual: of counted time what a step stands for, if that is known."""
        return self.like or self.name

    @property
    def is_integer(self) -> bool:
        """Whether time is counted, not dated."""
        return self.unit == "integer"

    def position(self, stamps: NDArray[Any]) -> IntArray:
        """Steps since position 0, `[time]`; stamps between two steps belong to the earlier one.

        Args:
            stamps: datetime64[s], or int64 where time is counted.
        """
        if self.unit == "integer":
            return (np.asarray(stamps, np.int64) - self.phase) // self.step
        if self.unit == "month":
            months = stamps.astype("datetime64[M]").astype(np.int64)
            return (months - self.phase) // self.step
        seconds = stamps.astype("datetime64[s]").astype(np.int64)
        if self.unit == "business":
            return _business_of(seconds // DAY) // self.step
        return (seconds - self.phase) // self.step

    def stamp(self, positions: NDArray[Any]) -> NDArray[Any]:
        """Stamps of positions: datetime64[s], or int64 where time is counted."""
        positions = np.asarray(positions, np.int64)
        if self.unit == "integer":
            return positions * self.step + self.phase
        if self.unit == "month":
            return self._month_stamp(positions * self.step + self.phase)
        if self.unit == "business":
            seconds = _day_of(positions * self.step) * DAY + self.clock
        else:
            seconds = positions * self.step + self.phase
        return seconds.astype("datetime64[s]")

    def _month_stamp(self, months: IntArray) -> NDArray[Any]:
        first = months.astype("datetime64[M]").astype("datetime64[D]")
        last = (months + 1).astype("datetime64[M]").astype("datetime64[D]") - np.timedelta64(1, "D")
        days = np.minimum(first + np.timedelta64(self.day - 1, "D"), last)
        return days.astype("datetime64[s]") + np.timedelta64(self.clock, "s")

    def text(self, positions: NDArray[Any]) -> list[str]:
        """Stamps of positions as the input writes them."""
        stamps = self.stamp(positions)
        if self.unit == "integer":
            return [str(value) for value in stamps.tolist()]
        style = self.style or self._shortest()
        base, suffix = style.removesuffix("Z"), "Z" if style.endswith("Z") else ""
        length = _LENGTHS.get(base.replace("T", " "), 19)
        texts = [text[:length] + suffix for text in np.datetime_as_string(stamps, unit="s").tolist()]
        return texts if "T" in base else [text.replace("T", " ") for text in texts]

    def _shortest(self) -> str:
        """The style that drops no part of a stamp."""
        clock = self.phase if self.unit == "second" else self.clock
        whole_days = clock % DAY == 0 and (self.unit != "second" or self.step % DAY == 0)
        return "YYYY-MM-DD" if whole_days else "YYYY-MM-DD hh:mm:ss"

    def styled(self, style: str) -> Frequency:
        """The same, written so, unless that would drop a part of its stamps."""
        length = len(style.removesuffix("Z"))
        kept = length >= len(self._shortest()) or (length >= 4 and self._whole_at(length))
        return replace(self, style=style if kept else "")

    def _whole_at(self, length: int) -> bool:
        """Whether stamps can be cut to so many characters."""
        if self.unit == "second":
            finest = {16: 60, 13: 3600}.get(length, 0)
            return bool(finest) and self.step % finest == 0 and self.phase % finest == 0
        if self.clock % DAY:
            return False
        yearly = self.step % 12 == 0 and self.phase % 12 == 0
        return self.unit == "month" and self.day == 1 and (length >= 7 or yearly)

    def seasons(self, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Lengths of the usual seasons in steps, the main one first.

        Args:
            default: for counted time of which nothing is known.
        """
        if self.unit == "integer":
            return Frequency.parse(self.like).seasons() if self.like else default
        return seasonality.seasons(self.unit, self.step)

    @property
    def periods(self) -> tuple[tuple[int, int], ...]:
        """Calendar periods in steps, each a ratio `(steps, per)`, the shortest first."""
        return seasonality.periods(self.unit, self.step)

    def payload(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**asdict(self), "name": self.name}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Frequency:
        """Rebuild from `payload`."""
        return cls(**{key: value for key, value in payload.items() if key != "name"})


# 1970-01-01 was a Thursday: three days after the Monday that weeks are counted from.
_THURSDAY = 3


def _business_of(days: IntArray) -> IntArray:
    """Business days since 1970-01-01; a weekend belongs to the Friday before."""
    weeks, weekday = np.divmod(days + _THURSDAY, 7)
    return weeks * 5 + np.minimum(weekday, 4) - _THURSDAY


def _day_of(business: IntArray) -> IntArray:
    """Days since 1970-01-01 of business days."""
    weeks, weekday = np.divmod(business + _THURSDAY, 5)
    return weeks * 7 + weekday - _THURSDAY
