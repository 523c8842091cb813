"""JSON Lines: a record a row, or a record a series as gluonts writes them (`start`, `target`, `feat_…`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast.blocks import Source, text_blocks
from seqtools_forecast.chunk import Chunk, WholeSeries
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.stamps import StampReader
from seqtools_forecast.tables_in import SeriesFile, Table, sample_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray
    from seqtools_forecast.chunk import Column

    Float64 = NDArray[np.float64]
    Record = tuple[dict[str, Any], str]

_ROWS = 8192
_NAMES = ("item_id", "unique_id", "id", "name")


def records_table(source: Source, frequency: str = "", usual: str = "") -> Table | SeriesFile:
    """A file whose records are rows, or series.

    Raises:
        DataError: a line is no JSON object (with its number).
    """
    records = _records(source)
    first = next(records, None)
    if first is None:
        raise DataError(source.name, "it is empty", "Give a table with time stamps and values")
    records = chain([first], records)
    if isinstance(first[0].get("target"), list):
        return SeriesFile("JSON Lines, a series a record", _all_series(records, frequency, usual))
    chunks = _chunks(records, tuple(first[0]))
    begin = next(chunks)
    return Table("JSON Lines", sample_of(begin, source.name), chain([begin], chunks))


def _records(source: Source) -> Iterator[Record]:
    for block in text_blocks(source):
        for line, text in enumerate(block.text.split("\n"), block.line):
            if not text.strip():
                continue
            where = f"{source.name}, line {line}"
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise DataError(where, f"it is not JSON ({error})", "Mend the line") from error
            if not isinstance(record, dict):
                cure = 'Write it like: {"unique_id": "a", "ds": "2024-01-31", "y": 1.5}'
                raise DataError(where, "it is not a JSON object", cure)
            yield record, where


def _chunks(records: Iterator[Record], names: tuple[str, ...]) -> Iterator[Chunk]:
    while several := list(islice(records, _ROWS)):
        places = [where for _, where in several]
        for record, where in several:
            if any(name not in record for name in names):
                missing = next(name for name in names if name not in record)
                raise DataError(
                    where, f"field '{missing}' is not there", "Write null where a value is missing"
                )
        columns: dict[str, Column] = {name: [_text(record[name]) for record, _ in several] for name in names}
        yield Chunk(columns, len(several), places.__getitem__)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _all_series(records: Iterator[Record], frequency: str, usual: str) -> Iterator[WholeSeries]:
    """Series of records with `target`; steps follow `start` as given, else by `freq`, else as usual."""
    reader = StampReader("start")
    for record, where in records:
        values = _rows(record.get("target"), "target", where)
        future = _features(record, ("feat_dynamic_real",), where)
        past = _features(record, ("past_feat_dynamic_real",), where)
        length = max(len(values), 0 if future is None else len(future))
        step = frequency or str(record.get("freq") or usual)
        stamps = _stamps(record, reader, step, length, where)
        yield WholeSeries(
            next((str(record[name]) for name in _NAMES if record.get(name) is not None), ""),
            values,
            where,
            stamps,
            reader.integer is not False,
            past,
            future,
            tuple(_static(record, "feat_static_real", where)),
            tuple(str(value) for value in record.get("feat_static_cat") or ()),
        )


def _rows(told: Any, name: str, where: str) -> Float64:
    """Values `[time, width]` of a list, or of a list of lists that hold a series each."""
    try:
        values = np.array([np.nan if value in (None, "NaN") else value for value in told], np.float64)
    except (TypeError, ValueError) as error:
        try:
            values = np.array(
                [[np.nan if value in (None, "NaN") else value for value in row] for row in told], np.float64
            )
        except (TypeError, ValueError):
            cause = f"its field '{name}' is no list of numbers"
            raise DataError(where, cause, "Write: [1.5, null, 2.0]") from error
    if np.isinf(values).any():
        cause = f"its field '{name}' holds an infinite number"
        raise DataError(where, cause, "Write null if the value is not known")
    return values[:, None] if values.ndim == 1 else values.T


def _features(record: dict[str, Any], names: tuple[str, ...], where: str) -> Float64 | None:
    told = next((record[name] for name in names if record.get(name)), None)
    return None if told is None else _rows(told, names[0], where)


def _static(record: dict[str, Any], name: str, where: str) -> list[float]:
    told = record.get(name)
    return _rows(told, name, where)[:, 0].tolist() if told else []


def _stamps(
    record: dict[str, Any], reader: StampReader, name: str, length: int, where: str
) -> IntArray | None:
    start = record.get("start")
    if start is None:
        return None
    begin = reader.read([str(start)], lambda _: where)
    if not name:
        if reader.integer:
            return begin + np.arange(length)
        cause = "its record has a start, but nothing says how far apart values are"
        raise DataError(where, cause, "Give --frequency (15min, h, D, …)")
    grid = Frequency.parse(name)
    if grid.is_integer or reader.integer:
        return begin + np.arange(length) * (grid.step if grid.is_integer else 1)
    return _from(begin, grid, length)


def _from(begin: IntArray, grid: Frequency, length: int) -> IntArray:
    """Stamps at each step from the first one on."""
    if grid.unit == "second":
        return begin + np.arange(length) * grid.step
    first = grid.position(begin.astype("datetime64[s]"))
    return grid.stamp(first + np.arange(length)).astype("datetime64[s]").astype(np.int64)
