"""Rows of CSV and TSV files with the line each begins at; what does not fit is told with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from seqtools.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
# A text of some hundred megabytes is one cell; csv's own limit is 128 kB.
_LONGEST = 1 << 30


class TableRow(NamedTuple):
    """The cells of a row, and the line it begins at, from 1."""

    cells: list[str]
    line: int


def read_table(lines: Iterable[str], name: str, delimiter: str) -> list[TableRow]:
    """All rows that are not blank.

    Tab-separated files have a row a line, and a quote means a quote, unless it surrounds a cell. Others
    have quotes around cells that hold delimiters or line ends.

    Args:
        lines: of the file, without their ends.
        name: of the file, for errors.
        delimiter: between cells.

    Raises:
        DataError: a quote is left open or stands inside a cell, or a row has another number of cells than
            the first one.
    """
    rows = list(_tabbed(lines) if delimiter == "\t" else _quoted(lines, name, delimiter))
    for row in rows:
        if len(row.cells) != len(rows[0].cells):
            cause = f"the row has {len(row.cells)} columns, the first row {len(rows[0].cells)}"
            cure = 'Write "quotes" around cells that hold a delimiter or a line end'
            cure = "Write a blank instead of tabs within a text" if delimiter == "\t" else cure
            raise DataError(f"{name}, line {row.line}", cause, cure)
    return rows


def delimiter_of(line: str) -> str:
    """What stands between the cells of a CSV file, by its first line."""
    counts = dict.fromkeys(DELIMITERS, 0)
    inside = False
    for character in line:
        inside ^= character == '"'
        if not inside and character in counts:
            counts[character] += 1
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _tabbed(lines: Iterable[str]) -> Iterator[TableRow]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield TableRow([_bare(cell) for cell in line.split("\t")], number)


def _bare(cell: str) -> str:
    """A cell without quotes around it that were written for the sake of quotes within it."""
    inner = cell[1:-1]
    written = cell[:1] == cell[-1:] == '"' and '""' in inner and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if written else cell


def _quoted(lines: Iterable[str], name: str, delimiter: str) -> Iterator[TableRow]:
    """Rows of a CSV file, all at once, since the limit of csv is one for the whole process."""
    limit = csv.field_size_limit(_LONGEST)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    begin = 1
    try:
        rows = []
        for cells in reader:
            if cells and any(cell.strip() for cell in cells):
                rows.append(TableRow(cells, begin))
            begin = reader.line_num + 1
    except csv.Error as error:
        cause = f"the row is malformed ({error})"
        cure = 'Write quotes within a quoted cell twice: "He said ""no"""'
        raise DataError(f"{name}, line {begin}", cause, cure) from error
    finally:
        csv.field_size_limit(limit)
    return iter(rows)
