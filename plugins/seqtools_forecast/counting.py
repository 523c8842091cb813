"""Rows of each series counted while they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools.plugin import IntArray


class Counts:
    """How many rows of each series came; series are numbered from 0 on, and their number grows."""

    def __init__(self) -> None:
        self._counts: IntArray = np.zeros(0, np.int64)

    def add(self, codes: IntArray) -> None:
        """Count rows by the numbers of their series."""
        most = int(codes.max()) + 1
        self._grow(most)
        self._counts[:most] += np.bincount(codes, minlength=most)

    def places(self, codes: IntArray) -> IntArray:
        """Places that rows of these series have among those of their series, before they are counted."""
        self._grow(int(codes.max()) + 1)
        return ranks(codes) + self._counts[codes]

    def first(self, series: int) -> IntArray:
        """The counts of so many series; the last ones may have no row."""
        self._grow(series)
        return self._counts[:series]

    def _grow(self, series: int) -> None:
        if series > len(self._counts):
            grown = np.zeros(max(series, 2 * len(self._counts)), np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown


def ranks(codes: IntArray) -> IntArray:
    """Of each row how many rows of its code stand before it here."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    begins = (
        np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1)) if len(ordered) else np.zeros(0, np.int64)
    )
    lengths = np.diff(np.append(begins, len(ordered)))
    found = np.empty(len(codes), np.int64)
    found[order] = np.arange(len(codes)) - np.repeat(begins, lengths)
    return found
