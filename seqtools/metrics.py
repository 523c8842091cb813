"""Figures for a scored text, each a function of one `MetricInput`; registered through `seqtools_metrics`."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MetricInput:
    """What a model said about a text.

    Attributes:
        nats: summed -log p of the scored tokens.
        tokens: how many tokens were scored.
        characters: characters of the original text that those tokens stand for, so that models with
            different tokenizers can be compared.
        words: white-space separated words of that text plus one per line end (the usual count for
            Penn Treebank, where each line end is the token <eos>).
    """

    nats: float
    tokens: int
    characters: int = 0
    words: int = 0


def nats_per_token(scored: MetricInput) -> float:
    """Mean cross-entropy of a token, in nats."""
    return _per(scored.nats, scored.tokens)


def nats_per_character(scored: MetricInput) -> float:
    """Cross-entropy per character of the text, in nats."""
    return _per(scored.nats, scored.characters)


def bits_per_character(scored: MetricInput) -> float:
    """Cross-entropy per character of the text, in bits."""
    return _per(scored.nats, scored.characters) / math.log(2)


def perplexity(scored: MetricInput) -> float:
    """exp(nats per token)."""
    return _exp(nats_per_token(scored))


def word_perplexity(scored: MetricInput) -> float:
    """exp(nats per word), line ends counted as words."""
    return _exp(_per(scored.nats, scored.words))


def words_in(text: str) -> int:
    """Words as `MetricInput.words` counts them."""
    return len(text.split()) + text.count("\n")


def _per(nats: float, count: int) -> float:
    """NaN, not an error, when nothing was counted: the figure does not exist for that text."""
    return nats / count if count else math.nan


def _exp(nats: float) -> float:
    """exp that gives infinity instead of OverflowError (a byte model's nats per word may be huge)."""
    return math.exp(nats) if nats < 700 or math.isnan(nats) else math.inf
