"""How a search goes: every knob, checked. The standard library and, late, numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqtools.errors import UsageError
from seqtools.suggest import hint

if TYPE_CHECKING:
    from seqtools.runtime.arrays import IntArray

LENGTH_PENALTIES = ("none", "average", "wu", "power")
COVERAGE_PENALTIES = ("none", "wu", "summary")
LARGEST_BEAM, LARGEST_LENGTH, LARGEST_SEED = 1024, 1_000_000, 2**64 - 1

Named = Mapping[str, Mapping[str, Any]]
"""Settings of rules by the name that they are registered under."""


@dataclass(frozen=True, kw_only=True)
class BeamOptions:
    """Options of a search.

    Raises:
        UsageError: a value is out of range, or two contradict each other.
    """

    beam_size: int = 5
    """Hypotheses kept for each sentence."""
    n_best: int = 1
    """Hypotheses given back for each sentence, at most `beam_size`."""
    length_penalty: str = "power"
    """`none`, `average`, `wu` (Wu et al. 2016, equation 14) or `power` (length^alpha)."""
    alpha: float = 1.0
    """Strength of `wu` and `power`."""
    word_reward: float = 0.0
    """Added to the sum for every token (He et al. 2016)."""
    coverage_penalty: str = "none"
    """`none`, `wu` (Wu et al. 2016, equation 15: source left out) or `summary` (source looked at twice)."""
    beta: float = 0.2
    """Strength of the coverage penalty."""
    min_length: int = 0
    """Least new tokens, end token not counted."""
    max_length: int = 256
    """Most new tokens."""
    min_length_ratio: float = 0.0
    """Least new tokens for each source token; 0 is off."""
    max_length_ratio: float = 0.0
    """Most new tokens for each source token; 0 is off."""
    no_repeat_ngram: int = 0
    """Never write an n-gram of this many tokens twice; 0 is off."""
    repetition_penalty: float = 1.0
    """Multiply log-probabilities of tokens that are there already (Keskar et al. 2019); 1 is off."""
    prefix_bias: float = 0.0
    """Share of probability given to the next token of a biased prefix; 0 is off."""
    groups: int = 1
    """Groups of a diverse beam (Vijayakumar et al. 2016); `beam_size` is a multiple of it."""
    diversity: float = 0.5
    """What a token loses for each earlier group that took it in the same turn."""
    patience: float = 0.0
    """End once `patience * beam_size` hypotheses are complete (Kasai et al. 2022); 0 lets them compete."""
    prune: float = 0.0
    """Drop hypotheses whose sum is so many nats below the best (Freitag and Al-Onaizan 2017); 0 is off."""
    temperature: float = 0.0
    """Above 0: draw `beam_size` independent samples instead of searching."""
    top_k: int = 0
    """Sample among the k likeliest tokens; 0 is off."""
    top_p: float = 1.0
    """Sample among the likeliest tokens that hold this probability; 1 is off."""
    seed: int = 0
    """What the noise of sampling is made from."""
    scorers: Named = field(default_factory=dict)
    """Further scorers by name, with their settings."""
    constraints: Named = field(default_factory=dict)
    """Further constraints by name, with their settings."""

    def __post_init__(self) -> None:
        self._check_ranges()
        self._check_choice("length-penalty", self.length_penalty, LENGTH_PENALTIES)
        self._check_choice("coverage-penalty", self.coverage_penalty, COVERAGE_PENALTIES)
        self._check_together()

    def lengths(self, source_lengths: IntArray) -> tuple[IntArray, IntArray]:
        """Most and least new tokens for sources of these lengths, both `[batch]`."""
        import numpy as np

        source = np.asarray(source_lengths, np.int64)
        most = np.full(len(source), self.max_length, np.int64)
        if self.max_length_ratio:
            allowed = np.ceil(self.max_length_ratio * source).astype(np.int64)
            most = np.minimum(most, np.maximum(allowed, 1))
        least = np.maximum(self.min_length, np.floor(self.min_length_ratio * source)).astype(np.int64)
        return most, np.minimum(least, most)

    def named_scorers(self) -> Named:
        """The scorers that these options ask for, by name, with their settings; ours come first."""
        told: dict[str, Mapping[str, Any]] = {}
        if self.repetition_penalty != 1:
            told["repetition"] = {"penalty": self.repetition_penalty}
        if self.prefix_bias:
            told["prefix_bias"] = {"strength": self.prefix_bias}
        if self.length_penalty != "none" or self.word_reward:
            told["length"] = {
                "kind": self.length_penalty,
                "alpha": self.alpha,
                "word_reward": self.word_reward,
            }
        if self.coverage_penalty != "none":
            told["coverage"] = {"kind": self.coverage_penalty, "beta": self.beta}
        return {**told, **self.scorers}

    def named_constraints(self) -> Named:
        """The constraints that these options ask for; lexical ones wait for their sentences."""
        told: dict[str, Mapping[str, Any]] = {"banned": {}, "phrases": {}}
        if self.no_repeat_ngram:
            told["no_repeat_ngram"] = {"size": self.no_repeat_ngram}
        return {**told, **self.constraints}

    def _check_ranges(self) -> None:
        for name, value, low, high, cure in (
            ("beam-size", self.beam_size, 1, LARGEST_BEAM, f"Use 1 (greedy) to {LARGEST_BEAM}"),
            ("n-best", self.n_best, 1, self.beam_size, f"Use 1 to the beam size ({self.beam_size})"),
            ("alpha", self.alpha, -100, 100, "Use 0 (off) to 2"),
            ("word-reward", self.word_reward, -1e6, 1e6, "Use a small number, such as 0.2"),
            ("beta", self.beta, 0, 1e6, "Use 0 or more"),
            ("max-length", self.max_length, 0, LARGEST_LENGTH, "Use 0 or more"),
            ("min-length", self.min_length, 0, self.max_length, "Use 0 to the largest length"),
            ("max-length-ratio", self.max_length_ratio, 0, 1e6, "Use more than 0, or 0 for off"),
            ("min-length-ratio", self.min_length_ratio, 0, 1e6, "Use more than 0, or 0 for off"),
            ("no-repeat-ngram", self.no_repeat_ngram, 0, LARGEST_LENGTH, "Use 1 or more, or 0 for off"),
            ("repetition-penalty", self.repetition_penalty, 1e-6, 1e6, "Use 1 (off), or 1.1 for a mild one"),
            ("prefix-bias", self.prefix_bias, 0, 1, "Use 0 (off) to 1"),
            ("groups", self.groups, 1, self.beam_size, f"Use 1 to the beam size ({self.beam_size})"),
            ("diversity", self.diversity, 0, 1e6, "Use 0 or more"),
            ("patience", self.patience, 0, 1e6, "Use 1 or more, or 0 for off"),
            ("prune", self.prune, 0, 1e6, "Use more than 0, or 0 for off"),
            ("temperature", self.temperature, 0, 1e6, "Use 0 (search) or more (samples)"),
            ("top-k", self.top_k, 0, math.inf, "Use 1 or more, or 0 for off"),
            ("top-p", self.top_p, 1e-9, 1, "Use more than 0 and at most 1 (off)"),
            ("seed", self.seed, 0, LARGEST_SEED, "Use 0 to 18446744073709551615"),
        ):
            if not low <= value <= high or math.isinf(value):
                raise UsageError(name, f"{value} is out of range", cure)

    def _check_choice(self, name: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise UsageError(name, f"there is no '{value}'", hint(value, known))

    def _check_together(self) -> None:
        if self.beam_size % self.groups:
            cause = f"a beam of {self.beam_size} does not split into {self.groups} equal groups"
            raise UsageError("groups", cause, "Use a beam size that is a multiple of it")
        ways = {
            "temperature": self.temperature > 0,
            "groups": self.groups > 1,
            "patience": self.patience > 0,
        }
        chosen = [name for name, on in ways.items() if on]
        if len(chosen) > 1:
            raise UsageError(chosen[0], f"it does not go together with {chosen[1]}", "Drop one of them")
        if not self.temperature and (self.top_k or self.top_p < 1):
            name = "top-k" if self.top_k else "top-p"
            raise UsageError(name, "it is for samples, and nothing is sampled", "Give a temperature above 0")
