"""Token sequences that a translation must not begin with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtools.runtime.arrays import FloatArray
from seqtools.search import SearchConstraint, SearchRows


class Openings(SearchConstraint):
    """A word that opens a text has no blank before it, so its tokens are others than in the middle.

    Args:
        banned: sequences for each sentence of the run.
    """

    def __init__(self, banned: Sequence[Sequence[Sequence[int]]]) -> None:
        self._banned = banned

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """Forbid the last token of a sequence where the row is all that comes before it."""
        written = (rows.starts + rows.lengths).tolist()
        for row, sentence in enumerate(rows.sentences.tolist()):
            for sequence in self._banned[sentence]:
                if written[row] == len(sequence) - 1:
                    begun = rows.tokens[row, : written[row]]
                    if np.array_equal(begun, sequence[:-1]):
                        scores[row, sequence[-1]] = -np.inf
