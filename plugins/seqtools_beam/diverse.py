"""Diverse beam search: groups that are chosen one after the other and shun each other's tokens."""

from __future__ import annotations

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools_beam.beam import DEAD
from seqtools_beam.select import Choice, Turn, best


class DiverseSelect:
    """Vijayakumar et al. 2016, algorithm 1, with Hamming diversity.

    A group's candidates lose `strength` for every hypothesis of an earlier group that takes the same token
    in this turn. The loss counts in the choice only; sums stay what the model says.
    """

    def __init__(self, groups: int, strength: float) -> None:
        self._groups, self._strength = groups, np.float32(strength)

    def __call__(self, turn: Turn, size: int) -> Choice:
        """The rows that go on, group by group."""
        each = size // self._groups
        taken = np.zeros((turn.active, turn.scores.shape[1]), np.float32)
        chosen = []
        for group in range(self._groups):
            choice = self._group(turn, group, each, taken)
            chosen.append(choice)
            alive = (choice.scores > DEAD) & ~turn.rows.finished[choice.parents]
            np.add.at(taken, (np.nonzero(alive)[0], choice.tokens[alive]), 1)
        parents, tokens, scores = (
            np.concatenate([getattr(choice, name) for choice in chosen], axis=1)
            for name in ("parents", "tokens", "scores")
        )
        return Choice(parents, tokens, scores)

    def _group(self, turn: Turn, group: int, each: int, taken: FloatArray) -> Choice:
        rows, width = self._rows(turn, group, each)
        scores, sums = turn.scores[rows], turn.rows.scores[rows]
        if group:
            growing = ~turn.rows.finished[rows]
            loss = np.repeat(taken, width, axis=0)
            scores = scores - self._strength * loss * growing[:, None]
        choice = best(scores, sums, width, each)
        parents = rows[choice.parents]
        own = turn.rows.scores[parents] + turn.scores[parents, choice.tokens]
        return Choice(parents, choice.tokens, np.where(choice.scores > DEAD, own, DEAD))

    def _rows(self, turn: Turn, group: int, each: int) -> tuple[IntArray, int]:
        """Rows of a group; before the beam has opened, all groups share a sentence's only row."""
        every = np.arange(turn.active * turn.width).reshape(turn.active, turn.width)
        if turn.width > 1:
            every = every[:, group * each : (group + 1) * each]
        return every.reshape(-1), every.shape[1]
