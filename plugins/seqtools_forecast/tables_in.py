"""Tables of any format, told by their first bytes: columns in chunks of rows, or whole series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

from seqtools.errors import DataError
from seqtools_forecast import delimited
from seqtools_forecast.blocks import Block, Source, text_blocks
from seqtools_forecast.cells import is_number
from seqtools_forecast.chunk import Chunk, WholeSeries
from seqtools_forecast.columns import Sample
from seqtools_forecast.stamp_texts import is_stamp

SAMPLED = 1000
"""Rows that columns are told by."""


@dataclass(frozen=True)
class Table:
    """A table of rows.

    Attributes:
        form: for people.
        sample: its beginning.
        chunks: all its rows.
    """

    form: str
    sample: Sample
    chunks: Iterator[Chunk]


@dataclass(frozen=True)
class SeriesFile:
    """A file of whole series.

    Attributes:
        form: for people.
        series: all of them.
    """

    form: str
    series: Iterator[WholeSeries]


def table_of(stream: IO[bytes], name: str, frequency: str = "", usual: str = "") -> Table | SeriesFile:
    """What a stream of bytes holds.

    Args:
        stream: perhaps a pipe.
        name: of the file, for errors.
        frequency: of the steps in records that have a start and a list of values.
        usual: that of records which say none.

    Raises:
        DataError: it is empty, or of no known format.
    """
    source = Source(stream, name)
    begin = source.beginning()
    if begin.startswith(b"PAR1"):
        from seqtools_forecast.parquet_in import parquet_table

        return parquet_table(source)
    bare = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"["):
        raise DataError(name, "it is a JSON array, not JSON Lines", "Write a record a line: jq -c '.[]' FILE")
    if bare.startswith(b"{"):
        from seqtools_forecast.records_in import records_table

        return records_table(source, frequency, usual)
    if bare.startswith((b"@", b"#")):
        from seqtools_forecast.monash_in import is_monash, monash_series

        if is_monash(bare):
            return monash_series(text_blocks(source), name, frequency, usual)
    return _delimited(text_blocks(source), name)


def _delimited(blocks: Iterator[Block], name: str) -> Table | SeriesFile:
    first = next((block for block in blocks if block.text.strip()), None)
    if first is None:
        raise DataError(name, "it is empty", "Give a table with time stamps and values")
    blocks = chain([first], blocks)
    line = next(line for line in first.text.split("\n") if line.strip())
    delimiter = delimited.delimiter_of(line)
    names = delimited.cells_of(line, delimiter)
    if _is_wide(names):
        from seqtools_forecast.wide import wide_series

        return SeriesFile("wide CSV, a series a row", wide_series(blocks, name, names, delimiter))
    header = not any(is_number(cell) or is_stamp(cell) for cell in names)
    made = names if header else _made_up(names, first, delimiter)
    _check(made, name)
    return _rows(blocks, name, made, delimiter, header=header)


def _is_wide(names: list[str]) -> bool:
    """Whether a first row is that of M4 (`V1,V2,…`), or an id and then places from 0 or 1 on."""
    rest = names[1:]
    if len(rest) < 2:
        return False
    if names == [f"V{place}" for place in range(1, len(names) + 1)]:
        return True
    counted = any(rest == [str(begin + place) for place in range(len(rest))] for begin in (0, 1))
    return counted and bool(names[0]) and not is_number(names[0])


def _made_up(cells: list[str], first: Block, delimiter: str) -> list[str]:
    """Names of columns that have none: by what their cells are."""
    numbers = sum(map(is_number, cells))
    grows = numbers > 1 and _grows(first, delimiter)
    names: list[str] = []
    values = numbers - grows
    for place, cell in enumerate(cells):
        if is_number(cell) and not (grows and place == 0):
            names.append(f"c{sum(name.startswith('c') for name in names) + 1}" if values > 1 else "y")
        elif is_number(cell) or is_stamp(cell):
            names.append("ds")
        else:
            names.append("unique_id")
    return names


def _grows(first: Block, delimiter: str) -> bool:
    """Whether the first column counts up by one."""
    lines = [line for line in first.text.split("\n")[:SAMPLED] if line.strip()]
    cells = [line.partition(delimiter)[0].strip('" ') for line in lines]
    if len(cells) < 3 or not all(re.fullmatch(r"-?\d+", cell) for cell in cells):
        return False
    begin = int(cells[0])
    return [int(cell) for cell in cells] == list(range(begin, begin + len(cells)))


def _check(names: list[str], name: str) -> None:
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    if twice:
        cause = f"two columns are named '{twice[0]}'" if twice[0] else "two columns have no name"
        raise DataError(name, cause, "Give each column a name of its own in the first row")


def _rows(blocks: Iterator[Block], name: str, names: list[str], delimiter: str, *, header: bool) -> Table:
    rows = delimited.chunks(blocks, name, names, delimiter, header=header)
    first = next(rows, None)
    if first is None:
        raise DataError(name, "it has no rows below the names of its columns", "Give a table with values")
    kinds = {"\t": "TSV", ",": "CSV"}
    form = kinds.get(delimiter, f"CSV with '{delimiter}'") + ("" if header else " without names")
    return Table(form, sample_of(first, name, header=header), chain([first], rows))


def sample_of(first: Chunk, name: str, *, header: bool = True) -> Sample:
    """What columns are told by."""
    cells = {
        column: [
            str(cell) for cell in (told if isinstance(told, list) else told[:SAMPLED].tolist())[:SAMPLED]
        ]
        for column, told in first.columns.items()
    }
    return Sample(name, tuple(first.columns), cells, header)
