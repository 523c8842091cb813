"""What a search over a `StepModel` shows to scorers and constraints, and what they answer.

A scorer changes numbers: those by which a hypothesis grows (`adjust`) and those by which finished ones are
ranked (`rank`). A constraint rules tokens out (`forbid`), or asks for tokens that have to come (`wanted`).
Both are made once from their settings; `start` gives the one that serves a single run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float32]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class SearchSetup:
    """One run of a search.

    Attributes:
        vocab: number of tokens.
        eos: the end token, or -1.
        beam: hypotheses kept for a sentence.
        min_lengths, max_lengths: new tokens of each sentence, the end token not counted, `[batch]`.
        inputs: what the caller gave for this rule, one value a sentence; None if nothing.
    """

    vocab: int
    eos: int
    beam: int
    min_lengths: IntArray
    max_lengths: IntArray
    inputs: Sequence[Any] | None = None

    @property
    def batch(self) -> int:
        """Number of sentences."""
        return len(self.max_lengths)


@dataclass(frozen=True)
class SearchRows:
    """Hypotheses under way, one a row; those of a sentence stand together. Not to be written to.

    Attributes:
        sentences: which sentence each row belongs to, `[rows]`.
        tokens: all tokens so far, `[rows, time]`: a forced prefix first, the end token repeated at the end.
        starts: length of the forced prefix, `[rows]`.
        lengths: new tokens, without prefix and end token, `[rows]`.
        scores: summed scores so far, `[rows]`; -inf for a dead row.
        finished: the row has its end token, `[rows]`.
        coverage: summed attention `[rows, source]`, or None.
    """

    sentences: IntArray
    tokens: IntArray
    starts: IntArray
    lengths: IntArray
    scores: FloatArray
    finished: BoolArray
    coverage: FloatArray | None = None


class SearchRule:
    """What scorers and constraints share: a life along with the rows of a run."""

    needs_coverage = False
    """Whether `SearchRows.coverage` has to be there."""

    def start(self, setup: SearchSetup) -> Any:
        """The rule for one run, with state of its own; None if it has nothing to do. Rows: one a sentence."""
        return self

    def reorder(self, rows: IntArray) -> None:
        """The rows are now these of the old ones; some repeat, some are gone. For rules with state."""

    def push(self, tokens: IntArray) -> None:
        """Each row got a token, `[rows]`; ended rows get the end token again. For rules with state."""


class SearchScorer(SearchRule):
    """Changes what hypotheses are compared by."""

    def adjust(self, log_probs: FloatArray, rows: SearchRows) -> FloatArray:
        """Scores `[rows, vocab]` of the next token; `log_probs` may be changed in place and returned."""
        return log_probs

    def rank(self, scores: FloatArray, rows: SearchRows) -> FloatArray:
        """What complete hypotheses are ranked by, `[rows]`, from the sums that the scorers before it gave."""
        return scores


class SearchConstraint(SearchRule):
    """Rules tokens out, or asks for them.

    One that asks for tokens tells how far each hypothesis has got in `progress`, and where it is to end in
    `needed`; the beam is then shared out among the degrees of progress (Post and Vilar 2018).
    """

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """Set what may not come next to -inf, in place, `[rows, vocab]`."""

    def needed(self) -> IntArray | None:
        """Progress that each sentence has to reach, `[batch]`; None if the rule asks for nothing."""
        return None

    def wanted(self, row: int) -> Sequence[int]:
        """Tokens that would bring this row on."""
        return ()

    def progress(self, rows: IntArray, tokens: IntArray) -> IntArray:
        """How far each of `rows [n]` would be after its one of `tokens [n]`."""
        raise NotImplementedError

    def unmet(self, row: int) -> list[list[int]]:
        """What this row was asked for and does not hold."""
        return []


__all__ = ["SearchConstraint", "SearchRows", "SearchRule", "SearchScorer", "SearchSetup"]
