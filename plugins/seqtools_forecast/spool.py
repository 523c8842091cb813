"""Rows on disk, in the order they come, then series by series: memory holds counts, not rows."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.counting import Counts, ranks
from seqtools_forecast.spooled import SpooledSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]


class Spool:
    """A heap of rows, each with the number of its series, a stamp and values.

    Args:
        folder: made for the files; gone once it is closed.
        width: values in a row.

    Attributes:
        rows: that lie there.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.folder, self.width, self.rows = folder, width, 0
        self._counts = Counts()
        self._kinds: dict[str, tuple[Any, int]] = {
            "codes": (np.int32, 1),
            "stamps": (np.int64, 1),
            "rows": (np.float64, width),
        }
        self._files: dict[str, IO[bytes]] = {}
        self._ordered, self._last = True, -1
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._kinds:
            self._files[name] = (folder / f"{name}.spool").open("wb")

    def close(self) -> None:
        """Remove the folder."""
        for name in self._kinds:
            self._files[name].close()
            for stage in ("spool", "grouped"):
                (self.folder / f"{name}.{stage}").unlink(missing_ok=True)
        self.folder.rmdir()

    def add(self, codes: IntArray, stamps: IntArray, rows: Float64) -> None:
        """Add rows: `[rows]`, `[rows]` and `[rows, width]`."""
        if not len(codes):
            return
        self._counts.add(codes)
        if self._ordered:
            self._ordered = int(codes[0]) >= self._last and not (np.diff(codes) < 0).any()
            self._last = int(codes[-1])
        self.rows += len(codes)
        for name, array in (("codes", codes), ("stamps", stamps), ("rows", rows)):
            kind = self._kinds[name][0]
            self._files[name].write(np.ascontiguousarray(array, kind).tobytes())

    def series(self, count: int) -> SpooledSeries:
        """All rows, series by series in the order of their numbers, rows in the order they came.

        Args:
            count: of series; the last ones may have no row.
        """
        for stream in self._files.values():
            stream.flush()
        counts = self._counts.first(count)
        if not self._ordered:
            self._group(counts)
        stage = "spool" if self._ordered else "grouped"
        stamps, rows = self._open("stamps", stage, "r+")[:, 0], self._open("rows", stage, "r+")
        return SpooledSeries(stamps, rows, counts, self.folder)

    def _open(self, name: str, stage: str, mode: Any = "r") -> NDArray[Any]:
        kind, width = self._kinds[name]
        if not self.rows * width:
            return np.zeros((self.rows, width), kind)
        return np.memmap(self.folder / f"{name}.{stage}", kind, mode=mode, shape=(self.rows, width)).view(
            np.ndarray
        )

    def _group(self, counts: IntArray) -> None:
        """Copy the rows to where their series lie."""
        codes = self._open("codes", "spool")[:, 0]
        places = np.cumsum(counts) - counts
        pairs = [
            (self._open(name, "spool"), self._open(name, "grouped", "w+")) for name in ("stamps", "rows")
        ]
        for part in pieces.slices(self.rows):
            now = codes[part].astype(np.int64)
            goals = places[now] + ranks(now)
            for source, target in pairs:
                target[goals] = source[part]
            places += np.bincount(now, minlength=len(places))
