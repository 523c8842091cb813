"""Labels that mark spans: IOB1, BIO and BIOES, read alike, repaired, and turned into each other.

A label is `O` (outside) or a letter, a hyphen and a type: B begins a span, I goes on with it, E ends it, S
is a span of one word. IOB1 (CoNLL-2003) writes B only where two spans of one type touch. What a span is,
is conlleval's definition, which makes sense of broken sequences, too: an I that nothing goes before begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

OUTSIDE = "O"
PLAIN, IOB1, BIO, BIOES = "plain", "iob1", "bio", "bioes"
_LETTERS = frozenset("BIES")


class Span(NamedTuple):
    """Some words in a row and what they are."""

    first: int
    """its first word"""
    past: int
    """the word after its last"""
    type: str
    """what it is"""


def parted(label: str) -> tuple[str, str]:
    """Letter and type of a label; `O` has no type."""
    letter, _, kind = label.partition("-")
    return letter, kind


def is_span_label(label: str) -> bool:
    """Whether a label is one of a span scheme."""
    letter, hyphen, kind = label.partition("-")
    return label == OUTSIDE or (letter in _LETTERS and bool(hyphen and kind))


def detect(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of labels: `plain`, `iob1`, `bio` or `bioes`.

    Spans are there when every label is one of a scheme and one begins a span or goes on with it. They are
    IOB1 when spans begin with I, and with B only where they touch one of their type.
    """
    letters: set[str] = set()
    bare = needless = False
    for labels in sentences:
        if not all(map(is_span_label, labels)):
            return PLAIN
        letters.update(label[0] for label in labels)
        for before, label in pairwise((OUTSIDE, *labels)):
            touches = before != OUTSIDE and before[2:] == label[2:]
            bare |= label[0] == "I" and not touches
            needless |= label[0] == "B" and not touches
    if not letters & {"B", "I"}:
        return BIOES if "S" in letters else PLAIN
    if letters & {"E", "S"}:
        return BIOES
    return IOB1 if bare and not needless else BIO


def spans(labels: Sequence[str]) -> list[Span]:
    """The spans of a sentence in any of the schemes, broken or not, as conlleval sees them."""
    found: list[Span] = []
    first, kind, before = -1, "", OUTSIDE
    for place, label in enumerate((*labels, OUTSIDE)):
        letter, now = parted(label)
        begins = letter in "BS" or before in "ES" or now != kind
        if first >= 0 and (letter == OUTSIDE or begins):
            found.append(Span(first, place, kind))
            first = -1
        if letter != OUTSIDE and first < 0:
            first = place
        before, kind = letter, now
    return found


def written(found: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Spans as the labels of a sentence.

    Args:
        found: do not overlap.
        length: words of the sentence.
        scheme: `iob1`, `bio` or `bioes`.
    """
    labels, ended = [OUTSIDE] * length, (-1, "")
    for first, past, kind in found:
        labels[first:past] = [f"I-{kind}"] * (past - first)
        if scheme != IOB1 or ended == (first, kind):
            labels[first] = f"B-{kind}"
        if scheme == BIOES:
            labels[past - 1] = f"E-{kind}" if past - first > 1 else f"S-{kind}"
        ended = past, kind
    return labels


def converted(labels: Sequence[str], scheme: str) -> list[str]:
    """Labels of any span scheme in another; what was broken is whole then. `plain` changes nothing."""
    return list(labels) if scheme == PLAIN else written(spans(labels), len(labels), scheme)


def is_broken(labels: Sequence[str], scheme: str) -> bool:
    """Whether labels say something that their scheme would write otherwise."""
    return converted(labels, scheme) != list(labels)
