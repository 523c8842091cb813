"""What a classifier says of a text, and which of its labels count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqtools.errors import UsageError

HALF = 0.5
"""From here on a label counts that excludes no other."""


@dataclass(frozen=True)
class Choice:
    """Which labels count.

    Attributes:
        threshold: where labels do not exclude each other: the probability from which one counts; None is a
            half.
        abstain: where they do: none counts if the most probable one is less probable than this.

    Raises:
        UsageError: a value is no probability.
    """

    threshold: float | None = None
    abstain: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("threshold", self.threshold), ("abstain", self.abstain)):
            if value is not None and not 0 <= value <= 1:
                raise UsageError(name, f"{value:g} is no probability", "Use a number from 0 to 1")

    def check(self, objective: str) -> None:
        """See that it fits the labels.

        Raises:
            UsageError: a threshold for labels that exclude each other, or `abstain` for others.
        """
        if objective != "sigmoid" and self.threshold is not None:
            cause = "the labels of this model exclude each other, the most probable one is taken"
            raise UsageError("threshold", cause, "Use --abstain for a label only where it is sure")
        if objective == "sigmoid" and self.abstain:
            cause = "a text may have no label of this model anyway"
            raise UsageError("abstain", cause, "Use --threshold")

    def of(self, probabilities: Mapping[str, float], best: str, objective: str) -> tuple[str, ...]:
        """The labels that count, the most probable first."""
        if objective != "sigmoid":
            return (best,) if probabilities[best] >= self.abstain else ()
        least = HALF if self.threshold is None else self.threshold
        return tuple(name for name, share in ranked(probabilities) if share >= least)


@dataclass(frozen=True)
class Classification:
    """What a model says of one text.

    Attributes:
        text: as given.
        label: the most probable class; of several equal ones the first.
        probabilities: of each class, in the order of the model; calibrated.
        labels: those that count: one, or none where the model abstains; any number where labels do not
            exclude each other, the most probable first.
        score: where the text stands between the lowest class, -1, and the highest, 1; None where classes
            have no order.
        tokens: how many were read; where it is 0 the answer is how frequent the classes were in training.
        blank: the text is empty, or blanks only.
    """

    text: str
    label: str
    probabilities: Mapping[str, float]
    labels: tuple[str, ...]
    score: float | None = None
    tokens: int = 0
    blank: bool = False

    @property
    def probability(self) -> float:
        """Of `label`."""
        return self.probabilities[self.label]

    @property
    def abstains(self) -> bool:
        """Whether no label counts."""
        return not self.labels

    def top(self, count: int) -> list[tuple[str, float]]:
        """The most probable classes and their probabilities, the best first."""
        return ranked(self.probabilities)[:count]


def ranked(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    """Classes and their probabilities, the most probable first, equal ones in their order."""
    return sorted(probabilities.items(), key=lambda pair: -pair[1])
