"""What tagging a text gives. The standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqtools_tag.schemes import OUTSIDE, spans

_DIGITS = 6


@dataclass(frozen=True)
class TaggedSpan:
    """Some words in a row that are something together.

    Attributes:
        text: what stands there in the text.
        label: what it is (`PER`).
        start, end: its first character and the one after its last, in the text.
        first, past: its first word and the one after its last.
        probability: that of its least probable word's label.
    """

    text: str
    label: str
    start: int
    end: int
    first: int
    past: int
    probability: float

    def as_json(self) -> dict[str, Any]:
        """The keys of a span in a line of `--json`, in order."""
        return {
            "text": self.text,
            "label": self.label,
            "start": self.start,
            "end": self.end,
            "words": [self.first, self.past],
            "probability": round(self.probability, _DIGITS),
        }


@dataclass(frozen=True)
class TagResult:
    """A text and the labels of its words.

    Attributes:
        text: as given.
        words: as the text is cut; all of one length with the three that follow.
        labels: one for each word.
        probabilities: how probable each of these is, whatever the others are.
        offsets: where each word stands in the text: its first character and the one after its last.
        spans: what the labels mark, in order; nothing where labels are plain.
        parts: how many parts a long text was read in; 1 mostly.
        alternatives: of each word the most probable labels with their probabilities; None if not asked for.
    """

    text: str
    words: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    offsets: tuple[tuple[int, int], ...] = ()
    spans: tuple[TaggedSpan, ...] = ()
    parts: int = field(default=1, compare=False)
    alternatives: tuple[tuple[tuple[str, float], ...], ...] | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Words with their labels."""
        return list(zip(self.words, self.labels, strict=True))

    def places(self, word: int | str) -> list[int]:
        """Where a word stands among `words`, given as its text or its number from 0; nowhere is empty."""
        return [place for place, one in enumerate(self.words) if word in (one, place)]

    def without(self, threshold: float) -> TagResult:
        """The same without spans that are less probable; their words are outside then.

        Probabilities stay those of the labels that the model chose.
        """
        kept = tuple(span for span in self.spans if span.probability >= threshold)
        labels = list(self.labels)
        for span in self.spans:
            if span.probability < threshold:
                labels[span.first : span.past] = [OUTSIDE] * (span.past - span.first)
        return replace(self, labels=tuple(labels), spans=kept)

    def sure(self, least: float) -> TagResult:
        """The same with "" for labels that are less probable."""
        pairs = zip(self.labels, self.probabilities, strict=True)
        return replace(self, labels=tuple(label if share >= least else "" for label, share in pairs))

    def as_json(self) -> dict[str, Any]:
        """The keys of a line of `--json`, in order; a label that is not sure enough is null."""
        told: dict[str, Any] = {
            "text": self.text,
            "words": list(self.words),
            "labels": [label or None for label in self.labels],
            "probabilities": [round(value, _DIGITS) for value in self.probabilities],
            "offsets": [list(pair) for pair in self.offsets],
            "spans": [span.as_json() for span in self.spans],
        }
        if self.alternatives is not None:
            rows = self.alternatives
            told["alternatives"] = [{label: round(share, _DIGITS) for label, share in row} for row in rows]
        return told


def spans_of(
    text: str, labels: Sequence[str], probabilities: Sequence[float], offsets: Sequence[tuple[int, int]]
) -> tuple[TaggedSpan, ...]:
    """The spans that labels mark."""
    found = []
    for first, past, kind in spans(labels):
        start, end = offsets[first][0], offsets[past - 1][1]
        least = min(probabilities[first:past])
        found.append(TaggedSpan(text[start:end], kind, start, end, first, past, least))
    return tuple(found)
