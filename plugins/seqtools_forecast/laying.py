"""From spooled rows to a store: the frequency of every series, then each on the grid of all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.cells import floats
from seqtools_forecast.findings import Findings
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.frequency_inference import aligned, common, grid_of
from seqtools_forecast.intake import Intake
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.regular import Laid, laid
from seqtools_forecast.series import Series
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.store_writer import StoreWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray


class Laying:
    """Makes a store of what was taken in.

    Args:
        intake: the rows, all of them.
        data, folder, tail, mixed: see `read_series`.
    """

    def __init__(
        self, intake: Intake, data: SeriesDataConfig, folder: Path, *, tail: int = 0, mixed: bool = False
    ) -> None:
        self._intake, self._data, self._folder = intake, data, folder
        self._tail, self._mixed = tail, mixed
        self._names = intake.names
        self._spooled = intake.spool.series()
        self._findings = Findings(len(intake.columns.targets), data.duplicates)
        self._integer = intake.integer is not False
        self._kinds: dict[Frequency, list[int]] = {}
        self._own: dict[int, Frequency | None] = {}

    def store(self) -> SeriesStore:
        """Write it.

        Raises:
            DataError: series are irregular, differ in frequency, or none has a value.
        """
        grid = self._grid()
        columns = self._intake.columns
        numbers, categories = self._intake.typed_statics()
        writer = StoreWriter(
            self._folder,
            targets=columns.targets,
            past=columns.past,
            future=columns.future,
            numbers=[columns.static[place] for place in numbers],
            categories=[columns.static[place] for place in categories],
            id_name=columns.id,
            time_name=columns.time,
        )
        with writer:
            for index, name in enumerate(self._names):
                found = self._laid(index, name, self._own[index] or grid if self._mixed else grid)
                if found is not None:
                    said = self._intake.statics[index] if columns.static else ()
                    static = floats([said[place] for place in numbers], "static", lambda _: "a series")
                    writer.add(self._series(name, found, static, tuple(said[place] for place in categories)))
            report = self._findings.report(self._intake.rows)
            if not report["series"]:
                cause = f"column '{columns.targets[0]}' holds no value"
                raise DataError("series", cause, "Give series with values, or name the column with --target")
            return writer.finish(grid, report)

    def _grid(self) -> Frequency:
        """The grid of all series."""
        integer = self._integer
        asked = Frequency.parse(self._data.frequency) if self._data.frequency else None
        if asked is not None and asked.is_integer and not integer:
            cause = f"time is dated, but the frequency is {asked.name}"
            cure = "Leave --frequency away, or count the rows with --time none"
            raise DataError(f"column '{self._intake.columns.time}'", cause, cure)
        found = self._inferred(strict=asked is None and not self._mixed)
        if asked is not None:
            return (aligned(found, self._data.frequency) if found else asked).styled(
                self._intake.stamps.style
            )
        if found is None:
            cause = "no series has two rows, so the step between them is not known"
            raise DataError("time stamps", cause, "Give it with --frequency (15min, h, D, …)")
        return found.styled(self._intake.stamps.style)

    def _inferred(self, *, strict: bool) -> Frequency | None:
        """The grid that series share by themselves; each one's own is kept where they may differ."""
        longest: dict[Frequency, tuple[str, int]] = {}
        counts: Counter[Frequency] = Counter()
        for index, name in enumerate(self._names):
            stamps = self._spooled.stamps(index) if index < len(self._spooled) else np.zeros(0, np.int64)
            own = self._own[index] = self._own_grid(name, stamps, strict=strict)
            if own is None:
                continue
            self._findings.frequency(own.name)
            counts[own] += 1
            if own not in longest or len(stamps) > longest[own][1]:
                longest[own] = (name, len(stamps))
        kinds = [(*longest[own], own) for own, _ in counts.most_common()]
        return common(kinds, strict=strict)

    def _own_grid(self, name: str, stamps: IntArray, *, strict: bool) -> Frequency | None:
        try:
            return grid_of(stamps, integer=self._integer)
        except DataError as error:
            if strict:
                raise DataError(f"series '{name}'", error.cause, error.cure) from error
            if self._mixed:
                self._findings.add("irregular", name)
            return None

    def _laid(self, index: int, name: str, grid: Frequency) -> Laid | None:
        """A series on its grid, looked at; None if it has no value."""
        if index >= len(self._spooled):
            self._findings.add("dropped", name)
            return None
        columns, stamps = self._intake.columns, self._spooled.stamps(index)
        places = grid.position(stamps if self._integer else stamps.astype("datetime64[s]"))
        found = laid(
            name,
            places,
            self._spooled.rows(index),
            len(columns.targets),
            len(columns.future),
            self._data.duplicates,
        )
        if found is None:
            self._findings.add("dropped", name)
        else:
            self._findings.series(name, found)
        return found

    def _series(
        self, name: str, found: Laid, numbers: NDArray[np.float64], categories: tuple[str, ...]
    ) -> Series:
        """The last steps of a series, or all."""
        columns = self._intake.columns
        skip = max(found.length - self._tail, 0) if self._tail else 0
        targets, past = len(columns.targets), len(columns.past)
        rows = found.rows[skip:]
        length = found.length - skip
        return Series(
            name,
            found.start + skip,
            rows[:length, :targets],
            rows[:length, targets : targets + past],
            rows[:, targets + past :],
            numbers,
            categories,
        )

    def lines(self, store: SeriesStore) -> list[str]:
        """What a person should know of the store."""
        lengths = store.report["lengths"]
        span = f"{lengths['min']:,}" + (f" to {lengths['max']:,}" if lengths["max"] > lengths["min"] else "")
        step = f"counted ({store.frequency.kind})" if store.frequency.is_integer else store.frequency.name
        told = f"{len(store):,} series of {span} steps, frequency {step}"
        return [told, *self._findings.lines()]
