"""What generating and scoring give back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """One sample.

    Attributes:
        text: what was written, without the prompt and without a stop text. Half a character at the end is
            left out; a run that goes on from there completes it.
        prompt: what it goes on from.
        tokens: ids written; they include those of a stop text or end token.
        logprobs: natural log-probability of each under the model itself, before any setting.
        seed, sample: what the noise was made from.
        stop_reason: `length`, `stop` (a stop text) or `end` (the model's end token).
    """

    text: str
    prompt: str
    tokens: list[int] = field(repr=False)
    logprobs: list[float] = field(repr=False)
    seed: int
    sample: int
    stop_reason: str

    def as_json(self) -> dict[str, Any]:
        """The keys of a line of `--json`, in order."""
        return asdict(self)

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of a token; what `best_of` compares."""
        return math.fsum(self.logprobs) / len(self.logprobs) if self.logprobs else 0.0


@dataclass(frozen=True)
class Ranked:
    """One text found by a search.

    Attributes:
        text, prompt, tokens, logprobs: as in `Result`.
        score: what it is ranked by.
        rank: 0 for the best.
        stop_reason: `length` or `end`.
    """

    text: str
    prompt: str
    tokens: list[int] = field(repr=False)
    logprobs: list[float] = field(repr=False)
    score: float
    rank: int
    stop_reason: str

    def as_json(self) -> dict[str, Any]:
        """The keys of a line of `--json`, in order."""
        return asdict(self)


@dataclass(frozen=True)
class Scored:
    """How likely a text is.

    Attributes:
        text: the text.
        tokens: its ids.
        logprobs: natural log-probability of each, given all before it.
    """

    text: str
    tokens: list[int] = field(repr=False)
    logprobs: list[float] = field(repr=False)

    @property
    def nats(self) -> float:
        """Surprise at the whole text: summed -log p."""
        return -math.fsum(self.logprobs)

    @property
    def nats_per_character(self) -> float:
        """Nats for each character of the text; NaN for none."""
        return self.nats / len(self.text) if self.text else math.nan

    @property
    def bits_per_character(self) -> float:
        """The same in bits."""
        return self.nats_per_character / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp of the mean nats of a token; NaN for no token."""
        return math.exp(self.nats / len(self.tokens)) if self.tokens else math.nan
