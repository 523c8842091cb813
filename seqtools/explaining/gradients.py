"""Integrated gradients (Sundararajan, Taly & Yan 2017) of what can only be asked, not differentiated.

What is read of all words is faded in together, from nothing to everything. On the way a word's part of the
growing answer is what a little more or a little less of it makes of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray

MOST_PIECES = 64
"""A text of more words is weighed in runs of words: the work grows with words times length."""

STEPS = 8
"""Points on the way; the error falls with their square."""


def integrated(
    asked: Callable[[FloatArray], NDArray[np.float64]], owners: NDArray[np.int64], pieces: int
) -> NDArray[np.float64]:
    """Effects of the pieces of a text, `[pieces, …]`: they sum to the answer beyond that to nothing.

    Args:
        asked: answers `[rows, …]` to rows of weights, 0 to 1, of what is read, `[rows, time]`.
        owners: which piece each of these is of, `[time]`.
        pieces: how many there are.
    """
    if not len(owners):
        return np.zeros(pieces)
    own = (np.arange(pieces)[:, None] == owners).astype(np.float32)
    half, effects = np.float32(0.5 / STEPS), np.zeros(())
    for step in range(STEPS):
        middle = half * (2 * step + 1)
        both = np.concatenate([middle + half * own, middle - half * own])
        more, less = np.split(asked(both), 2)
        effects = effects + (more - less)
    return effects
