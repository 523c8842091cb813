"""From spooled rows to a store: each series laid on its grid, cut to what is wanted, and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.cells import floats
from seqtools_forecast.findings import Findings
from seqtools_forecast.grids import Grids
from seqtools_forecast.intake import Intake
from seqtools_forecast.known import NOTHING, Known
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.regular import Laid, consecutive, laid
from seqtools_forecast.series import Series
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.store_writer import StoreWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTHING = np.zeros(0)


class Laying:
    """Makes a store of what was taken in.

    Args:
        intake: the rows, all of them.
        data, folder, known, tail, mixed: see `read_series`.
    """

    def __init__(
        self,
        intake: Intake,
        data: SeriesDataConfig,
        folder: Path,
        known: Known = NOTHING,
        *,
        tail: int = 0,
        mixed: bool = False,
    ) -> None:
        self._intake, self._folder, self._tail = intake, folder, tail
        self._duplicates = data.duplicates
        self._spooled = intake.spool.series(len(intake.names))
        self._findings = Findings(len(intake.columns.targets), data.duplicates)
        self._grids = Grids(
            intake, self._spooled, data.frequency, self._findings, expected=known.frequency, mixed=mixed
        )
        self._numbers, self._categories = intake.typed_statics()

    def store(self) -> SeriesStore:
        """Write it.

        Raises:
            DataError: no series has a value.
        """
        columns, intake = self._intake.columns, self._intake
        writer = StoreWriter(
            self._folder,
            targets=columns.targets,
            past=columns.past,
            future=columns.future,
            numbers=[columns.static[place] for place in self._numbers],
            categories=[columns.static[place] for place in self._categories],
            id_name=columns.id,
            time_name=columns.time,
        )
        with writer:
            for index, name in enumerate(intake.names):
                found = self._laid(index, name)
                if found is not None:
                    writer.add(self._series(name, found, intake.statics[index]))
            report = {**self._findings.report(intake.rows), "mixed": self._grids.differ}
            if not report["series"]:
                cause = f"column '{columns.targets[0]}' holds no value"
                raise DataError("series", cause, "Give series with values, or name the column with --target")
            return writer.finish(self._grids.shared, report)

    def _laid(self, index: int, name: str) -> Laid | None:
        """A series on its grid, looked at; None if it has no value, or no grid."""
        grid = self._grids.of(index)
        if grid is None:
            return None
        columns, rows = self._intake.columns, self._spooled.rows(index)
        targets, future = len(columns.targets), len(columns.future)
        start = self._grids.start_of(index)
        if start is not None:
            found = consecutive(start, rows, targets, future)
        else:
            stamps = self._spooled.stamps(index)
            places = grid.position(stamps if grid.is_integer else stamps.astype("datetime64[s]"))
            found = laid(name, places, rows, targets, future, self._duplicates)
        if found is None:
            self._findings.add("dropped", name)
        else:
            self._findings.series(name, found)
        return found

    def _series(self, name: str, found: Laid, said: tuple[str, ...]) -> Series:
        """The last steps of a series, or all."""
        columns, numbers = self._intake.columns, self._numbers
        skip = max(found.length - self._tail, 0) if self._tail else 0
        targets, past = len(columns.targets), len(columns.past)
        rows: NDArray[np.float64] = found.rows[skip:]
        length = found.length - skip
        return Series(
            name,
            found.start + skip,
            rows[:length, :targets],
            rows[:length, targets : targets + past],
            rows[:, targets + past :],
            floats([said[place] for place in numbers], "static", lambda _: f"series '{name}'")
            if numbers
            else _NOTHING,
            tuple(said[place] for place in self._categories),
        )

    def lines(self, store: SeriesStore) -> list[str]:
        """What a person should know of the store."""
        lengths, grid = store.report["lengths"], store.frequency
        span = f"{lengths['min']:,}" + (f" to {lengths['max']:,}" if lengths["max"] > lengths["min"] else "")
        counted = "counted" + f" ({grid.like})" * bool(grid.like)
        step = counted if grid.is_integer else grid.name
        return [f"{len(store):,} series of {span} steps, frequency {step}", *self._findings.lines()]
