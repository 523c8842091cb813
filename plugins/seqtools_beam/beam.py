"""The hypotheses of all sentences under way, as arrays with one row each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.search import SearchRows

BoolArray = NDArray[np.bool_]

DEAD = np.float32(-np.inf)
"""Score of a row that stands for no hypothesis."""


@dataclass(frozen=True)
class Column:
    """What a turn adds to every row, each `[rows]`.

    Attributes:
        tokens: chosen ones.
        scores: sums after them; -inf kills a row.
        log_probs: the model's own log-probabilities of them.
        sources: row of this turn's attention that each was predicted with.
        grown: the token is new, neither forced nor the end token.
        finished: the row has its end token.
        coverage: summed attention `[rows, source]`, or None.
    """

    tokens: IntArray
    scores: FloatArray
    log_probs: FloatArray
    sources: IntArray
    grown: BoolArray
    finished: BoolArray
    coverage: FloatArray | None = None


@dataclass(frozen=True)
class Beam:
    """`width` rows for each sentence left, sentence by sentence.

    Attributes:
        width: rows of a sentence.
        rows: what scorers and constraints see of them.
        log_probs: the model's own log-probability of every column of `rows.tokens`, `[rows, time]`.
        sources: which row of its turn's attention each column was predicted with, `[rows, time]`.
    """

    width: int
    rows: SearchRows
    log_probs: FloatArray
    sources: IntArray

    @classmethod
    def begin(cls, prefix_lengths: IntArray) -> Beam:
        """One empty row for each sentence."""
        batch = len(prefix_lengths)
        rows = SearchRows(
            sentences=np.arange(batch),
            tokens=np.zeros((batch, 0), np.int64),
            starts=prefix_lengths,
            lengths=np.zeros(batch, np.int64),
            scores=np.zeros(batch, np.float32),
            finished=np.zeros(batch, np.bool_),
        )
        return cls(1, rows, np.zeros((batch, 0), np.float32), np.zeros((batch, 0), np.int64))

    @property
    def sentences(self) -> IntArray:
        """The sentences left, `[active]`."""
        return self.rows.sentences[:: self.width]

    @property
    def by_sentence(self) -> FloatArray:
        """Scores `[active, width]`."""
        return self.rows.scores.reshape(-1, self.width)

    @property
    def live(self) -> BoolArray:
        """Rows that stand for a hypothesis, `[rows]`."""
        return self.rows.scores > DEAD

    def reorder(self, rows: IntArray, width: int) -> Beam:
        """The given rows, `width` for each sentence."""
        old = self.rows
        coverage = None if old.coverage is None else old.coverage[rows]
        picked = SearchRows(
            old.sentences[rows],
            old.tokens[rows],
            old.starts[rows],
            old.lengths[rows],
            old.scores[rows],
            old.finished[rows],
            coverage,
        )
        return Beam(width, picked, self.log_probs[rows], self.sources[rows])

    def push(self, column: Column) -> Beam:
        """One column more."""
        rows = replace(
            self.rows,
            tokens=np.concatenate([self.rows.tokens, column.tokens[:, None]], axis=1),
            lengths=self.rows.lengths + column.grown,
            scores=column.scores,
            finished=column.finished,
            coverage=column.coverage,
        )
        return Beam(
            self.width,
            rows,
            np.concatenate([self.log_probs, column.log_probs[:, None]], axis=1),
            np.concatenate([self.sources, column.sources[:, None]], axis=1),
        )
