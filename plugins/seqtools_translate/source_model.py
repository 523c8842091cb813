"""Encoded sentences as the `StepModel` that a search outside the graph asks, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools_translate.file_model import IMPOSSIBLE, FileModel


@dataclass(frozen=True)
class Live:
    """The hypotheses that a search still follows.

    Attributes:
        owner: the sentence of each row, `[rows]`.
        state, coverage: of each row, `[rows, S]` and `[rows, time]`.
        attention: with which the next token of each row is predicted, `[rows, time]`.
    """

    owner: IntArray
    state: FloatArray
    coverage: FloatArray
    attention: FloatArray

    def take(self, rows: IntArray) -> Live:
        """The given rows, in that order."""
        return Live(self.owner[rows], self.state[rows], self.coverage[rows], self.attention[rows])


class SourceModel:
    """A batch of sentences, read once; the encoder's memory is kept for each sentence, not for each row.

    Args:
        model: the file.
        sources: ids of each sentence.
        shortlist: sorted ids that may be predicted, or None for all.
    """

    def __init__(
        self, model: FileModel, sources: Sequence[IntArray], shortlist: IntArray | None = None
    ) -> None:
        self._model, self._shortlist = model, shortlist
        self._lengths = np.array([len(ids) for ids in sources], np.int64)
        first, state, coverage, attention, encoded = model.encode(sources, shortlist)
        first = _possible(first)
        self._encoded: FloatArray = encoded
        self._first = first, Live(np.arange(len(sources)), state, coverage, attention)
        # The part of the memory whose sentences still have rows; it shrinks as sentences are done.
        self._part: tuple[IntArray, FloatArray] = np.arange(len(sources)), encoded

    def start(self, batch: int) -> Live:
        """The state before anything was fed; `batch` is that of the sources."""
        return self.first(batch)[1]

    def first(self, batch: int) -> tuple[FloatArray, Live]:
        """Log-probabilities `[batch, vocab]` of each sentence's first token, and the state.

        Raises:
            ValueError: the batch is another one than that of the sources.
        """
        if batch != len(self._lengths):
            raise ValueError(f"{len(self._lengths)} sentences were read, not {batch}")
        return self._first

    def step(self, tokens: IntArray, state: Live) -> tuple[FloatArray, Live]:
        """Feed `tokens [rows]`; next log-probabilities `[rows, vocab]` and the new state."""
        sentences, grid, back = _grid(state.owner)
        rows = state.take(grid)
        ahead, after, coverage, attention = self._model.step(
            np.asarray(tokens, np.int64)[grid],
            rows.state,
            rows.coverage,
            self._memory(sentences),
            self._lengths[sentences],
            self._shortlist,
        )
        ahead, fed = _possible(ahead), Live(rows.owner, after, coverage, attention)
        return (ahead, fed) if back is None else (ahead[back], fed.take(back))

    def reorder(self, state: Live, rows: IntArray) -> Live:
        """State of the given rows, in that order; rows may repeat or be left out."""
        return state.take(np.asarray(rows))

    def attention(self, state: Live) -> FloatArray:
        """Attention `[rows, time]` with which the next token is predicted."""
        return state.attention

    def _memory(self, sentences: IntArray) -> FloatArray:
        if not np.array_equal(self._part[0], sentences):
            self._part = sentences, self._encoded[sentences]
        return self._part[1]


def _possible(log_probs: FloatArray) -> FloatArray:
    """-inf for what the file says can never come (a shortlist lacks it), as a search outside expects it."""
    if log_probs.min() > IMPOSSIBLE:
        return log_probs
    return np.where(log_probs > IMPOSSIBLE, log_probs, np.float32(-np.inf))


def _grid(owner: IntArray) -> tuple[IntArray, IntArray, IntArray | None]:
    """Rows as the file takes them: by sentence, the same number for each.

    Returns:
        The sentences there are; which row stands at each place (a sentence with few rows repeats one); the
        place of each row, or None where every row stands at its own.
    """
    sentences, counts = np.unique(owner, return_counts=True)
    most = int(counts.max())
    if (counts == most).all() and (owner[:-1] <= owner[1:]).all():
        return sentences, np.arange(len(owner)), None
    order = np.argsort(owner, kind="stable")
    starts = np.cumsum(counts) - counts
    slots = np.minimum(np.arange(most)[None, :], counts[:, None] - 1)
    grid = order[starts[:, None] + slots].reshape(-1)
    back = np.empty(len(owner), np.int64)
    within = np.arange(len(owner)) - np.repeat(starts, counts)
    back[order] = np.repeat(np.arange(len(sentences)), counts) * most + within
    return sentences, grid, back
