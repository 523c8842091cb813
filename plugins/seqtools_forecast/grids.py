"""The grid of every series, and the one that they share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seqtools.errors import DataError
from seqtools_forecast.findings import Findings
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.frequency_inference import aligned, common, grid_of

if TYPE_CHECKING:
    from seqtools.plugin import IntArray
    from seqtools_forecast.intake import Intake
    from seqtools_forecast.spool import SpooledSeries


class Grids:
    """Finds the grids of series.

    Args:
        intake: the rows.
        spooled: the same by series.
        asked: name of the frequency that a person gave, or "".
        findings: told the frequency of each series.
        mixed: series may lie on grids that differ, or on none.

    Attributes:
        shared: by all series, or the commonest.
        differ: how series differ in frequency, "" if they do not.

    Raises:
        DataError: series are irregular, or differ in frequency and may not.
    """

    def __init__(
        self, intake: Intake, spooled: SpooledSeries, asked: str, findings: Findings, *, mixed: bool
    ) -> None:
        self._names, self._spooled, self._findings = intake.names, spooled, findings
        self._integer, self._asked, self._mixed = intake.integer is not False, asked, mixed
        self._own: list[Frequency | None] = []
        self._irregular: dict[int, DataError] = {}
        self.differ = ""
        self.shared = self._settled(intake.columns.time).styled(intake.stamps.style)

    def of(self, index: int) -> Frequency | None:
        """The grid that a series is to be laid on; None if it lies on none."""
        if index in self._irregular:
            return None
        return (self._own[index] if self.differ else None) or self.shared

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
            cure = "Give it with --frequency (15min, h, D, …)"
            raise next(iter(self._irregular.values()), DataError("time stamps", cause, cure))
        return found

    def _inferred(self) -> Frequency | None:
        """The grid that series share by themselves."""
        longest: dict[Frequency, tuple[str, int]] = {}
        counts: Counter[Frequency] = Counter()
        for index, name in enumerate(self._names):
            stamps = self._spooled.stamps(index)
            own = self._own_grid(index, stamps)
            self._own.append(own)
            if own is not None:
                self._findings.frequency(own.name)
                counts[own] += 1
                if own not in longest or len(stamps) > longest[own][1]:
                    longest[own] = (name, len(stamps))
        kinds = [(*longest[own], own) for own, _ in counts.most_common()]
        try:
            return common(kinds, strict=not self._asked)
        except DataError as error:
            if not self._mixed:
                raise
            self.differ = f"{error.subject}: {error.cause}"
            return common(kinds, strict=False)

    def _own_grid(self, index: int, stamps: IntArray) -> Frequency | None:
        try:
            return grid_of(stamps, integer=self._integer)
        except DataError as error:
            if self._asked:  # rows are put into the steps asked for
                return None
            told = DataError(f"series '{self._names[index]}'", error.cause, error.cure)
            if not self._mixed:
                raise told from error
            self._irregular[index] = told
            self._findings.add("irregular", self._names[index])
            return None
