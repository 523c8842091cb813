"""Dynamic beam allocation: room in the beam for every degree of progress with what has to be written.

Post and Vilar, "Fast lexically constrained decoding with dynamic beam allocation for neural machine
translation" (NAACL 2018).
"""

from __future__ import annotations

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchConstraint
from seqtools_beam.beam import DEAD
from seqtools_beam.select import Choice, Selector, Turn, best

Candidates = tuple[IntArray, IntArray, FloatArray]
"""Rows, tokens and sums, each `[n]`."""


class AllocatedSelect:
    """Chooses as `plain` does, but for sentences that have something to write as Post and Vilar do.

    Args:
        plain: for the other sentences.
        asking: the constraints that ask for tokens.
        needed: progress that each sentence has to reach, over all of them, `[batch]`.
    """

    def __init__(self, plain: Selector, asking: list[SearchConstraint], needed: IntArray) -> None:
        self._plain, self._asking, self._needed = plain, asking, needed

    def __call__(self, turn: Turn, size: int) -> Choice:
        """The rows that go on."""
        choice = self._plain(turn, size)
        sentences = turn.rows.sentences[:: turn.width]
        for place in np.flatnonzero(self._needed[sentences]).tolist():
            rows, tokens, sums = self._allocated(turn, choice, place, int(self._needed[sentences[place]]))
            choice.parents[place], choice.tokens[place] = place * turn.width, 0
            choice.scores[place] = DEAD
            choice.parents[place, : len(rows)] = rows
            choice.tokens[place, : len(rows)] = tokens
            choice.scores[place, : len(rows)] = sums
        return choice

    def _allocated(self, turn: Turn, choice: Choice, place: int, needed: int) -> Candidates:
        """What fills the beam of one sentence, best first."""
        size = choice.tokens.shape[1]
        rows, tokens, sums = self._candidates(turn, choice, place)
        order = np.lexsort((tokens, rows, -sums))
        rows, tokens, sums = rows[order], tokens[order], sums[order]
        progress = np.zeros(len(rows), np.int64)
        for constraint in self._asking:
            progress += constraint.progress(rows, tokens)
        banks = np.minimum(progress, needed)
        room = shares(np.bincount(banks, minlength=needed + 1), size)
        kept = np.zeros(len(rows), np.bool_)
        for bank in np.flatnonzero(room):
            kept[np.flatnonzero(banks == bank)[: room[bank]]] = True
        return rows[kept], tokens[kept], sums[kept]

    def _candidates(self, turn: Turn, choice: Choice, place: int) -> Candidates:
        """The best of the sentence, the best of each row, and what would bring each row on; none twice."""
        mine = np.arange(place * turn.width, (place + 1) * turn.width)
        likeliest = best(turn.scores[mine], turn.rows.scores[mine], 1, 1).tokens[:, 0]
        pairs = list(zip(choice.parents[place].tolist(), choice.tokens[place].tolist(), strict=True))
        pairs += list(zip(mine.tolist(), likeliest.tolist(), strict=True))
        for row in mine[~turn.rows.finished[mine]].tolist():
            pairs += [(row, token) for constraint in self._asking for token in constraint.wanted(row)]
        rows, tokens = (np.array(column, np.int64) for column in zip(*dict.fromkeys(pairs), strict=True))
        sums = turn.rows.scores[rows] + turn.scores[rows, tokens]
        alive = sums > DEAD
        return rows[alive], tokens[alive], sums[alive]


def top_share(needed: int, size: int) -> int:
    """Places of a beam that belong to hypotheses with nothing left to write, before any are lent."""
    return size - needed * (size // (needed + 1))


def shares(counts: IntArray, size: int) -> IntArray:
    """How many candidates of each bank a beam takes, `[banks]`.

    Every bank has an equal part, the last one the remainder too; what a bank cannot fill goes to the
    banks with the most progress.

    Args:
        counts: candidates of each bank, by progress.
        size: of the beam.
    """
    needed = len(counts) - 1
    room = np.full(len(counts), size // len(counts), np.int64)
    room[-1] = top_share(needed, size)
    room = np.minimum(room, counts)
    for bank in range(needed, -1, -1):
        room[bank] += min(size - int(room.sum()), int(counts[bank] - room[bank]))
    return room
