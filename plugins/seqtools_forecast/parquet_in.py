"""Parquet tables, a row group's batch at a time; pyarrow is imported here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools.plugin import missing_extra
from seqtools_forecast.blocks import Source
from seqtools_forecast.chunk import Chunk
from seqtools_forecast.tables_in import Table, sample_of

if TYPE_CHECKING:
    from seqtools_forecast.chunk import Column

_ROWS = 1 << 16
_BUFFER = 1 << 20
"""Bytes of a column that are held; else a whole row group would be."""


def pyarrow(subject: str) -> Any:
    """The package.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        missing = missing_extra(error, subject)
        raise (missing or error) from error
    return pyarrow


def parquet_table(source: Source) -> Table:
    """A table of a stream; a pipe is copied to disk, since Parquet begins with its end.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        DataError: the file is broken, or has no rows.
    """
    arrow = pyarrow(source.name)
    chunks = _chunks(source, arrow)
    first = next(chunks, None)
    if first is None:
        raise DataError(source.name, "it has no rows", "Give a table with values")

    def every() -> Iterator[Chunk]:
        yield first
        yield from chunks

    return Table("Parquet", sample_of(first, source.name), every())


def _chunks(source: Source, arrow: Any) -> Iterator[Chunk]:
    with source.seekable() as stream:
        try:
            with arrow.parquet.ParquetFile(stream, buffer_size=_BUFFER) as file:
                yield from _batches(file, source.name, arrow)
        except (arrow.ArrowException, OSError) as error:
            raise DataError(source.name, f"it is broken ({error})", "Is the file whole?") from error


def _batches(file: Any, name: str, arrow: Any) -> Iterator[Chunk]:
    done = 0
    for batch in file.iter_batches(_ROWS):
        if batch.num_rows:
            columns = {
                column: _column(values, arrow)
                for column, values in zip(batch.schema.names, batch.columns, strict=True)
            }
            yield Chunk(columns, batch.num_rows, _where(name, done))
            done += batch.num_rows


def _where(name: str, done: int) -> Any:
    return lambda row: f"{name}, row {done + row + 1}"


def _column(values: Any, arrow: Any) -> Column:
    """Cells as an array where the type says what they are, else as text."""
    kind = values.type
    if arrow.types.is_dictionary(kind):
        values, kind = values.dictionary_decode(), kind.value_type
    if arrow.types.is_timestamp(kind) or arrow.types.is_date(kind):
        unit = kind.unit if arrow.types.is_timestamp(kind) else "ms"
        plain = values.cast(arrow.timestamp(unit))
        column: Column = plain.to_numpy(zero_copy_only=False).astype(f"datetime64[{unit}]")
        return column
    if arrow.types.is_integer(kind) and not values.null_count:
        return np.asarray(values.to_numpy(zero_copy_only=False))
    if arrow.types.is_integer(kind) or arrow.types.is_floating(kind) or arrow.types.is_boolean(kind):
        return np.asarray(values.cast(arrow.float64()).to_numpy(zero_copy_only=False))
    return ["" if cell is None else str(cell) for cell in values.to_pylist()]
