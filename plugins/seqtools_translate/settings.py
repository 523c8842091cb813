"""How text is translated: every knob, checked. The standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from seqtools.errors import UsageError
from seqtools.suggest import hint

LENGTH_PENALTIES = ("none", "average", "wu", "power")
COVERAGE_PENALTIES = ("none", "wu", "summary")
BATCH_TYPES = ("sents", "tokens")
AVERAGES = ("probabilities", "log-probabilities")
ALLOWANCE = 10
"""Tokens that a translation may have beyond `max_length_ratio` times its source."""

_LARGEST_BEAM, _LONGEST, _TOKENS_AT_ONCE = 1000, 10_000, 512


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run; what the graph cannot do (`needs_host`) is done outside it, over the same file.

    Raises:
        UsageError: a value is out of range, or two contradict each other.
    """

    beam_size: int = 5
    """Hypotheses followed at once; 1 is greedy."""
    n_best: int = 1
    """Different translations of each text, best first."""
    length_penalty: str = "power"
    """Makes scores comparable: none, average (a token), power (length^alpha) or wu (Wu et al. 2016)."""
    alpha: float = 1.0
    """Strength of `power` and `wu`; 0 is none."""
    word_reward: float = 0.0
    """Added to the score for each token."""
    coverage_penalty: str = "none"
    """Punish what was not looked at (wu, Wu et al. 2016) or looked at too often (summary)."""
    beta: float = 0.2
    """Strength of the coverage penalty."""
    max_length: int = 256
    """Most tokens of a translation, its end not counted."""
    max_length_ratio: float = 2.0
    """The same for each source token, and 10 more; 0 is off."""
    min_length: int = 0
    """Fewest tokens of a translation."""
    min_length_ratio: float = 0.0
    """The same for each source token."""
    no_repeat_ngram: int = 0
    """Never write an n-gram of this many tokens twice; 0 is off."""
    repetition_penalty: float = 1.0
    """Multiply the log-probability of tokens written before (after Keskar et al. 2019); 1 is off."""
    prefix_bias: float = 0.0
    """Favour the prefix with this weight below 1 instead of forcing it; 0 forces."""
    diverse_groups: int = 1
    """Groups of hypotheses that avoid each other's tokens (Vijayakumar et al. 2018); 1 is off."""
    diversity: float = 0.5
    """How much they avoid them."""
    patience: float = 0.0
    """Stop after patience * beam finished hypotheses (Kasai et al. 2022); 0 lets finished ones compete."""
    prune: float = 0.0
    """Drop hypotheses so many nats below the best; 0 is off."""
    sampling_topk: int = 0
    """Draw from the k likeliest tokens instead of searching; 0 is all."""
    sampling_topp: float = 1.0
    """Draw from the likeliest tokens that hold this probability; 1 is all."""
    sampling_temperature: float = 0.0
    """Randomness of drawing; 0 is no drawing, unless top-k or top-p ask for it (then 1)."""
    seed: int = 0
    """What the noise of drawing is made from."""
    replace_unk: bool = False
    """For an unknown token write the source word looked at most, by the file's dictionary or as it is."""
    max_source: int = 256
    """Longest source in tokens; what is longer is cut, or split with `split_long`."""
    split_long: bool = False
    """Split long sources at the ends of sentences and translate the parts."""
    shortlist: bool = False
    """Predict only tokens that the file's lexicon knows for a sentence; translates one at a time."""
    batch_size: int = 16
    """Sentences, or source tokens with their padding (then 512), that are translated at once."""
    batch_type: str = "sents"
    """What `batch_size` counts: sents or tokens."""

    def __post_init__(self) -> None:
        for name, told, known in (
            ("length-penalty", self.length_penalty, LENGTH_PENALTIES),
            ("coverage-penalty", self.coverage_penalty, COVERAGE_PENALTIES),
            ("batch-type", self.batch_type, BATCH_TYPES),
        ):
            if told not in known:
                raise UsageError(name, f"{told!r} is unknown", hint(str(told), known))
        for name, low, high, cure in _RANGES:
            value = _number(name, getattr(self, name), whole=isinstance(getattr(type(self), name), int))
            if not low <= value <= high or math.isinf(value):
                raise UsageError(name.replace("_", "-"), f"{value} is out of range", cure)
        self._check_pairs()

    def _check_pairs(self) -> None:
        if self.n_best > self.beam_size and not self.samples:
            cause = f"{self.n_best} is more than the beam of {self.beam_size} holds"
            raise UsageError("n-best", cause, f"Use --beam-size {self.n_best}")
        if self.min_length > self.max_length:
            cause = f"{self.min_length} is above the maximum of {self.max_length}"
            raise UsageError("min-length", cause, "Lower it, or raise --max-length")
        if self.beam_size % self.diverse_groups:
            cause = f"{self.diverse_groups} groups do not divide a beam of {self.beam_size}"
            raise UsageError("diverse-groups", cause, "Use a beam that is a multiple of it")

    @classmethod
    def chosen(cls, told: Mapping[str, Any], asked: Mapping[str, Any]) -> Settings:
        """Settings of a run: what was asked for, else the file's own, else the defaults.

        Args:
            told: `decoding` of the model's card; what this version does not know is left aside.
            asked: fields of this class; None means not asked for.

        Raises:
            UsageError: an option is unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        for name in asked:
            if name not in names:
                raise UsageError("translate", f"there is no option '{name}'", hint(name, names))
        wanted = {name: value for name, value in asked.items() if value is not None}
        own = {name: value for name, value in told.items() if name in names}
        given = own | wanted
        n_best = given.get("n_best", 1)
        if "beam_size" not in wanted and isinstance(n_best, int):
            given["beam_size"] = max(given.get("beam_size", cls.beam_size), n_best)
        if given.get("batch_type") == "tokens":
            given.setdefault("batch_size", _TOKENS_AT_ONCE)
        return cls(**given)

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn at random."""
        return self.sampling_temperature > 0 or self.sampling_topk > 0 or self.sampling_topp < 1

    @property
    def power(self) -> float:
        """The alpha with which the graph ranks hypotheses."""
        return {"none": 0.0, "average": 1.0}.get(self.length_penalty, self.alpha)

    @property
    def needs_host(self) -> bool:
        """Whether something is asked for that the graph does not do."""
        return bool(
            self.length_penalty == "wu"
            or self.word_reward
            or self.coverage_penalty != "none"
            or self.no_repeat_ngram
            or self.repetition_penalty != 1
            or self.prefix_bias
            or self.diverse_groups > 1
            or self.patience
            or self.prune
            or self.samples
        )

    def lengths(self, source: int) -> tuple[int, int]:
        """Most and fewest tokens of the translation of so many source tokens."""
        most, fewest = self.max_length, max(self.min_length, math.ceil(self.min_length_ratio * source))
        if self.max_length_ratio:
            most = min(most, math.ceil(self.max_length_ratio * source) + ALLOWANCE)
        # The shortest that was asked for wins over the ratio, and leaves room for the end.
        return max(most, min(fewest + 1, self.max_length)), min(fewest, self.max_length)

    def but(self, **changes: Any) -> Settings:
        """The same with other values."""
        return replace(self, **changes)


def _number(name: str, value: Any, *, whole: bool) -> float:
    """The value of a numeric option; a card or a caller may give anything."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        kind = "whole number" if whole else "number"
        raise UsageError(name.replace("_", "-"), f"{value!r} is no {kind}", "Give one like 5")
    return value


_RANGES: tuple[tuple[str, float, float, str], ...] = (
    ("beam_size", 1, _LARGEST_BEAM, f"Use 1 (greedy) to {_LARGEST_BEAM}"),
    ("n_best", 1, _LARGEST_BEAM, "Use 1 or more"),
    ("alpha", 0, 10, "Use 0 (off) to 10; 1 ranks by the mean of a token"),
    ("word_reward", -1e3, 1e3, "Use a small number like 0.1"),
    ("beta", 0, 1e3, "Use 0 (off) or more; 0.2 is usual"),
    ("max_length", 1, _LONGEST, f"Use 1 to {_LONGEST}"),
    ("max_length_ratio", 0, 1e3, "Use more than 0, or 0 for off"),
    ("min_length", 0, _LONGEST, "Use 0 or more"),
    ("min_length_ratio", 0, 1e3, "Use 0 or more"),
    ("no_repeat_ngram", 0, _LONGEST, "Use 1 or more, or 0 for off"),
    ("repetition_penalty", 1e-3, 1e3, "Use more than 0; 1 is off, 1.1 is mild"),
    ("prefix_bias", 0, 0.999, "Use more than 0 and less than 1, or 0 to force the prefix"),
    ("diverse_groups", 1, _LARGEST_BEAM, "Use 1 (off) or more"),
    ("diversity", 0, 1e3, "Use 0 or more; 0.5 is usual"),
    ("patience", 0, 1e3, "Use 1 or more, or 0 for off"),
    ("prune", 0, 1e6, "Use more than 0 nats, or 0 for off"),
    ("sampling_topk", 0, 10**9, "Use 1 or more, or 0 for off"),
    ("sampling_topp", 1e-9, 1, "Use more than 0 and at most 1 (off)"),
    ("sampling_temperature", 0, 1e6, "Use more than 0, or 0 for no sampling"),
    ("seed", 0, 2**64 - 1, "Use 0 to 18446744073709551615"),
    ("max_source", 1, _LONGEST, f"Use 1 to {_LONGEST} tokens"),
    ("batch_size", 1, 10**6, "Use 1 or more"),
)
