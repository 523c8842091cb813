"""Why a text gets its label: by what changes when a word is left out (occlusion), or by integrated gradients.

Only the model file is asked, so this works wherever the file does, and for every network in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools_sentiment.gradients import MOST_PIECES as MOST_FADED
from seqtools_sentiment.gradients import integrated
from seqtools_sentiment.probabilities import probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools_sentiment.run import Classifier

MOST_PIECES = 512
"""A text of more words is left out in runs of words, so that a novel costs no more than a long review."""

METHODS = ("occlusion", "gradients")

_WORD = re.compile(r"\w+(?:['\u2019\-]\w+)*|[^\w\s]+")
_TINY = 1e-7


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
    """

    text: str
    label: str
    probability: float
    log_odds: float
    pieces: tuple[Piece, ...]
    method: str = "occlusion"

    @property
    def largest(self) -> float:
        """The largest effect, for or against; 0 where there is none."""
        return max((abs(piece.effect) for piece in self.pieces), default=0.0)

    def parts(self) -> list[tuple[str, float | None]]:
        """The whole text in order: words with their effects, and what stands between them with None."""
        told: list[tuple[str, float | None]] = []
        place = 0
        for piece in self.pieces:
            told.append((self.text[place : piece.start], None))
            told.append((self.text[piece.start : piece.end], piece.effect))
            place = piece.end
        return [(text, effect) for text, effect in [*told, (self.text[place:], None)] if text]


def explain(model: Classifier, text: str, label: str | None, *, method: str, batch_size: int) -> Explanation:
    """See `Classifier.explain`."""
    if method not in METHODS:
        raise UsageError("method", f"'{method}' is unknown", f"Use one of: {', '.join(METHODS)}")
    if label is not None and label not in model.classes:
        raise UsageError("label", f"'{label}' is unknown", f"Use one of: {', '.join(model.classes)}")
    faded, objective = method == "gradients", model.labels.objective
    spans = cut(text[: model.characters], MOST_FADED if faded else MOST_PIECES)
    without = [left_out(text, start, end) for start, end in spans]
    logits = np.stack(model.logits([text] if faded else [text, *without], batch_size=batch_size))
    shares = probabilities(logits[:1], objective)[0]
    chosen = model.classes.index(label) if label is not None else int(shares.argmax())
    odds = log_odds(logits, objective, chosen)
    if faded and spans:
        weigh = partial(log_odds, objective=objective, label=chosen)
        effects = integrated(model.fading, text, spans, weigh, without, batch_size).tolist()
    else:
        effects = (odds[0] - odds[1:]).tolist()
    return Explanation(
        text,
        model.classes[chosen],
        float(shares[chosen]),
        float(odds[0]),
        tuple(Piece(start, end, effect) for (start, end), effect in zip(spans, effects, strict=True)),
        method,
    )


def cut(text: str, most: int = MOST_PIECES) -> list[tuple[int, int]]:
    """Where the words stand; in a text of more than `most`, runs of equally many words."""
    words = [match.span() for match in _WORD.finditer(text)]
    size = -(-len(words) // most) or 1
    runs = [words[place : place + size] for place in range(0, len(words), size)]
    return [(run[0][0], run[-1][1]) for run in runs]


def left_out(text: str, start: int, end: int) -> str:
    """The text without a part of it, and without one of two blanks that would meet there."""
    before, after = text[:start], text[end:]
    if after[:1].isspace() and (not before or before[-1:].isspace()):
        after = after[1:]
    return before + after


def log_odds(logits: FloatArray, objective: str, label: int) -> NDArray[np.float64]:
    """Log-odds of a class from logits `[texts, outputs]`; where classes are not ordered by thresholds they
    are exact also where a probability rounds to 1."""
    if objective == "ordinal":
        share = np.clip(probabilities(logits, objective)[:, label].astype(np.float64), _TINY, 1 - _TINY)
        odds: NDArray[np.float64] = np.log(share) - np.log1p(-share)
        return odds
    z = logits.astype(np.float64)
    if objective == "sigmoid":
        return z[:, label]
    others = np.delete(z, label, axis=1)
    top = others.max(axis=1)
    against: NDArray[np.float64] = top + np.log(np.exp(others - top[:, None]).sum(axis=1))
    return z[:, label] - against
