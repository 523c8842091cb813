"""Figures of a file on labelled texts, what it got wrong, what abstaining would buy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.figures import Figures, measure
from seqtools_sentiment.results import Classification
from seqtools_sentiment.rivals import verdict
from seqtools_sentiment.robustness import Change

if TYPE_CHECKING:
    from numpy.typing import NDArray

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of texts that are answered, for which the accuracy is told."""

_TINY = 1e-12


@dataclass(frozen=True)
class Mistake:
    """A text that got a wrong label.

    Attributes:
        text, where: the text, its file and line.
        gold: the right labels.
        label: what was said, and how probable that was to the model.
        gold_probability: how probable the right answer was to it.
    """

    text: str
    where: str
    gold: tuple[str, ...]
    label: tuple[str, ...]
    probability: float
    gold_probability: float


@dataclass(frozen=True)
class Abstaining:
    """What is right among the texts that the model is most sure about.

    Attributes:
        coverage: share of texts that are answered.
        abstain: the value of `--abstain` that answers them.
        accuracy: of the answers.
    """

    coverage: float
    abstain: float
    accuracy: float


@dataclass
class Evaluation:
    """All that is known after scoring.

    Attributes:
        figures: of the file.
        mistakes: the worst ones, the worst first.
        abstaining: accuracy by coverage; empty with several labels a text.
        rivals: figures of linear models by name.
        changes: the robustness report; None if none was asked for.
        blank: texts without any token, which got the prior's answer.
    """

    figures: Figures
    mistakes: list[Mistake]
    abstaining: list[Abstaining]
    rivals: Mapping[str, Figures] = field(default_factory=dict)
    changes: list[Change] | None = None
    blank: int = 0

    @property
    def texts(self) -> int:
        """How many were scored."""
        return len(self.figures.targets)

    @property
    def interval(self) -> float:
        """Half the 95 % interval of the accuracy (Wilson 1927)."""
        share, count, z = self.figures.accuracy, self.texts, 1.96
        spread = math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
        return z * spread / (1 + z * z / count)

    def as_json(self) -> dict[str, Any]:
        """JSON-safe."""
        figures, confusion = self.figures, self.figures.confusion
        return {
            "texts": self.texts,
            "blank": self.blank,
            "objective": figures.objective,
            "classes": list(figures.names),
            **figures.summary(),
            "accuracy_interval": self.interval,
            "per_class": figures.per_class,
            "confusion": None if confusion is None else confusion.tolist(),
            "abstaining": [asdict(one) for one in self.abstaining],
            "errors": [asdict(one) for one in self.mistakes],
            "robustness": None
            if self.changes is None
            else [{**asdict(one), "share": one.share} for one in self.changes],
            "floors": {name: _comparable(rival) for name, rival in self.rivals.items()},
            "verdict": verdict(figures, self.rivals),
        }


def evaluate(
    examples: Sequence[Example],
    results: Sequence[Classification],
    labels: Labels,
    *,
    errors: int,
    rivals: Mapping[str, Figures] | None = None,
    changes: list[Change] | None = None,
) -> Evaluation:
    """Score what a model said of labelled texts.

    Args:
        examples: the texts, all of whose labels are known.
        results: what was said of each.
        errors: most mistakes to keep.
        rivals: figures of linear models on the same texts.
        changes: the robustness report.
    """
    shares = np.array([list(one.probabilities.values()) for one in results], np.float32)
    figures = measure(shares, labels.targets(examples), labels)
    return Evaluation(
        figures,
        _mistakes(examples, figures, errors),
        _abstaining(figures),
        rivals or {},
        changes,
        sum(one.tokens == 0 for one in results),
    )


def _mistakes(examples: Sequence[Example], figures: Figures, count: int) -> list[Mistake]:
    """The texts whose right labels were least probable to the model, among those it got wrong."""
    gold = _probability(figures.probabilities, figures.gold, figures.objective)
    said = _probability(figures.probabilities, figures.predicted, figures.objective)
    wrong = np.flatnonzero(~figures.right)
    worst = wrong[np.argsort(gold[wrong], kind="stable")][:count]
    return [
        Mistake(
            examples[place].text,
            examples[place].where,
            _named(figures, figures.gold[place]),
            _named(figures, figures.predicted[place]),
            float(said[place]),
            float(gold[place]),
        )
        for place in worst.tolist()
    ]


def _probability(
    shares: NDArray[np.float32], chosen: NDArray[np.bool_], objective: str
) -> NDArray[np.float64]:
    """Of exactly these labels, `[texts]`; with several labels each is decided by itself."""
    p = shares.astype(np.float64)
    if objective != "sigmoid":
        one: NDArray[np.float64] = np.where(chosen, p, 0).sum(axis=1)
        return one
    each = np.clip(np.where(chosen, p, 1 - p), _TINY, 1)
    together: NDArray[np.float64] = np.exp(np.log(each).sum(axis=1))
    return together


def _named(figures: Figures, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, there in zip(figures.names, chosen.tolist(), strict=True) if there)


def _abstaining(figures: Figures) -> list[Abstaining]:
    if figures.objective == "sigmoid":
        return []
    sure = figures.probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    right = np.cumsum(figures.right[order])
    found = []
    for coverage in COVERAGES:
        answered = max(1, round(coverage * len(order)))
        least = 0.0 if coverage == 1 else float(sure[order[answered - 1]])
        found.append(Abstaining(coverage, least, float(right[answered - 1] / answered)))
    return found


def _comparable(rival: Figures) -> dict[str, float]:
    """What does not depend on calibration."""
    return {"accuracy": rival.accuracy, "macro_f1": rival.macro_f1, "micro_f1": rival.micro_f1}
