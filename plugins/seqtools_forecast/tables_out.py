"""Tables of results: CSV, JSON Lines or Parquet, batch by batch, in a file that is there once it is whole."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

from seqtools.errors import UsageError
from seqtools.writing import whole_file, writer

KINDS = ("csv", "jsonl", "parquet")
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}

Batch = Sequence[Sequence[Any]]
"""Columns of equal length: lists or arrays of numbers, text, None."""


def kind_of(path: str | None, kind: str = "") -> str:
    """The kind asked for, else that of the file's ending, else CSV.

    Raises:
        UsageError: Parquet for stdout.
    """
    told = kind or _ENDINGS.get(Path(path or "").suffix.lower(), "csv")
    if told == "parquet" and path in (None, "-"):
        raise UsageError("--format", "Parquet does not go to stdout", "Name a file with -o FILE.parquet")
    return told


def write_rows(path: str | None, kind: str, columns: Sequence[str], batches: Iterable[Batch]) -> int:
    """Write a table; how many rows it has.

    Args:
        path: of the file, which has its name once it is complete; None and `-` are stdout.
        kind: csv, jsonl or parquet.
        columns: their names.
        batches: of rows, each as columns. NaN and None are written as missing.

    Raises:
        MissingDependencyError: Parquet, and pyarrow is not installed.
        UsageError: Parquet for stdout.
    """
    kind = kind_of(path, kind)
    rows = 0
    with ExitStack() as stack:
        face: _Face
        if kind == "parquet":
            face = _Parquet(str(path), columns, stack)
        else:
            say = writer(path, stack)
            face = _Csv(say, columns) if kind == "csv" else _JsonLines(say, columns)
        for batch in batches:
            face.write([_plain(column) for column in batch])
            rows += len(batch[0])
        face.close()
    return rows


class _Face(Protocol):
    """One way to write."""

    def write(self, batch: list[list[Any]]) -> None:
        """Columns of plain values."""

    def close(self) -> None:
        """Nothing follows."""


def _plain(column: Sequence[Any]) -> list[Any]:
    """Python's own values, None for what is missing."""
    listed = column.tolist() if hasattr(column, "tolist") else list(column)
    return [None if isinstance(value, float) and math.isnan(value) else value for value in listed]


class _Csv:
    """Rows with commas; numbers as short as they can be read back."""

    def __init__(self, say: Any, columns: Sequence[str]) -> None:
        self._say = say
        self._write([columns])

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._say(text.getvalue())

    def write(self, batch: list[list[Any]]) -> None:
        """Columns of plain values."""
        self._write(zip(*batch, strict=True))

    def close(self) -> None:
        """Nothing follows."""


class _JsonLines:
    """A record a row."""

    def __init__(self, say: Any, columns: Sequence[str]) -> None:
        self._say, self._columns = say, columns

    def write(self, batch: list[list[Any]]) -> None:
        """Columns of plain values."""
        self._say(
            "".join(
                json.dumps(dict(zip(self._columns, row, strict=True)), ensure_ascii=False) + "\n"
                for row in zip(*batch, strict=True)
            )
        )

    def close(self) -> None:
        """Nothing follows."""


class _Parquet:
    """A row group a batch."""

    def __init__(self, path: str, columns: Sequence[str], stack: ExitStack) -> None:
        from seqtools_forecast.parquet_in import pyarrow

        self._arrow = pyarrow(path)
        self._columns, self._stack = columns, stack
        self._stream: IO[bytes] = stack.enter_context(whole_file(Path(path)))
        self._writer: Any = None

    def write(self, batch: list[list[Any]]) -> None:
        """Columns of plain values."""
        arrays = [self._arrow.array(column) for column in batch]
        if self._writer is None:
            fields = [
                (name, array.type if array.type != self._arrow.null() else self._arrow.float64())
                for name, array in zip(self._columns, arrays, strict=True)
            ]
            self._open(self._arrow.schema(fields))
        cast = [array.cast(field.type) for array, field in zip(arrays, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(cast, schema=self._schema))

    def _open(self, schema: Any) -> None:
        self._schema = schema
        writer = self._arrow.parquet.ParquetWriter(self._stream, schema)
        self._writer = self._stack.enter_context(writer)

    def close(self) -> None:
        """Write the end; a table without rows has columns of text."""
        if self._writer is None:
            self._open(self._arrow.schema([(name, self._arrow.string()) for name in self._columns]))
        self._writer.close()
