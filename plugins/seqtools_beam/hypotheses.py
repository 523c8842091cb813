"""What a search gives back."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from seqtools.runtime.arrays import FloatArray

Key = Callable[[list[int]], Hashable]
"""Of two hypotheses with one key only the better is given back, such as two spellings of one text."""


@dataclass(frozen=True)
class Hypothesis:
    """One answer to a sentence.

    Attributes:
        tokens: ids, without the forced prefix and the end token.
        score: what it is ranked by.
        raw_score: the sum it grew by; that of `log_probs` unless a scorer adjusted them.
        log_probs: the model's own log-probability of each token, the end token's too if it is finished.
        attention: `[len(log_probs), source]`, with which each token was predicted; None if not asked for.
        finished: it has its end token; else it was cut where its length, or what may come next, ended.
        unmet: phrases that were asked for and are not there.
    """

    tokens: list[int]
    score: float
    raw_score: float
    log_probs: list[float] = field(repr=False)
    attention: FloatArray | None = field(default=None, repr=False, compare=False)
    finished: bool = True
    unmet: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Event:
    """News of one sentence while a search goes on.

    Attributes:
        sentence: its place in the batch.
        tokens: tokens of the final best hypothesis that follow those told before; never taken back.
        hypotheses: all that it gives back, once it is done.
    """

    sentence: int
    tokens: list[int]
    hypotheses: list[Hypothesis] | None = None


def best_of(found: list[Hypothesis], n_best: int, key: Key | None = None) -> list[Hypothesis]:
    """The `n_best` of `found`: fewest unmet phrases first, then the highest score; of equals, the earlier."""
    ranked = sorted(found, key=lambda one: (len(one.unmet), -one.score))
    first: dict[Hashable, Hypothesis] = {}
    for one in ranked:
        first.setdefault(key(one.tokens) if key else tuple(one.tokens), one)
    return list(first.values())[:n_best]
