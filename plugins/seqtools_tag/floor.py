"""What a tagger must beat to have earned its place: each word's usual label, and an averaged perceptron."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqtools_tag.labels import LabelSet
from seqtools_tag.perceptron import Perceptron
from seqtools_tag.sentences import Sentence

USUAL, PERCEPTRON = "each word's usual label", "averaged perceptron"


class UsualLabel:
    """The most frequent label of each word; of a word never met, that of the words met once.

    Args:
        labels: of each word.
        otherwise: of all others.
    """

    def __init__(self, labels: dict[str, str], otherwise: str) -> None:
        self._labels, self._otherwise = labels, otherwise

    @classmethod
    def learn(cls, sentences: Sequence[Sentence]) -> UsualLabel:
        """Count labels; of those equally frequent the first in alphabetical order."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in sentences:
            for word, label in zip(one.words, one.labels, strict=True):
                counts[word][label] += 1
        rare = Counter[str]()
        for labels in counts.values():
            if labels.total() == 1:
                rare.update(labels)
        every = Counter(label for one in sentences for label in one.labels)
        return cls({word: _first(labels) for word, labels in counts.items()}, _first(rare or every))

    def predict(self, words: Sequence[str]) -> list[str]:
        """The labels of a sentence."""
        return [self._labels.get(word, self._otherwise) for word in words]


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda label: (-counts[label], label))


def fit_floor(
    sentences: Sequence[Sentence], labels: LabelSet, *, seed: int = 1
) -> dict[str, UsualLabel | Perceptron]:
    """Both methods, by name, learnt from training sentences whose labels are as they are reported."""
    pairs = [(one.words, one.labels) for one in sentences]
    return {
        USUAL: UsualLabel.learn(sentences),
        PERCEPTRON: Perceptron.learn(pairs, labels, seed=seed),
    }
