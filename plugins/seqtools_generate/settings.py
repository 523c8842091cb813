"""How text is written: every knob of `generate`, checked. The standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from seqtools.errors import UsageError

REMEMBERED = 4096
"""Tokens that a text remembers, for penalties, n-grams and its saved state; bounds an endless one."""

_COLDEST, _HOTTEST, _LARGEST_BIAS = 1e-30, 1e6, 1e6


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run; what the graph cannot do (`needs_host`) is done outside it, over the same file.

    Raises:
        UsageError: a value is out of range.
    """

    max_tokens: int = 300
    """Tokens to write; -1 has no end but a stop."""
    temperature: float = 0.8
    """Flattens (above 1) or sharpens the distribution; 0 always takes the likeliest token."""
    top_k: int = 0
    """Choose among the k likeliest tokens; 0 is off."""
    top_p: float = 1.0
    """Choose among the likeliest tokens that hold this probability (Holtzman et al. 2020); 1 is off."""
    min_p: float = 0.0
    """Drop tokens below this share of the likeliest one's probability (Nguyen et al. 2024); 0 is off."""
    typical: float = 1.0
    """Locally typical sampling (Meister et al. 2022): the mass of tokens to keep; 1 is off."""
    repetition_penalty: float = 1.0
    """Multiply the log-probability of tokens seen lately (after Keskar et al. 2019); 1 is off."""
    repeat_last_n: int = 1024
    """How many last tokens the penalty and the n-gram ban look at."""
    no_repeat_ngram: int = 0
    """Never write an n-gram of this many tokens twice; 0 is off."""
    logit_bias: Mapping[int | str, float] = field(default_factory=dict)
    """Added to the scores of tokens, by id or by a text that is one token."""
    stop: tuple[str, ...] = ()
    """Texts that end a sample; they are not part of it."""
    ignore_eos: bool = False
    """Go on after the end token of models of one text a line."""

    def __post_init__(self) -> None:
        for name, value, holds, cure in (
            ("max-tokens", self.max_tokens, self.max_tokens >= -1, "Use 0 or more, or -1 for no end"),
            ("temperature", self.temperature, 0 <= self.temperature <= _HOTTEST, "Use 0 (greedy) to 1000000"),
            ("top-k", self.top_k, self.top_k >= 0, "Use 1 or more, or 0 for off"),
            ("top-p", self.top_p, 0 < self.top_p <= 1, "Use more than 0 and at most 1 (off)"),
            ("min-p", self.min_p, 0 <= self.min_p <= 1, "Use 0 (off) to 1"),
            ("typical", self.typical, 0 < self.typical <= 1, "Use more than 0 and at most 1 (off)"),
            (
                "repetition-penalty",
                self.repetition_penalty,
                self.repetition_penalty > 0,
                "Use more than 0; 1 is off, 1.1 is mild",
            ),
            (
                "repeat-last-n",
                self.repeat_last_n,
                1 <= self.repeat_last_n <= REMEMBERED,
                f"Use 1 to {REMEMBERED}",
            ),
            (
                "no-repeat-ngram",
                self.no_repeat_ngram,
                self.no_repeat_ngram >= 0,
                "Use 1 or more, or 0 for off",
            ),
        ):
            if not holds or math.isinf(value):
                raise UsageError(name, f"{value} is out of range", cure)
        if "" in self.stop:
            raise UsageError("stop", "a stop text is empty", "Give at least one character")
        for token, bias in self.logit_bias.items():
            if not (abs(bias) <= _LARGEST_BIAS or bias == -math.inf):
                raise UsageError(
                    "logit-bias", f"{token!r}={bias} is no bias", "Use a number, or -inf to forbid"
                )

    @property
    def heat(self) -> float:
        """The temperature that float32 can divide by: one too close to 0 is 0, greedy."""
        return self.temperature if self.temperature >= _COLDEST else 0.0

    @property
    def needs_host(self) -> bool:
        """Whether something is asked for that the graph does not do."""
        return bool(
            self.min_p > 0
            or self.typical < 1
            or self.repetition_penalty != 1
            or self.no_repeat_ngram
            or self.logit_bias
        )


def checked_seed(seed: int) -> int:
    """The seed itself.

    Raises:
        UsageError: it is not in 0 to 2^64 - 1.
    """
    if not 0 <= seed < 2**64:
        raise UsageError(
            "seed", f"{seed} is out of range", "Use 0 to 18446744073709551615, or none for a random one"
        )
    return seed
