"""Cells of CSV and TSV files, column by column, as quickly as Python splits text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast.blocks import LONGEST, Block
from seqtools_forecast.chunk import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

DELIMITERS = (",", ";", "\t", "|")


def delimiter_of(line: str) -> str:
    """What stands between the cells, by a line of the file; a comma if it has one cell."""
    bare = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line, without the blanks around them."""
    rows = list(csv.reader([line], delimiter=delimiter))
    return [cell.strip() for cell in rows[0]] if rows else []


def chunks(
    blocks: Iterable[Block], name: str, names: Sequence[str], delimiter: str, *, header: bool
) -> Iterator[Chunk]:
    """Rows in chunks of about a megabyte; blank lines are left out.

    Args:
        blocks: of the file.
        name: of the file, for errors.
        names: of the columns.
        delimiter: between cells.
        header: the first line holds names, not a row.

    Raises:
        DataError: a row has another number of cells, or its quotes are wrong; with its line.
    """
    for block in blocks:
        text, line = block
        if header:
            text, line, header = _without_header(text, line)
        if not text:
            continue
        columns = _quick(text, len(names), delimiter)
        if columns is not None:
            yield _chunk(names, columns, name, line, None)
            continue
        kept, lines = _careful(text, line, name, len(names), delimiter)
        if kept:
            # Transposed at once; the rows are lists of equal length here.
            yield _chunk(names, [list(column) for column in zip(*kept, strict=True)], name, line, lines)


def _without_header(text: str, line: int) -> tuple[str, int, bool]:
    """The text after its first line that is not blank."""
    while text:
        first, _, text = text.partition("\n")
        line += 1
        if first.strip():
            return text, line, False
    return text, line, True


def _chunk(
    names: Sequence[str], columns: Sequence[list[str]], name: str, first: int, lines: list[int] | None
) -> Chunk:
    def where(row: int) -> str:
        return f"{name}, line {first + row if lines is None else lines[row]}"

    return Chunk(dict(zip(names, columns, strict=True)), len(columns[0]), where)


def _quick(text: str, width: int, delimiter: str) -> list[list[str]] | None:
    """All cells by splitting; None if rows are ragged or blank, or quotes hold delimiters or quotes."""
    text = text.removesuffix("\n")
    data = np.frombuffer(text.encode(), np.uint8)
    ends = np.flatnonzero(data == 10)
    marks = np.flatnonzero(data == ord(delimiter))
    if len(marks) != (width - 1) * (len(ends) + 1):
        return None
    inside = np.searchsorted(marks, ends)
    if (inside != (width - 1) * np.arange(1, len(ends) + 1)).any():
        return None
    if width == 1 and ("\n\n" in text or text.startswith("\n") or text.endswith("\n")):
        return None
    if '"' in text:
        if '""' in text or not _around_cells(data, marks, ends):
            return None
        text = text.replace('"', "")
    cells = text.replace("\n", delimiter).split(delimiter)
    return [cells[place::width] for place in range(width)]


def _around_cells(data: NDArray[np.uint8], marks: IntArray, ends: IntArray) -> bool:
    """Whether all quotes stand around whole cells that hold no delimiter."""
    quotes = np.flatnonzero(data == 34)
    if len(quotes) % 2:
        return False
    edges = np.concatenate([[-1, len(data)], marks, ends])
    opens, closes = quotes[::2], quotes[1::2]
    whole = np.isin(opens - 1, edges).all() and np.isin(closes + 1, edges).all()
    inside = np.searchsorted(edges := np.sort(edges), opens) == np.searchsorted(edges, closes)
    return bool(whole and inside.all())


def _careful(
    text: str, line: int, name: str, width: int, delimiter: str
) -> tuple[list[list[str]], list[int]]:
    """Rows that are not blank, with the lines they begin at."""
    limit = csv.field_size_limit(LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=delimiter != "\t")
    kept: list[list[str]] = []
    lines: list[int] = []
    begin = line
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != width:
                    raise _ragged(f"{name}, line {begin}", len(cells), width)
                kept.append(cells)
                lines.append(begin)
            begin = line + reader.line_num
    except csv.Error as error:
        cure = 'Write quotes within a quoted cell twice: "a ""b"""'
        raise DataError(f"{name}, line {begin}", f"the row is malformed ({error})", cure) from error
    finally:
        csv.field_size_limit(limit)
    return kept, lines


def _ragged(where: str, cells: int, width: int) -> DataError:
    cause = f"the row has {counted(cells, 'cell')}, the first row {width}"
    return DataError(where, cause, 'Mend the row; write "quotes" around cells that hold a delimiter')
