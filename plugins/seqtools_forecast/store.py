"""Any number of series in a folder of flat arrays, mapped into memory: only what is looked at is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.series import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]

FORMAT = 1
KINDS = ("values", "past", "future")
"""Arrays with a row for each step; those of `future` go on after the last value."""
_BLOCK = 1 << 20


class SeriesStore:
    """Series on one grid. `store[i]` is a `Series` of views; nothing is copied.

    Attributes:
        folder: where it lies.
        frequency: of the grid.
        targets, past, future, numbers, categories: names of the columns.
        id_name, time_name: names of those columns in the table, "" where it had none.
        report: what reading found, JSON-safe (see `read_series`).
        names: of the series.
        starts: position of each series' first step, `[series]`.
        lengths: steps with values, `[series]`.
        aheads: further steps whose covariates are known, `[series]`.
        offsets: row of `values` and `past` that each series begins at, `[series]`.
        future_offsets: row of `future_rows` that each begins at, `[series]`.
        values: all targets `[rows, targets]`, series after series; also `past_rows` and `future_rows`.
        static_numbers: `[series, numbers]`.
        static_codes: `[series, categories]`, each an index into `category_values`.
        category_values: of each static category its values, sorted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        told = _described(folder)
        self.frequency = Frequency.from_payload(told["frequency"])
        self.targets, self.past, self.future = (tuple(told[kind]) for kind in ("targets", "past", "future"))
        self.numbers, self.categories = tuple(told["numbers"]), tuple(told["categories"])
        self.category_values = tuple(tuple(values) for values in told["category_values"])
        self.id_name, self.time_name = str(told["id"]), str(told["time"])
        self.report: dict[str, Any] = told["report"]
        self.names: list[str] = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        index: IntArray = np.load(folder / "index.npy")
        self.starts, self.lengths, self.aheads = index[:, 0], index[:, 1], index[:, 2]
        self.offsets = _offsets(self.lengths)
        self.future_offsets = _offsets(self.lengths + self.aheads)
        rows, later = int(self.lengths.sum()), int((self.lengths + self.aheads).sum())
        self.values = _mapped(folder / "values.f64", rows, len(self.targets))
        self.past_rows = _mapped(folder / "past.f64", rows, len(self.past))
        self.future_rows = _mapped(folder / "future.f64", later, len(self.future))
        self.static_numbers: Float64 = np.load(folder / "numbers.npy")
        self.static_codes: IntArray = np.load(folder / "codes.npy")

    @classmethod
    def open(cls, folder: Path | str) -> SeriesStore:
        """A store that was written before.

        Raises:
            DataError: there is none, or not a whole one.
        """
        return cls(Path(folder))

    def __len__(self) -> int:
        """Number of series."""
        return len(self.names)

    def __getitem__(self, index: int) -> Series:
        """The series at a place."""
        index = range(len(self))[index]
        begin, length = int(self.offsets[index]), int(self.lengths[index])
        later = int(self.future_offsets[index])
        codes = self.static_codes[index].tolist()
        return Series(
            self.names[index],
            int(self.starts[index]),
            self.values[begin : begin + length],
            self.past_rows[begin : begin + length],
            self.future_rows[later : later + length + int(self.aheads[index])],
            self.static_numbers[index],
            tuple(values[code] for values, code in zip(self.category_values, codes, strict=True)),
        )

    def __iter__(self) -> Iterator[Series]:
        """All series in order."""
        return (self[index] for index in range(len(self)))

    def digest(self) -> str:
        """SHA-256 of everything that a forecast could depend on."""
        seen = hashlib.sha256()
        told = _described(self.folder)
        told.pop("report")
        seen.update(json.dumps(told, sort_keys=True).encode())
        for name in (
            "names.json",
            "index.npy",
            "numbers.npy",
            "codes.npy",
            *(f"{kind}.f64" for kind in KINDS),
        ):
            with (self.folder / name).open("rb") as stream:
                while block := stream.read(_BLOCK):
                    seen.update(block)
        return seen.hexdigest()

    def require_ahead(self, horizon: int, wanted: Iterable[int] | None = None) -> None:
        """Check that covariates known ahead cover the horizon.

        Args:
            horizon: steps that they must cover.
            wanted: places of the series to look at; None for all.

        Raises:
            DataError: they end before it, or one of them is missing.
        """
        if not self.future:
            return
        for place in range(len(self)) if wanted is None else wanted:
            series = self[place]
            rows = series.future[len(series) : len(series) + horizon]
            if len(rows) < horizon:
                cause = f"covariates known ahead cover {len(rows)} of {counted(horizon, 'step')}"
                fewer = f", or ask for a horizon of {len(rows)}" if len(rows) else ""
                raise DataError(f"series '{series.name}'", cause, _rows_wanted(self) + fewer)
            missing = np.argwhere(np.isnan(rows))
            if len(missing):
                when = self.frequency.text(np.array([series.end + missing[0, 0]]))[0]
                cause = f"covariate '{self.future[missing[0, 1]]}' is missing at {when}"
                raise DataError(f"series '{series.name}'", cause, "Fill it in, or ask for a shorter horizon")


def _rows_wanted(store: SeriesStore) -> str:
    return f"Add rows after its last value that hold {', '.join(store.future)} and no {store.targets[0]}"


def from_arrays(
    arrays: Sequence[NDArray[Any]],
    folder: Path | str,
    *,
    frequency: Frequency | str = "int",
    names: Iterable[str] | None = None,
    starts: Iterable[int] | None = None,
    targets: Sequence[str] | None = None,
    past: tuple[Sequence[str], Sequence[NDArray[Any]]] = ((), ()),
    future: tuple[Sequence[str], Sequence[NDArray[Any]]] = ((), ()),
    numbers: tuple[Sequence[str], NDArray[Any] | None] = ((), None),
    categories: Mapping[str, Sequence[str]] | None = None,
) -> SeriesStore:
    """A store of arrays at hand, each `[time]` or `[time, targets]`, NaN where a value is missing.

    Args:
        arrays: the series.
        folder: where the store shall lie; made if it is not there.
        frequency: of all of them.
        names: of the series; "0", "1", … if not given.
        starts: position of each one's first step; 0 if not given.
        targets: names of the targets; `y`, or `c1` to `cN` if not given.
        past, future: names of covariates, and of each series an array `[time (+ ahead), names]`.
        numbers: names of static numbers, and those of each series `[series, names]`.
        categories: of each static category the values of the series.
    """
    from seqtools_forecast.store_writer import StoreWriter

    made = [np.asarray(array, np.float64).reshape(len(array), -1) for array in arrays]
    width = made[0].shape[1] if made else 1
    kinds = dict(categories or {})
    writer = StoreWriter(
        Path(folder),
        targets=targets or (("y",) if width == 1 else tuple(f"c{place}" for place in range(1, width + 1))),
        past=past[0],
        future=future[0],
        numbers=numbers[0],
        categories=tuple(kinds),
    )
    told = list(names) if names is not None else [str(place) for place in range(len(made))]
    begin = list(starts) if starts is not None else [0] * len(made)
    with writer:
        for place, values in enumerate(made):
            writer.add(
                Series(
                    told[place],
                    begin[place],
                    values,
                    np.asarray(past[1][place], np.float64) if past[0] else np.zeros((len(values), 0)),
                    np.asarray(future[1][place], np.float64) if future[0] else np.zeros((len(values), 0)),
                    np.zeros(0) if numbers[1] is None else np.asarray(numbers[1][place], np.float64),
                    tuple(str(kinds[kind][place]) for kind in kinds),
                )
            )
        return writer.finish(Frequency.parse(frequency) if isinstance(frequency, str) else frequency, {})


def _described(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(folder), f"it holds no series ({error})", "Read the table again") from error
    if told.get("format") != FORMAT:
        raise DataError(str(folder), "its series were written by another version", "Read the table again")
    return told


def _offsets(lengths: IntArray) -> IntArray:
    ends = np.cumsum(lengths)
    return np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends


def _mapped(path: Path, rows: int, width: int) -> Float64:
    """A file of rows, read only; an empty file cannot be mapped."""
    if rows * width == 0:
        return np.zeros((rows, width))
    if not path.is_file() or path.stat().st_size != rows * width * 8:
        raise DataError(str(path), "it is not whole", "Read the table again")
    return np.memmap(path, np.float64, mode="r", shape=(rows, width)).view(np.ndarray)
