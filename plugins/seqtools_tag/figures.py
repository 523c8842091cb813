"""How good labels are: accuracy, and F1 of spans by conlleval's definition. The standard library only.

A span counts as found where first word, last word and type all agree (Tjong Kim Sang & De Meulder 2003).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from seqtools_tag.schemes import is_span_label, spans

_BINS = 15


@dataclass(frozen=True)
class Count:
    """How many there are of something, how many were said, and how many of these rightly."""

    gold: int = 0
    said: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        """Share of what was said that is right; 0 where nothing was."""
        return self.right / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        """Share of what there is that was found; 0 where there is nothing."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.right / (self.said + self.gold) if self.right else 0.0

    def payload(self) -> dict[str, float]:
        """JSON-safe."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "gold": self.gold,
            "said": self.said,
            "right": self.right,
        }


@dataclass(frozen=True)
class Figures:
    """What became of the words of a corpus.

    Attributes:
        words: how many have a label.
        right: how many got the right one.
        kinds: by type of span; by label where labels are plain. In alphabetical order.
        spans: all spans together; None where labels are plain.
    """

    words: int
    right: int
    kinds: dict[str, Count] = field(default_factory=dict)
    spans: Count | None = None

    @property
    def accuracy(self) -> float:
        """Share of the words with the right label."""
        return self.right / self.words if self.words else 0.0

    @property
    def f1(self) -> float:
        """Of all spans together (micro); of plain labels the mean over them (macro)."""
        return self.macro("f1") if self.spans is None else self.spans.f1

    def macro(self, figure: str) -> float:
        """Mean over types of span, or labels, of their `precision`, `recall` or `f1`."""
        kinds = self.kinds.values()
        return float(sum(getattr(count, figure) for count in kinds)) / len(kinds) if kinds else 0.0

    def summary(self) -> dict[str, float]:
        """JSON-safe: `accuracy`, and of spans `precision`, `recall` and `f1`; shares, not per cent."""
        told = {"accuracy": self.accuracy}
        if self.spans is None:
            return told | {"macro_f1": self.f1}
        return told | {"precision": self.spans.precision, "recall": self.spans.recall, "f1": self.spans.f1}

    def told(self) -> dict[str, float]:
        """The same with `macro_f1` and `micro_f1`; the latter is the accuracy where a word has one label."""
        micro = self.accuracy if self.spans is None else self.spans.f1
        return self.summary() | {"macro_f1": self.macro("f1"), "micro_f1": micro}


def expected_calibration_error(shares: Sequence[float], right: Sequence[bool]) -> float:
    """How far probabilities are from how often labels are right (Guo et al. 2017); 0 where there are none.

    Args:
        shares: probability of each chosen label, in 15 bins of equal width.
        right: whether it was right.
    """
    bins: dict[int, list[float]] = {}
    for share, hit in zip(shares, right, strict=True):
        bins.setdefault(min(int(share * _BINS), _BINS - 1), []).append(share - hit)
    return sum(abs(sum(apart)) for apart in bins.values()) / max(len(shares), 1)


def measure(
    gold: Sequence[Sequence[str]], said: Sequence[Sequence[str]], *, spanned: bool | None = None
) -> Figures:
    """Figures of labels that were said for sentences.

    Args:
        gold: labels as they should be, a sentence each.
        said: labels as they are, as many.
        spanned: whether they mark spans; None looks at what is gold.

    Raises:
        ValueError: a sentence has another number of labels.
    """
    pairs = [pair for one, other in zip(gold, said, strict=True) for pair in zip(one, other, strict=True)]
    right = sum(one == other for one, other in pairs)
    if spanned is None:
        spanned = all(is_span_label(label) for label, _ in pairs) and any(label != "O" for label, _ in pairs)
    if not spanned:
        agreed = Counter(one for one, other in pairs if one == other)
        kinds = _counts(Counter(one for one, _ in pairs), Counter(other for _, other in pairs), agreed)
        return Figures(len(pairs), right, kinds)
    there, found, both = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(gold, said, strict=True):
        real, claimed = spans(one), spans(other)
        there.update(span.type for span in real)
        found.update(span.type for span in claimed)
        both.update(span.type for span in set(real) & set(claimed))
    together = Count(there.total(), found.total(), both.total())
    return Figures(len(pairs), right, _counts(there, found, both), together)


def _counts(gold: Counter[str], said: Counter[str], right: Counter[str]) -> dict[str, Count]:
    return {kind: Count(gold[kind], said[kind], right[kind]) for kind in sorted(gold | said)}
