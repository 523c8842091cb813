"""The grid of every series, and the one that they share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seqtools.errors import DataError
from seqtools_forecast.findings import Findings
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.frequency_inference import SHORTEST_MONTH, aligned, common, fitting, grid_of
from seqtools_forecast.stamp_texts import IN_UTC

if TYPE_CHECKING:
    from seqtools_forecast.intake import Intake
    from seqtools_forecast.spooled import SpooledSeries


class Grids:
    """Finds the grids of series.

    Args:
        intake: the rows.
        spooled: the same by series.
        asked: name of the frequency that a person gave, or "".
        findings: told the frequency of each series.
        expected: grid of a model, on which series count that fit it.
        mixed: series may lie on grids that differ, or on none.

    Attributes:
        shared: by all series, or the commonest.
        differ: how series differ in frequency, "" if they do not.

    Raises:
        DataError: series are irregular, or differ in frequency and may not.
    """

    def __init__(
        self,
        intake: Intake,
        spooled: SpooledSeries,
        asked: str,
        findings: Findings,
        *,
        expected: Frequency | None = None,
        mixed: bool = False,
    ) -> None:
        self._names, self._spooled, self._findings = intake.names, spooled, findings
        self._integer, self._asked, self._mixed = intake.integer is not False, asked, mixed
        self._model, self._in_utc = expected, intake.stamps.remark == IN_UTC
        same_time = expected is not None and expected.is_integer == self._integer
        self._expected = expected if same_time else None
        self._own: list[Frequency | None] = []
        self._least, self._most = spooled.least, spooled.most
        self._known: dict[tuple[int, int], Frequency] = {}
        self._irregular: dict[int, DataError] = {}
        self.differ = ""
        self.shared = self._settled(intake.columns.time).styled(intake.stamps.style)

    def of(self, index: int) -> Frequency | None:
        """The grid that a series is to be laid on; None if it lies on none."""
        if index in self._irregular:
            return None
        return (self._own[index] if self.differ else None) or self.shared

    def start_of(self, index: int) -> int | None:
        """Position of the first row where each further row is a step on; None if one is not."""
        grid = self.of(index)
        step = self._least[index]
        if grid is None or step <= 0 or step != self._most[index] or grid.unit not in ("second", "integer"):
            return None
        return int(self._spooled.first(index) - grid.phase) // grid.step if step == grid.step else None

    def _settled(self, time: str) -> Frequency:
        asked = Frequency.parse(self._asked) if self._asked else None
        if asked is not None and asked.is_integer and not self._integer:
            cause = f"time is dated, but the frequency is {asked.name}"
            cure = "Leave --frequency away, or count the rows with --time none"
            raise DataError(f"column '{time}'", cause, cure)
        found = self._inferred()
        if found is None and self._integer:
            found = Frequency("integer")
        if asked is not None:
            return aligned(found, self._asked) if found else asked
        if found is None:
            cause = "no series has two rows, so the step between them is not known"
            cure = "Give series of two rows at the very least"
            raise next(iter(self._irregular.values()), DataError("time stamps", cause, cure))
        return found

    def _inferred(self) -> Frequency | None:
        """The grid that series share by themselves."""
        longest: dict[Frequency, tuple[str, int]] = {}
        counts: Counter[Frequency] = Counter()
        for index, name in enumerate(self._names):
            own = self._own_grid(index)
            self._own.append(own)
            if own is not None:
                self._findings.frequency(own.name)
                counts[own] += 1
                rows = self._spooled.rows_of(index)
                if own not in longest or rows > longest[own][1]:
                    longest[own] = (name, rows)
        kinds = [(*longest[own], own) for own, _ in counts.most_common()]
        if self._expected is not None and not self._asked:
            told = fitting(kinds, self._expected)
            if told is not None:
                return told
        try:
            return common(kinds, strict=not self._asked)
        except DataError as error:
            if self._model is not None:  # nothing can be asked for where a model forecasts
                cure = "Forecast series of one frequency at a time, each with its model"
                raise DataError(error.subject, error.cause, cure) from error
            if not self._mixed:
                raise
            self.differ = f"{error.subject}: {error.cause}"
            return common(kinds, strict=False)

    def _own_grid(self, index: int) -> Frequency | None:
        step = int(self._least[index])
        if 0 < step == self._most[index] and (self._integer or step < SHORTEST_MONTH):
            key = step, int(self._spooled.first(index)) % step
            if key not in self._known:
                self._known[key] = Frequency("integer" if self._integer else "second", *key)
            return self._known[key]
        try:
            return grid_of(self._spooled.stamps(index), integer=self._integer)
        except DataError as error:
            if self._asked:  # rows are put into the steps asked for
                return None
            cure = error.cure
            if self._model is not None:
                cure = "Give each step of the model a row, or none where nothing is known"
            if self._in_utc:
                cure = "Leave offsets away where steps are of local time: in UTC days move with the season"
            told = DataError(f"series '{self._names[index]}'", error.cause, cure)
            if not self._mixed:
                raise told from error
            self._irregular[index] = told
            self._findings.add("irregular", self._names[index])
            return None
