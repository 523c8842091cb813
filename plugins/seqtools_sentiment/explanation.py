"""Why a text gets its label: by what changes when a word is left out (occlusion), or by integrated gradients.

Only the model file is asked, so this works wherever the file does, and for every network in it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools.explaining.explanation import MOST_PIECES, Explanation, Piece, check_method, runs
from seqtools.explaining.gradients import MOST_PIECES as MOST_FADED
from seqtools_sentiment.gradients import faded_in
from seqtools_sentiment.probabilities import probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools_sentiment.run import Classifier

_WORD = re.compile(r"\w+(?:['\u2019\-]\w+)*|[^\w\s]+")
_TINY = 1e-7


def explain(model: Classifier, text: str, label: str | None, *, method: str, batch_size: int) -> Explanation:
    """See `Classifier.explain`."""
    check_method(method)
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
        effects = faded_in(model.fading, text, spans, weigh, without, batch_size).tolist()
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
    return runs([match.span() for match in _WORD.finditer(text)], most)


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
