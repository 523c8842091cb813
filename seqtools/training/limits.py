"""The ranges of a recipe's training keys, checked before anything is built."""

from __future__ import annotations

from collections.abc import Callable

from seqtools.errors import UsageError
from seqtools.recipe import LoopConfig
from seqtools.training.clock import parse_duration

Rule = tuple[Callable[[float], bool], str]

AT_LEAST_ONE: Rule = (lambda x: x >= 1, "at least 1")
NOT_NEGATIVE: Rule = (lambda x: x >= 0, "zero or more")
ABOVE_ZERO: Rule = (lambda x: x > 0, "above zero")
BELOW_ONE: Rule = (lambda x: 0 <= x < 1, "in 0..1, 1 excluded")

RULES: dict[str, Rule] = {
    "lr": ABOVE_ZERO,
    "momentum": BELOW_ONE,
    "beta1": BELOW_ONE,
    "beta2": BELOW_ONE,
    "weight_decay": NOT_NEGATIVE,
    "warmup": NOT_NEGATIVE,
    "plateau_factor": ABOVE_ZERO,
    "plateau_patience": NOT_NEGATIVE,
    "epochs": ABOVE_ZERO,
    "steps": NOT_NEGATIVE,
    "ema": BELOW_ONE,
    "accumulate": AT_LEAST_ONE,
    "evaluate_every": NOT_NEGATIVE,
    "checkpoint_every": AT_LEAST_ONE,
    "log_every": AT_LEAST_ONE,
    "patience": NOT_NEGATIVE,
    "threads": AT_LEAST_ONE,
}


def check_limits(config: LoopConfig) -> None:
    """Refuse keys of the loop that are out of range (those of the data are the task's to check).

    Raises:
        UsageError: names every such key, its value and its range; or `max_time` is no time.
    """
    wrong = []
    for name, (holds, words) in RULES.items():
        value = getattr(config, name)
        if not holds(value):
            wrong.append(f"{name} is {value:g} and must be {words}")
    if wrong:
        raise UsageError("training", "; ".join(wrong), "Change the recipe")
    if config.max_time:
        parse_duration(config.max_time)
