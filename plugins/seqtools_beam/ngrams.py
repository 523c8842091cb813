"""No n-gram twice, for all rows at once."""

from __future__ import annotations

import numpy as np

from seqtools.runtime.arrays import FloatArray
from seqtools.search import SearchConstraint, SearchRows

_OFF = np.float32(-np.inf)


class NoRepeatNgram(SearchConstraint):
    """Forbids the token that would complete an n-gram which the row holds already, its prefix included."""

    def __init__(self, size: int) -> None:
        self._size = size

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """Set completing tokens to -inf in `scores [rows, vocab]`."""
        time = rows.tokens.shape[1]
        if time < self._size:
            return
        grams = np.lib.stride_tricks.sliding_window_view(rows.tokens, self._size, axis=1)
        start = rows.tokens[:, None, time - self._size + 1 :]
        row, place = np.nonzero((grams[:, :, :-1] == start).all(axis=2))
        scores[row, grams[row, place, -1]] = _OFF
