"""From spooled rows to a store: each series laid on its grid, cut to what is wanted, and written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast import pieces
from seqtools_forecast.cells import floats
from seqtools_forecast.findings import Findings
from seqtools_forecast.grids import Grids
from seqtools_forecast.intake import Intake
from seqtools_forecast.known import NOTHING, Known
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.regular import Laid, consecutive, laid
from seqtools_forecast.regular_long import Rows, laid_long
from seqtools_forecast.series import Series
from seqtools_forecast.sorting import ordered
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.store_writer import StoreWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools_forecast.frequency import Frequency

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
        self._spooled = intake.spool.series(len(intake.names), counted=intake.integer is not False)
        self._findings = Findings(len(intake.columns.targets), data.duplicates, cut=intake.spool.pruned)
        self._scratch = folder / "long.grid"
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
        with writer, closing(self):
            for index, name in enumerate(intake.names):
                found = self._laid(index, name)
                if found is not None:
                    writer.add(self._series(name, found, intake.statics[index]))
            found_out = {"mixed": self._grids.differ, "stamps": intake.stamps.remark}
            report = {**self._findings.report(intake.rows), **found_out}
            if not report["series"]:
                cause = f"column '{columns.targets[0]}' holds no value"
                raise DataError("series", cause, "Give series with values, or name the column with --target")
            return writer.finish(self._grids.shared, report)

    def close(self) -> None:
        """Remove the grid of a long series."""
        self._scratch.unlink(missing_ok=True)

    def _laid(self, index: int, name: str) -> Laid | None:
        """A series on its grid, looked at; None if it has no value, or no grid."""
        grid = self._grids.of(index)
        if grid is None:
            return None
        found = self._on(grid, index, name)
        if found is None:
            self._findings.add("dropped", name)
            return None
        if index in self._spooled.resorted or index in self._intake.spool.unsorted:
            found = replace(found, unsorted=True)
        self._findings.series(name, found)
        return found

    def _on(self, grid: Frequency, index: int, name: str) -> Laid | None:
        """A series on a grid; None if it has no value."""
        columns, rows, stamps = self._intake.columns, self._spooled.rows(index), self._spooled.stamps(index)
        widths = len(columns.targets), len(columns.future)
        start = self._grids.start_of(index)
        if start is not None:
            return consecutive(start, rows, *widths)
        if pieces.is_long(len(stamps)):
            return laid_long(name, grid, Rows(stamps, rows, *widths, self._duplicates), self._scratch)
        unsorted = self._spooled.least[index] < 0
        if unsorted:
            stamps, rows = ordered(stamps, rows)
        places = grid.position(stamps if grid.is_integer else stamps.astype("datetime64[s]"))
        found = laid(name, places, rows, *widths, self._duplicates)
        return replace(found, unsorted=True) if found and unsorted else found

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
            np.concatenate([self._number(place, said[place], name) for place in numbers])
            if numbers
            else _NOTHING,
            tuple(said[place] for place in self._categories),
        )

    def _number(self, place: int, cell: str, name: str) -> NDArray[np.float64]:
        """What a static column says of a series, `[1]`."""
        return floats([cell], self._intake.columns.static[place], lambda _: f"series '{name}'")

    def lines(self, store: SeriesStore) -> list[str]:
        """What a person should know of the store."""
        lengths, grid = store.report["lengths"], store.frequency
        span = f"{lengths['min']:,}" + (f" to {lengths['max']:,}" if lengths["max"] > lengths["min"] else "")
        span += " step" + "s" * (lengths["max"] != 1)
        step = "counted" + f" ({grid.like})" * bool(grid.like) if grid.is_integer else grid.name
        first = f"{len(store):,} series of {span}, frequency {step}"
        if self._intake.spool.pruned:
            first += f"; kept of {counted(self._intake.rows, 'row')}, as a forecast needs no more"
        return [first, *self._findings.lines()]
