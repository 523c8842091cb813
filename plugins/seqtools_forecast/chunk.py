"""What readers hand on: rows of a table column by column, or whole series; and where they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]
    Column = list[str] | NDArray[Any]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table.

    Attributes:
        columns: of each name its cells: text, or an array of what the file says by itself.
        rows: number of rows.
        where: file and line (or row) of the row at a place, for errors.
    """

    columns: dict[str, Column]
    rows: int
    where: Callable[[int], str]


@dataclass(frozen=True)
class WholeSeries:
    """A series as its file has it.

    Attributes:
        name: of it, or "" if it has none.
        stamps: seconds since 1970 or integers `[time]`; None counts them.
        integer: time is counted.
        values: `[time, targets]`.
        where: its place in the file.
        future: `[time + ahead, future]`.
        past: `[time, past]`.
        numbers: static numbers.
        categories: static categories.
    """

    name: str
    values: Float64
    where: str
    stamps: IntArray | None = None
    integer: bool = True
    past: Float64 | None = None
    future: Float64 | None = None
    numbers: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
