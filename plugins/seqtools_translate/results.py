"""What translating and scoring give back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqtools.runtime.arrays import FloatArray
from seqtools_translate.alignment import WordAttention, diagonal, joined
from seqtools_translate.glossary import Entry


@dataclass(frozen=True)
class Hypothesis:
    """One translation of one text.

    Attributes:
        text: the translation, on one line.
        score: what it was ranked by; higher is better.
        tokens: ids, without start and end; a forced prefix is part of them.
        log_probs: natural log-probability of each token, and of the end where it was reached.
        attention: `[len(log_probs), source tokens + 1]`; None if it was not asked for.
        words: the same between words; None if it was not asked for.
        unmet: glossary entries that it does not follow.
    """

    text: str
    score: float
    tokens: list[int] = field(repr=False)
    log_probs: list[float] = field(repr=False)
    attention: FloatArray | None = field(default=None, repr=False)
    words: WordAttention | None = field(default=None, repr=False)
    unmet: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def log_prob(self) -> float:
        """Log-probability of the whole translation."""
        return math.fsum(self.log_probs)


@dataclass(frozen=True)
class TranslationResult:
    """The translations of one text, best first. Fields of all of them stand in lists of the same order.

    Attributes:
        source: the text.
        best: the translations themselves.
        unknowns: source tokens that the vocabulary does not cover, where they make up most of the text (or
            are unknown words); else 0.
        cut: the text was longer than the model reads, and its end was left out.
    """

    source: str
    best: list[Hypothesis] = field(repr=False)
    unknowns: int = 0
    cut: bool = False

    @property
    def text(self) -> str:
        """The best translation."""
        return self.best[0].text

    @property
    def hypotheses(self) -> list[str]:
        """The translations."""
        return [one.text for one in self.best]

    @property
    def scores(self) -> list[float]:
        """What they were ranked by."""
        return [one.score for one in self.best]

    @property
    def tokens(self) -> list[list[int]]:
        """Ids of each."""
        return [one.tokens for one in self.best]

    @property
    def log_probs(self) -> list[list[float]]:
        """Log-probabilities of the tokens of each, the end included."""
        return [one.log_probs for one in self.best]

    @property
    def attention(self) -> list[FloatArray | None]:
        """Attention between tokens, `[target + end, source + end]` for each."""
        return [one.attention for one in self.best]

    @property
    def word_attention(self) -> list[WordAttention | None]:
        """Attention between words; `.matrix [target words, source words]` for each."""
        return [one.words for one in self.best]

    @property
    def alignment(self) -> list[list[tuple[int, int]]]:
        """For each the (source word, target word) pairs, counted from 0."""
        return [one.words.pairs() if one.words else [] for one in self.best]

    @property
    def unmet(self) -> tuple[Entry, ...]:
        """Glossary entries that the best translation does not follow."""
        return self.best[0].unmet


@dataclass(frozen=True)
class Scored:
    """How likely a given translation is.

    Attributes:
        source, target: the pair.
        tokens: ids of the target.
        log_probs: natural log-probability of each, and of the end.
        words: attention between the words of both.
    """

    source: str
    target: str
    tokens: list[int] = field(repr=False)
    log_probs: list[float] = field(repr=False)
    words: WordAttention = field(repr=False)

    @property
    def log_prob(self) -> float:
        """Log-probability of the whole target, its end included."""
        return math.fsum(self.log_probs)

    def score(self, normalize: str = "none") -> float:
        """The log-probability: `none` of all, `tokens` the mean of a token, `words` the mean of a word.

        The end counts as one token and as one word.
        """
        counts = {"none": 1, "tokens": len(self.log_probs), "words": len(self.target.split()) + 1}
        return self.log_prob / counts[normalize]

    def as_json(self, normalize: str = "none") -> dict[str, Any]:
        """The keys of a line of `--json`, in order."""
        return {
            "source": self.source,
            "target": self.target,
            "score": self.score(normalize),
            "log_prob": self.log_prob,
            "tokens": self.tokens,
            "log_probs": self.log_probs,
            "alignment": self.words.pharaoh(),
        }


def blank(text: str) -> TranslationResult:
    """The translation of a blank text: nothing, for certain."""
    words = WordAttention([], [], np.zeros((0, 0), np.float32))
    return TranslationResult(text, [Hypothesis("", 0.0, [], [], np.zeros((0, 0), np.float32), words)])


def put_together(parts: Sequence[list[Hypothesis]]) -> list[Hypothesis]:
    """Translations of a text from those of its parts; the best from the best, and so on.

    A part with fewer translations gives its last one again. Scores are summed.
    """
    if len(parts) == 1:
        return parts[0]
    ranks = max(map(len, parts))
    return [_joined([part[min(rank, len(part) - 1)] for part in parts]) for rank in range(ranks)]


def _joined(parts: Sequence[Hypothesis]) -> Hypothesis:
    seen = [part.attention for part in parts if part.attention is not None]
    words = [part.words for part in parts if part.words is not None]
    return Hypothesis(
        " ".join(part.text for part in parts if part.text),
        math.fsum(part.score for part in parts),
        [token for part in parts for token in part.tokens],
        [value for part in parts for value in part.log_probs],
        diagonal(seen) if seen else None,
        joined(words) if words else None,
        tuple(dict.fromkeys(entry for part in parts for entry in part.unmet)),
    )
