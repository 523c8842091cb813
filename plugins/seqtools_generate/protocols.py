"""Two honest ways to score a text, over any scoring function (a file, a network in training).

*Carried*: the text is one stream and the state is never reset, as a recurrent model is used.
*Windows*: the text is cut into windows of 256 predictions, each from a zero state, as transformers of
that context are scored (nanoGPT). nanoGPT averages over 200 batches of 64 random windows of the same
kind; cutting the split into windows that just touch scores each token once, so the figure is the mean
that its random draw estimates, without the noise.

The first token of the text is predicted by neither: no context, no guess. So both score the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

Score = Callable[[IntArray, FloatArray | None], tuple[FloatArray, FloatArray]]
"""`(tokens [batch, time], state [batch, S] or None) -> (log p of each token [batch, time], state)`;
no state means a fresh one. The first column is what the state alone predicted."""

Progress = Callable[[int, int], None]
"""Called with tokens done and tokens in all."""

WINDOW = 256


@dataclass(frozen=True)
class Scored:
    """Summed -log p in nats, and how many tokens it is the sum of."""

    nats: float
    tokens: int


def _quiet(done: int, total: int) -> None:
    """No progress wanted."""


def carried(score: Score, tokens: IntArray, *, chunk: int = 1024, progress: Progress = _quiet) -> Scored:
    """Score `tokens [time]` as one stream in pieces of `chunk`, the state going from piece to piece."""
    state: FloatArray | None = None
    nats = 0.0
    for start in range(0, len(tokens), chunk):
        log_probs, state = score(np.asarray(tokens[None, start : start + chunk], np.int64), state)
        nats -= float(log_probs[0, 1 if start == 0 else 0 :].sum(dtype=np.float64))
        progress(min(start + chunk, len(tokens)), len(tokens))
    return Scored(nats, max(len(tokens) - 1, 0))


def windows(
    score: Score,
    tokens: IntArray,
    *,
    window: int = WINDOW,
    batch: int = 64,
    progress: Progress = _quiet,
) -> Scored:
    """Score `tokens [time]` in windows of `window` predictions, each from a fresh state.

    A window reads `window` + 1 tokens, the first of them only as context; the next window starts on
    this one's last token. The last may be shorter.
    """
    total = max(len(tokens) - 1, 0)
    whole = total // window
    nats = 0.0
    for first in range(0, whole, batch):
        starts = np.arange(first, min(first + batch, whole)) * window
        rows = np.asarray(tokens[starts[:, None] + np.arange(window + 1)], np.int64)
        nats -= _unconditioned(score, rows)
        progress(int(starts[-1]) + window, total)
    if total % window:
        nats -= _unconditioned(score, np.asarray(tokens[None, whole * window :], np.int64))
        progress(total, total)
    return Scored(nats, total)


def _unconditioned(score: Score, rows: IntArray) -> float:
    """Summed log p of all but the first token of each row, from a fresh state."""
    log_probs, _ = score(rows, None)
    return float(log_probs[:, 1:].sum(dtype=np.float64))
