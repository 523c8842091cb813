"""How far apart stamps are, in one series of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import pieces

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

MOST_KINDS = 1 << 16
"""Different gaps that are counted in a long series, the shortest ones; a regular series has far fewer."""


def gaps_of(values: IntArray) -> tuple[IntArray, IntArray]:
    """Gaps between different stamps, ascending, and how often there is each; both `[kinds]`.

    Args:
        values: in any order; long series in ascending order.
    """
    if pieces.is_long(len(values)):
        kinds = counts = np.zeros(0, np.int64)
        for gaps in pieces.steps(values):
            more, seen = np.unique(gaps[gaps > 0], return_counts=True)
            both = np.concatenate([kinds, more])
            kinds, place = np.unique(both, return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, seen]), len(kinds)).astype(np.int64)
            kinds, counts = kinds[:MOST_KINDS], counts[:MOST_KINDS]
        return kinds, counts
    gaps = np.diff(values)
    if len(gaps) and int(gaps.min()) <= 0:
        gaps = np.diff(unique(values))
    kinds, counts = np.unique(gaps, return_counts=True)
    return kinds, counts


def distinct(values: IntArray) -> IntArray:
    """Different stamps in order; arguments as above."""
    if not pieces.is_long(len(values)):
        return unique(values)
    found = [values[:1]]
    for part, gaps in zip(pieces.slices(len(values) - 1), pieces.steps(values), strict=True):
        found.append(values[part.start + 1 : part.stop + 1][gaps > 0])
    return np.concatenate(found)


def unique(values: IntArray) -> IntArray:
    """Different values in order: by sorting, as `numpy.unique` hashes, and stamps of one step collide."""
    found = np.sort(values)
    return found[np.diff(found, prepend=found[:1] - 1) > 0]
