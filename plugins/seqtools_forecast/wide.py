"""Tables with a series in each row, its name first and the oldest value next: those of the M competitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast.blocks import Block
from seqtools_forecast.cells import floats
from seqtools_forecast.chunk import WholeSeries
from seqtools_forecast.delimited import cells_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def wide_series(
    blocks: Iterable[Block], name: str, names: Sequence[str], delimiter: str
) -> Iterator[WholeSeries]:
    """All series; empty cells at the end of a row only fill it up.

    Raises:
        DataError: a row has more cells than there are names, or a cell is no number.
    """
    header = True
    for block in blocks:
        for line, text in enumerate(block.text.split("\n"), block.line):
            if not text.strip():
                continue
            if header:
                header = False
                continue
            yield _series(text, f"{name}, line {line}", names, delimiter)


def _series(text: str, where: str, names: Sequence[str], delimiter: str) -> WholeSeries:
    cells = cells_of(text, delimiter) if '"' in text else text.split(delimiter)
    if len(cells) > len(names):
        cause = f"the row has {counted(len(cells), 'cell')}, the first row {len(names)}"
        raise DataError(where, cause, 'Mend the row; write "quotes" around cells that hold a delimiter')
    last = len(cells)
    while last > 1 and not cells[last - 1].strip():
        last -= 1
    return WholeSeries(cells[0].strip(), _values(cells[1:last], where, names)[:, None], where)


def _values(cells: list[str], where: str, names: Sequence[str]) -> NDArray[np.float64]:
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    told = [floats([cell], name, lambda _: where)[0] for cell, name in zip(cells, names[1:], strict=False)]
    return np.array(told, np.float64)
