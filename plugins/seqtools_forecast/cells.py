"""Numbers in cells: what is missing becomes NaN, what is no number is told with its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

MISSING = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", "#n/a", "<na>", "missing", "."}
)
"""How tables write that there is no value; case does not matter."""


def floats(column: list[str] | NDArray[Any], name: str, where: Callable[[int], str]) -> Float64:
    """The numbers of a column `[rows]`, NaN where one is missing.

    Args:
        column: its cells.
        name: of the column.
        where: the place of a row in the file.

    Raises:
        DataError: a cell is no number, or is infinite; with its row.
    """
    if isinstance(column, list):
        try:
            values = np.fromiter(map(float, column), np.float64, len(column))
        except ValueError:
            values = np.array([_float(cell, row, name, where) for row, cell in enumerate(column)], np.float64)
    else:
        values = _numeric(column, name, where)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        cause = f"column '{name}' holds an infinite number"
        raise DataError(where(row), cause, "Leave the cell empty if the value is not known")
    return values


def _numeric(column: NDArray[Any], name: str, where: Callable[[int], str]) -> Float64:
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return floats(["" if cell is None else str(cell) for cell in column.tolist()], name, where)


def _float(cell: str, row: int, name: str, where: Callable[[int], str]) -> float:
    bare = cell.strip()
    if bare.lower() in MISSING:
        return np.nan
    try:
        return float(bare if "." in bare else bare.replace(",", "."))
    except ValueError as error:
        shown = bare if len(bare) <= 40 else f"{bare[:39]}…"
        cause = f"column '{name}' holds '{shown}', which is no number"
        cure = "Mend the cell, leave it empty, or take other columns: --target, --past, --future, --static"
        raise DataError(where(row), cause, cure) from error


def is_number(cell: str) -> bool:
    """Whether a cell is a number (with a decimal point or comma)."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return cell.strip().lower() not in MISSING


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING
