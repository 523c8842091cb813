"""Rows of one series as they came, laid on a grid: sorted, one value a step, holes filled with NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.wording import counted
from seqtools_forecast import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

    Float64 = NDArray[np.float64]

_MOST_HOLES = 200
"""Steps for each row, beyond which a frequency must be wrong."""
_ALWAYS = 100_000


@dataclass(frozen=True)
class Laid:
    """A series on its grid.

    Attributes:
        start: position of the first step.
        rows: `[time + ahead, targets + past + future]`, NaN where nothing is known.
        length: steps up to the last target.
        gaps: steps that no row told, up to there.
        duplicates: rows whose step another row had told.
        unsorted: rows came out of order.
    """

    start: int
    rows: Float64
    length: int
    gaps: int
    duplicates: int
    unsorted: bool


def laid(
    name: str, positions: IntArray, rows: Float64, targets: int, future: int, duplicates: str
) -> Laid | None:
    """Lay rows on the grid; None if no target has a value.

    Args:
        name: of the series, for errors.
        positions: of the rows, in any order.
        rows: `[rows, targets + past + future]`.
        targets, future: how many of the columns, first and last ones, are such.
        duplicates: what counts when a step is told twice: last, first, mean or sum.

    Raises:
        DataError: there are far more steps than rows.
    """
    steps = np.diff(positions)
    unsorted = bool((steps < 0).any())
    if unsorted:
        order = np.argsort(positions, kind="stable")
        positions, rows = positions[order], rows[order]
        steps = np.diff(positions)
    twice = int((steps == 0).sum())
    if twice:
        positions, rows = merged(positions, rows, targets, duplicates)
    first, last = observed(rows, targets)
    if last < 0:
        return None
    stop = stop_of(rows, last, future)
    kept = positions[first:stop] - positions[first]
    length, span = int(positions[last] - positions[first]) + 1, int(kept[-1]) + 1
    check_span(name, len(kept), span)
    gaps = length - (last + 1 - first)
    made = rows[first:stop]
    if span != len(kept):
        made = np.full((span, rows.shape[1]), np.nan)
        made[kept] = rows[first:stop]
    return Laid(int(positions[first]), made, length, gaps, twice, unsorted)


def check_span(name: str, rows: int, span: int) -> None:
    """Refuse a grid with far more steps than rows.

    Raises:
        DataError: it is one.
    """
    if span > max(_ALWAYS, _MOST_HOLES * rows):
        cause = f"its {counted(rows, 'row')} would span {span:,} steps"
        raise DataError(
            f"series '{name}'", cause, "Is a stamp wrong, or the frequency? Give --frequency NAME"
        )


def consecutive(start: int, rows: Float64, targets: int, future: int) -> Laid | None:
    """As `laid`, of rows that stand a step apart from the position of the first one on."""
    first, last = observed(rows, targets)
    if last < 0:
        return None
    return Laid(start + first, rows[first : stop_of(rows, last, future)], last + 1 - first, 0, 0, False)


def observed(rows: Float64, targets: int) -> tuple[int, int]:
    """Places of the first and the last row with a target; the last is -1 if there is none."""
    ends = rows[:: max(len(rows) - 1, 1), 0]
    if len(rows) and not (math.isnan(ends[0]) or math.isnan(ends[-1])):
        return 0, len(rows) - 1
    return pieces.first_and_last(rows[:, :targets], lambda some: ~np.isnan(some).all(axis=1))


def stop_of(rows: Float64, last: int, future: int) -> int:
    """Where rows end that count: after the last target, or the last covariate known ahead."""
    if not future:
        return last + 1
    ahead = np.flatnonzero(~np.isnan(rows[last + 1 :, -future:]).all(axis=1))
    return last + 2 + int(ahead[-1]) if len(ahead) else last + 1


def merged(positions: IntArray, rows: Float64, targets: int, duplicates: str) -> tuple[IntArray, Float64]:
    """One row for each position; covariates are those of the row that came last (or first)."""
    begins = np.flatnonzero(np.diff(positions, prepend=positions[0] - 1))
    ends = np.append(begins[1:], len(positions)) - 1
    if duplicates == "first":
        return positions[begins], rows[begins]
    made = rows[ends].copy()
    if duplicates in ("mean", "sum"):
        told = ~np.isnan(rows[:, :targets])
        sums = np.add.reduceat(np.where(told, rows[:, :targets], 0.0), begins, axis=0)
        counts = np.add.reduceat(told.astype(np.int64), begins, axis=0)
        divisor = counts if duplicates == "mean" else np.ones_like(counts)
        made[:, :targets] = np.where(counts > 0, sums / np.maximum(divisor, 1), np.nan)
    return positions[begins], made
