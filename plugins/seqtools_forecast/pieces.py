"""Long arrays a piece at a time: what lies in a mapped file stays there, memory holds a piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 1 << 18
"""Rows of a piece; a series of more of them is long."""


def is_long(rows: int) -> bool:
    """Whether so many rows are gone through in pieces."""
    return rows > ROWS


def slices(rows: int, *, back: bool = False) -> Iterator[slice]:
    """Pieces of so many rows, in order or from the end on."""
    begins = range(0, rows, ROWS)
    return (slice(begin, min(begin + ROWS, rows)) for begin in (reversed(begins) if back else begins))


def parts(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array piece by piece; one empty piece of an empty one."""
    return (values[part] for part in slices(len(values))) if len(values) else iter([values])


def total(values: NDArray[Any], what: Callable[[NDArray[Any]], NDArray[Any]]) -> int:
    """Of how many elements something holds."""
    return sum(int(what(values[part]).sum()) for part in slices(len(values)))


def steps(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Differences of neighbours, piece by piece."""
    for part in slices(len(values) - 1):
        yield np.diff(values[part.start : part.stop + 1])


def first_and_last(values: NDArray[Any], what: Callable[[NDArray[Any]], NDArray[Any]]) -> tuple[int, int]:
    """The first and the last row of which something holds; the last is -1 if there is none."""
    last = next((place for place in _places(values, what, -1)), -1)
    return (next(_places(values, what, 0)), last) if last >= 0 else (0, -1)


def _places(values: NDArray[Any], what: Callable[[NDArray[Any]], NDArray[Any]], which: int) -> Iterator[int]:
    """Of each piece the first or the last such row, those pieces first that lie there."""
    for part in slices(len(values), back=which < 0):
        told = np.flatnonzero(what(values[part]))
        if len(told):
            yield part.start + int(told[which])
