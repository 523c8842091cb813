"""Rows on disk, in the order they come, then series by series: memory holds counts, not rows."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]

_ROWS = 1 << 18
"""Rows sorted at a time."""


class Spool:
    """A heap of rows, each with the number of its series, a stamp and values.

    Args:
        folder: for the files; they are gone once it is closed.
        width: values in a row.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.width = width
        self._counts: IntArray = np.zeros(0, np.int64)
        self._folder = folder
        self._kinds: dict[str, tuple[Any, int]] = {
            "codes": (np.int32, 1),
            "stamps": (np.int64, 1),
            "rows": (np.float64, width),
        }
        self._files: dict[str, IO[bytes]] = {}
        self._ordered, self._last, self._rows = True, -1, 0
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._kinds:
            self._files[name] = (folder / f"{name}.spool").open("wb")

    def close(self) -> None:
        """Remove the files."""
        for name in self._kinds:
            self._files[name].close()
            for stage in ("spool", "grouped"):
                (self._folder / f"{name}.{stage}").unlink(missing_ok=True)

    def count_of(self, codes: IntArray) -> IntArray:
        """Places that rows of these series have among those of their series, `[rows]`."""
        return _ranks(codes) + self._counted(int(codes.max()) + 1)[codes]

    def add(self, codes: IntArray, stamps: IntArray, rows: Float64) -> None:
        """Add rows: `[rows]`, `[rows]` and `[rows, width]`."""
        if not len(codes):
            return
        most = int(codes.max()) + 1
        self._counted(most)[:most] += np.bincount(codes, minlength=most)
        if self._ordered:
            self._ordered = int(codes[0]) >= self._last and not (np.diff(codes) < 0).any()
            self._last = int(codes[-1])
        self._rows += len(codes)
        for name, array in (("codes", codes), ("stamps", stamps), ("rows", rows)):
            kind = self._kinds[name][0]
            self._files[name].write(np.ascontiguousarray(array, kind).tobytes())

    def _counted(self, series: int) -> IntArray:
        """The counts, grown to so many series at least."""
        if series > len(self._counts):
            grown = np.zeros(max(series, 2 * len(self._counts)), np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown
        return self._counts

    def series(self, count: int) -> SpooledSeries:
        """All rows, series by series in the order of their numbers, rows in the order they came.

        Args:
            count: of series; the last ones may have no row.
        """
        for stream in self._files.values():
            stream.flush()
        counts = self._counted(count)[:count]
        if not self._ordered:
            self._group(counts)
        stage = "spool" if self._ordered else "grouped"
        return SpooledSeries(self._open("stamps", stage)[:, 0], self._open("rows", stage), counts)

    def _open(self, name: str, stage: str, mode: Any = "r") -> NDArray[Any]:
        kind, width = self._kinds[name]
        if not self._rows * width:
            return np.zeros((self._rows, width), kind)
        return np.memmap(self._folder / f"{name}.{stage}", kind, mode=mode, shape=(self._rows, width)).view(
            np.ndarray
        )

    def _group(self, counts: IntArray) -> None:
        """Copy the rows to where their series lie."""
        codes = self._open("codes", "spool")[:, 0]
        places = np.cumsum(counts) - counts
        pairs = [
            (self._open(name, "spool"), self._open(name, "grouped", "w+")) for name in ("stamps", "rows")
        ]
        for begin in range(0, self._rows, _ROWS):
            part = slice(begin, begin + _ROWS)
            now = codes[part].astype(np.int64)
            goals = places[now] + _ranks(now)
            for source, target in pairs:
                target[goals] = source[part]
            places += np.bincount(now, minlength=len(places))


class SpooledSeries:
    """Rows by series.

    Args:
        stamps: of all rows.
        rows: of all rows.
        counts: rows of each series.
    """

    def __init__(self, stamps: IntArray, rows: Float64, counts: IntArray) -> None:
        self._stamps, self._rows = stamps, rows
        self.ends = np.cumsum(counts)
        self._begins = self.ends - counts

    def __len__(self) -> int:
        """Number of series."""
        return len(self.ends)

    def first(self, index: int) -> int:
        """The first stamp of a series that has one."""
        return int(self._stamps[self._begins[index]])

    def rows_of(self, index: int) -> int:
        """How many rows a series has."""
        return int(self.ends[index] - self._begins[index])

    def stamps(self, index: int) -> IntArray:
        """Stamps of a series, as they came."""
        return self._stamps[self._begins[index] : self.ends[index]]

    def rows(self, index: int) -> Float64:
        """Values of a series, as they came."""
        return self._rows[self._begins[index] : self.ends[index]]

    def steps(self) -> tuple[IntArray, IntArray]:
        """The least and the greatest step between the stamps of each series, `[series]`; 0 for one stamp."""
        least, most = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        first = 0
        while first < len(self):
            start = self._begins[first]
            after = max(int(np.searchsorted(self.ends, start + _ROWS, "right")), first + 1)
            some = np.arange(first, after)
            some = some[self.ends[some] - self._begins[some] > 1]
            first = after
            if not len(some):
                continue
            steps = np.diff(self._stamps[start : self.ends[after - 1]])
            # Pairs of places: where the steps of a series begin, and where those to the next one would.
            places = np.stack([self._begins[some], self.ends[some] - 1], axis=1).ravel() - start
            places = places[: len(places) - (places[-1] == len(steps))]
            least[some] = np.minimum.reduceat(steps, places)[::2]
            most[some] = np.maximum.reduceat(steps, places)[::2]
        return least, most


def _ranks(codes: IntArray) -> IntArray:
    """Of each row how many rows of its series stand before it here."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    begins = (
        np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1)) if len(ordered) else np.zeros(0, np.int64)
    )
    lengths = np.diff(np.append(begins, len(ordered)))
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(begins, lengths)
    return ranks
