"""Writing a store, series after series; it counts once `store.json` is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.series import Series
from seqtools_forecast.store import FORMAT, KINDS, SeriesStore


class StoreWriter:
    """Adds series to a new store; memory grows with their number only.

    Args:
        folder: made if it is not there; a store in it is replaced.
        targets, past, future, numbers, categories: names of the columns.
        id_name, time_name: names of those columns in the table.
    """

    def __init__(
        self,
        folder: Path,
        *,
        targets: Sequence[str],
        past: Sequence[str] = (),
        future: Sequence[str] = (),
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        id_name: str = "",
        time_name: str = "",
    ) -> None:
        self._folder = folder
        self._columns = {"targets": targets, "past": past, "future": future, "numbers": numbers}
        self._categories = tuple(categories)
        self._id_name, self._time_name = id_name, time_name
        self._names: list[str] = []
        self._index: list[tuple[int, int, int]] = []
        self._numbers: list[list[float]] = []
        self._said: list[tuple[str, ...]] = []
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> StoreWriter:
        """Open the files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "store.json").unlink(missing_ok=True)
        for kind in KINDS:
            self._files[kind] = self._stack.enter_context((self._folder / f"{kind}.f64").open("wb"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        self._stack.close()

    def add(self, series: Series) -> None:
        """Add one."""
        self._names.append(series.name)
        self._index.append((series.start, len(series), max(series.ahead, 0)))
        self._numbers.append(series.numbers.tolist())
        self._said.append(series.categories)
        for kind, rows in zip(KINDS, (series.values, series.past, series.future), strict=True):
            for part in pieces.slices(len(rows) if rows.size else 0):
                self._files[kind].write(np.ascontiguousarray(rows[part], np.float64).tobytes())

    def finish(self, frequency: Frequency, report: Mapping[str, Any]) -> SeriesStore:
        """Write what was counted, and open the store."""
        self._stack.close()
        count = len(self._names)
        values = [sorted({said[place] for said in self._said}) for place in range(len(self._categories))]
        codes = np.zeros((count, len(values)), np.int64)
        for place, known in enumerate(values):
            code = {value: index for index, value in enumerate(known)}
            codes[:, place] = [code[said[place]] for said in self._said]
        numbers = np.array(self._numbers, np.float64).reshape(count, len(self._columns["numbers"]))
        np.save(self._folder / "index.npy", np.array(self._index, np.int64).reshape(count, 3))
        np.save(self._folder / "numbers.npy", numbers)
        np.save(self._folder / "codes.npy", codes)
        self._write("names.json", self._names)
        told = {name: list(columns) for name, columns in self._columns.items()}
        self._write(
            "store.json",
            {
                "format": FORMAT,
                "frequency": frequency.payload(),
                **told,
                "categories": list(self._categories),
                "category_values": values,
                "id": self._id_name,
                "time": self._time_name,
                "report": dict(report),
            },
        )
        return SeriesStore.open(self._folder)

    def _write(self, name: str, content: Any) -> None:
        partial = self._folder / f"{name}.partial"
        partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        partial.replace(self._folder / name)
