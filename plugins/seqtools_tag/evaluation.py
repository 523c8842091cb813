"""What a tagger is worth: figures, words it does not know, confusions, hard sentences, the floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqtools_tag.figures import Figures, expected_calibration_error, measure
from seqtools_tag.results import TagResult
from seqtools_tag.robustness import Change
from seqtools_tag.sentences import Sentence

Predict = Callable[[Sequence[str]], Sequence[str]]
"""Words of a sentence to their labels."""


@dataclass(frozen=True)
class Hard:
    """A sentence that the model gets wrong.

    Attributes:
        number: of the sentence in the file, from 1.
        line: of its first word, 0 if unknown.
        words, gold, said: of all its words.
        surprise: probabilities of the wrong labels, summed: how sure it was of what is not so.
    """

    number: int
    line: int
    words: tuple[str, ...]
    gold: tuple[str, ...]
    said: tuple[str, ...]
    surprise: float

    @property
    def wrong(self) -> int:
        """How many labels are wrong."""
        return sum(a != b for a, b in zip(self.gold, self.said, strict=True))

    def marked(self) -> str:
        """The words; wrong ones with what was said and what it should have been."""
        return " ".join(
            word if said == gold else f"{word}/{said}(→{gold})"
            for word, gold, said in zip(self.words, self.gold, self.said, strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "sentence": self.number,
            "line": self.line,
            "words": list(self.words),
            "gold": list(self.gold),
            "labels": list(self.said),
            "wrong": self.wrong,
        }


@dataclass(frozen=True)
class Evaluation:
    """All that is known of a model on some sentences.

    Attributes:
        sentences: how many.
        figures: of the model.
        unknown: words that are not in the model's vocabulary, and how many of them got the right label.
        labels: how often each label is gold, said, and both.
        confusions: gold and said label, and how often, the most frequent first.
        hardest: the sentences with the surest mistakes.
        floors: figures of simple methods, by name.
        ece: how far the model's probabilities are from how often it is right.
        changes: the robustness report; None if none was asked for.
    """

    sentences: int
    figures: Figures
    unknown: tuple[int, int]
    labels: Figures
    confusions: list[tuple[str, str, int]]
    hardest: list[Hard]
    floors: dict[str, Figures] = field(default_factory=dict)
    ece: float = 0.0
    changes: list[Change] | None = None

    @property
    def matrix(self) -> list[list[int]]:
        """Words by right and said label, `[labels, labels]`, in the order of `labels.kinds`."""
        cells = {(wanted, label): count for wanted, label, count in self.confusions}
        kinds = self.labels.kinds
        cells |= {(label, label): count.right for label, count in kinds.items()}
        return [[cells.get((wanted, label), 0) for label in kinds] for wanted in kinds]

    @property
    def judged(self) -> str:
        """The figure that counts: F1 where there are spans."""
        return "F1" if self.figures.spans else "accuracy"

    def value(self, figures: Figures) -> float:
        """That figure, in per cent."""
        return 100 * (figures.f1 if self.figures.spans else figures.accuracy)

    def verdict(self) -> str:
        """One honest sentence on whether the model beats the simple methods."""
        if not self.floors:
            return "There is no floor to compare with: name training sentences with --train."
        own, name = self.value(self.figures), self.judged
        gains = {method: own - self.value(figures) for method, figures in self.floors.items()}
        lost = {method: gain for method, gain in gains.items() if gain <= 0}
        if lost:
            method = min(lost, key=lambda one: lost[one])
            told = f"{name} {-lost[method]:.2f} lower" if lost[method] else f"the same {name}"
            return f"The model does not beat {_called(method)} ({told}): it has not earned its place."
        told = " and ".join(f"{_called(method)} by {gain:.2f}" for method, gain in gains.items())
        return f"The model beats {told} points of {name}."

    def as_json(self) -> dict[str, Any]:
        """JSON-safe, keys in order."""
        count, right = self.unknown
        return {
            "sentences": self.sentences,
            "words": self.figures.words,
            "figures": self.figures.told(),
            "kinds": {kind: one.payload() for kind, one in self.figures.kinds.items()},
            "labels": {label: one.payload() for label, one in self.labels.kinds.items()},
            "unknown_words": {"words": count, "accuracy": right / count if count else None},
            "confusions": [list(one) for one in self.confusions],
            "confusion": {"labels": list(self.labels.kinds), "words": self.matrix},
            "robustness": None if self.changes is None else [one.as_json() for one in self.changes],
            "hardest": [one.as_json() for one in self.hardest],
            "floors": {name: figures.told() for name, figures in self.floors.items()},
            "ece": self.ece,
            "verdict": self.verdict(),
        }


def evaluate(
    gold: Sequence[Sentence],
    told: Sequence[TagResult],
    *,
    spanned: bool,
    known: Callable[[str], bool],
    floors: Mapping[str, Predict],
    hardest: int = 5,
    changes: list[Change] | None = None,
) -> Evaluation:
    """Compare what a model says with what is so.

    Args:
        gold: sentences with their labels in the scheme that the model reports.
        told: what the model says of each.
        spanned: whether labels mark spans.
        known: whether a word is in the model's vocabulary.
        floors: simple methods, by name.
        hardest: so many sentences are kept.
        changes: the robustness report.
    """
    right = [one.labels for one in gold]
    said = [one.labels for one in told]
    unknown, met = 0, 0
    confusions = Counter[tuple[str, str]]()
    for sentence, result in zip(gold, told, strict=True):
        for word, wanted, label in zip(sentence.words, sentence.labels, result.labels, strict=True):
            if not known(word):
                unknown, met = unknown + 1, met + (wanted == label)
            if wanted != label:
                confusions[wanted, label] += 1
    return Evaluation(
        len(gold),
        measure(right, said, spanned=spanned),
        (unknown, met),
        measure(right, said, spanned=False),
        [(*pair, count) for pair, count in sorted(confusions.items(), key=lambda one: (-one[1], one[0]))],
        _hardest(gold, told)[:hardest],
        {
            name: measure(right, [predict(one.words) for one in gold], spanned=spanned)
            for name, predict in floors.items()
        },
        expected_calibration_error(
            [share for one in told for share in one.probabilities],
            [
                one == other
                for labels, row in zip(right, said, strict=True)
                for one, other in zip(labels, row, strict=True)
            ],
        ),
        changes,
    )


def _hardest(gold: Sequence[Sentence], told: Sequence[TagResult]) -> list[Hard]:
    """Sentences with a wrong label, those with the surest mistakes first."""
    found = []
    for number, (sentence, result) in enumerate(zip(gold, told, strict=True), 1):
        rows = zip(sentence.labels, result.labels, result.probabilities, strict=True)
        surprise = sum(share for wanted, label, share in rows if wanted != label)
        if sentence.labels != result.labels:
            hard = Hard(number, sentence.line, sentence.words, sentence.labels, result.labels, surprise)
            found.append(hard)
    return sorted(found, key=lambda one: (-one.surprise, one.number))


def _called(name: str) -> str:
    """A method inside a sentence."""
    return f"the {name}" if name.startswith("averaged") else name
