"""Why a text, or a part of it, gets its label: each word with its part of the label's log-odds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqtools.errors import UsageError

METHODS = ("occlusion", "gradients")
"""Leave words out, or integrate gradients."""

MOST_PIECES = 512
"""A text of more words is weighed in runs of words, so that a novel costs no more than a long review."""

_DIGITS = 6


@dataclass(frozen=True)
class Piece:
    """A word, a punctuation mark, or in a long text a run of words.

    Attributes:
        start, end: where it stands in the text.
        effect: its part of the label's log-odds, in nats; above 0 it speaks for the label. By occlusion those
            with it less those without it; by gradients effects sum to log-odds less those of nothing read.
    """

    start: int
    end: int
    effect: float


class Stretch(NamedTuple):
    """A part of a text as it is shown."""

    text: str
    """what stands there"""
    effect: float | None
    """of a piece; None between pieces"""
    about: bool
    """whether it belongs to what got the label"""


@dataclass(frozen=True)
class Explanation:
    """How much each word of a text speaks for a label.

    Attributes:
        text: as given.
        label: what is explained.
        probability: of the label for the whole text.
        log_odds: the same as log(p / (1 - p)).
        pieces: the words, in order; what stands between them has no effect of its own.
        method: how effects were found, one of `METHODS`.
        about: where the part of the text stands that got the label; None if the text as a whole did.
    """

    text: str
    label: str
    probability: float
    log_odds: float
    pieces: tuple[Piece, ...]
    method: str = "occlusion"
    about: tuple[int, int] | None = None

    @property
    def largest(self) -> float:
        """The largest effect, for or against; 0 where there is none."""
        return max((abs(piece.effect) for piece in self.pieces), default=0.0)

    @property
    def subject(self) -> str:
        """The part of the text that got the label; "" if the text as a whole did."""
        return "" if self.about is None else self.text[slice(*self.about)]

    def parts(self) -> list[tuple[str, float | None]]:
        """The whole text in order: words with their effects, and what stands between them with None."""
        return [(text, effect) for text, effect, _ in self.stretches()]

    def stretches(self) -> Iterator[Stretch]:
        """The same, and whether each belongs to what got the label."""
        place = 0
        for piece in self.pieces:
            yield from self._stretch(place, piece.start, None)
            yield from self._stretch(piece.start, piece.end, piece.effect)
            place = piece.end
        yield from self._stretch(place, len(self.text), None)

    def _stretch(self, start: int, end: int, effect: float | None) -> Iterator[Stretch]:
        first, past = self.about or (0, 0)
        if start < end:
            yield Stretch(self.text[start:end], effect, start < past and first < end)

    def as_json(self) -> dict[str, Any]:
        """JSON-safe, keys in order; with what got the label, if that is not the whole text."""
        told: dict[str, Any] = {"label": self.label}
        if self.about is not None:
            start, end = self.about
            told |= {"text": self.subject, "start": start, "end": end}
            told["probability"] = round(self.probability, _DIGITS)
        return {
            **told,
            "method": self.method,
            "log_odds": round(self.log_odds, _DIGITS),
            "words": [
                {
                    "text": self.text[piece.start : piece.end],
                    "start": piece.start,
                    "end": piece.end,
                    "effect": round(piece.effect, _DIGITS),
                }
                for piece in self.pieces
            ],
        }


def runs(words: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Words, given as where they begin and end; if there are more than `most`, runs of equally many."""
    size = -(-len(words) // most) or 1
    cut = (words[place : place + size] for place in range(0, len(words), size))
    return [(run[0][0], run[-1][1]) for run in cut]


def check_method(method: str) -> None:
    """See that there is such a way to weigh words.

    Raises:
        UsageError: there is not.
    """
    if method not in METHODS:
        raise UsageError("method", f"'{method}' is unknown", f"Use one of: {', '.join(METHODS)}")
