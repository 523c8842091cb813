"""Complete hypotheses leave the beam, which stays full of others until enough are complete."""

from __future__ import annotations

import numpy as np

from seqtools.runtime.arrays import IntArray
from seqtools_beam.beam import DEAD
from seqtools_beam.select import Choice, Turn, best, padded


class PatientSelect:
    """First come, first served: an end token among the `size` best candidates completes a hypothesis.

    How many have to be complete is the caller's affair (Kasai et al. 2022, "Beam decoding with controlled
    patience", algorithm 1: patience times the beam).
    """

    def __init__(self, eos: int) -> None:
        self._eos = eos

    def __call__(self, turn: Turn, size: int) -> Choice:
        """The `size` best that do not end, and those among the `size` best that do."""
        found = best(turn.scores, turn.rows.scores, turn.width, 2 * size)
        forced = turn.index < turn.rows.starts[found.parents]
        ends = (found.tokens == self._eos) & (found.scores > DEAD) & ~forced
        leaves = ends.copy()
        leaves[:, size:] = False
        first = np.arange(turn.active)[:, None] * turn.width
        order: IntArray = np.argsort(ends, axis=1, kind="stable")[:, :size]
        parents, tokens, scores, dead = (
            np.take_along_axis(values, order, axis=1)
            for values in (found.parents, found.tokens, found.scores, ends)
        )
        scores = np.where(dead, DEAD, scores)
        choice = padded(Choice(np.where(dead, first, parents), tokens, scores), first, size)
        ended = found.parents[leaves], found.scores[leaves]
        return Choice(choice.parents, choice.tokens, choice.scores, ended)
