"""Rows of one series sorted by their stamps on disk: spread over stretches of time, each then sorted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast import pieces
from seqtools_forecast.counting import ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

_SAMPLED = 1 << 16
"""Stamps by which time is cut into stretches of as many rows each."""


def ordered(stamps: IntArray, rows: NDArray[Any]) -> tuple[IntArray, NDArray[Any]]:
    """By stamp; rows of the same stamp stay in the order they came."""
    order = np.argsort(stamps, kind="stable")
    return stamps[order], rows[order]


def sort_on_disk(stamps: IntArray, rows: NDArray[Any], folder: Path) -> None:
    """As `ordered`, in place, of arrays mapped from files.

    Args:
        stamps: `[rows]`.
        rows: `[rows, width]`.
        folder: where both lie once more meanwhile.
    """
    sample = np.sort(stamps[:: max(1, len(stamps) // _SAMPLED)])
    stretches = -(-len(stamps) // pieces.ROWS)
    edges = np.unique(sample[np.arange(1, stretches) * len(sample) // stretches])
    counts = np.zeros(len(edges) + 1, np.int64)
    for part in pieces.slices(len(stamps)):
        counts += np.bincount(np.searchsorted(edges, stamps[part], "right"), minlength=len(counts))
    ends = np.cumsum(counts)
    paths = [folder / f"{name}.sorting" for name in ("stamps", "rows")]
    try:
        spread = [
            np.memmap(path, array.dtype, mode="w+", shape=array.shape) if array.size else array
            for path, array in zip(paths, (stamps, rows), strict=True)
        ]
        _spread(stamps, rows, edges, ends - counts, spread)
        for begin, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
            _sorted_part(stamps[begin:end], rows[begin:end], spread[0][begin:end], spread[1][begin:end])
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _spread(
    stamps: IntArray, rows: NDArray[Any], edges: IntArray, places: IntArray, goals: list[NDArray[Any]]
) -> None:
    """Copy rows to the stretches that they belong to."""
    for part in pieces.slices(len(stamps)):
        now = np.searchsorted(edges, stamps[part], "right")
        where = places[now] + ranks(now)
        goals[0][where], goals[1][where] = stamps[part], rows[part]
        places = places + np.bincount(now, minlength=len(places))


def _sorted_part(
    stamps: IntArray, rows: NDArray[Any], from_stamps: IntArray, from_rows: NDArray[Any]
) -> None:
    """Sort a stretch back to where it belongs; one stamp told very often needs no sorting."""
    if len(stamps) and from_stamps.min() != from_stamps.max():
        from_stamps, from_rows = ordered(from_stamps, from_rows)
    for part in pieces.slices(len(stamps)):
        stamps[part], rows[part] = from_stamps[part], from_rows[part]
